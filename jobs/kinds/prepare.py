"""Job kind `prepare`: a manifest, a folder of media, or the demo set becomes a data set with splits."""

from __future__ import annotations

from core.artifacts.files import read_json
from core.data.spec import PrepareSpec
from jobs.kind import JobContext, JobKind, JobResult, Produced, kinds


def run(spec: PrepareSpec, context: JobContext) -> JobResult:
    from core.data.prepare import prepare

    folder = prepare(spec, context.workspace, context.report)
    card = read_json(folder / "dataset.json")
    return JobResult(
        message=f"Data set {folder.name} is ready.",
        values={"dataset": folder.name, "card": card},
        produced=[Produced("dataset", folder.name, str(folder), card)],
    )


kinds.add(
    "prepare",
    JobKind(
        "prepare",
        "Prepare a data set",
        "Read a manifest or a folder of media, find faces if asked, cut grouped splits; or draw the demo set.",
        PrepareSpec,
        run,
    ),
)
