"""Job kind `import_scores`: makes a run of the scores of a detector that was run elsewhere."""

from __future__ import annotations

from core.artifacts.files import read_json
from core.scores.spec import ImportScoresSpec
from core.spec import Spec
from jobs.kind import JobContext, JobKind, JobResult, kinds
from jobs.workspace.runs import produced_run, run_name


def run(spec: ImportScoresSpec, context: JobContext) -> JobResult:
    from core.scores.imported_run import import_scores

    folder = context.workspace.runs / run_name(spec.name, "scores", context)
    if context.attempt > 1 and (folder / "run.json").is_file() and same(spec, read_json(folder / "spec.json")):
        document = read_json(folder / "run.json")
    else:
        document = import_scores(spec, folder, context.report)
    lost = f"; {document['failed']:,} failed (failed.csv)" if document["failed"] else ""
    message = f"Run {folder.name} holds {document['items']:,} scores of {document['groups']:,} groups{lost}."
    return JobResult(message, {"run": folder.name, **document}, [produced_run(folder)])


def same(spec: Spec, document: object) -> bool:
    """Return True when an earlier attempt of this job has made the folder already.

    Args:
        spec: The job's input.
        document: The folder's spec.json.

    Returns:
        Whether both say the same.
    """
    return spec.model_dump(mode="json") == document


kinds.add(
    "import_scores",
    JobKind(
        "import_scores",
        "Import scores",
        "Import the scores of any detector: a CSV or Parquet file with id, label, score and group.",
        ImportScoresSpec,
        run,
    ),
)
