"""Job kind `import_detector`: makes a run of published weights, which a confined process reads."""

from __future__ import annotations

from core.models.spec import ImportSpec
from jobs.kind import JobContext, JobKind, JobResult, kinds
from jobs.workspace.runs import produced_run, run_name


def run(spec: ImportSpec, context: JobContext) -> JobResult:
    from core.models.inference.import_weights import import_detector
    from core.models.inference.run import Run

    folder = context.workspace.runs / run_name(spec.name, spec.layout, context)
    made = Run(folder)
    if not (context.attempt > 1 and made.finished and made.spec == spec.model_dump(mode="json")):
        made = import_detector(spec, folder, context.report)
    item = produced_run(made.folder)
    dead = made.document["dead_keys"]
    message = f"Run {item.name} holds {spec.layout}: {len(dead)} dead tensors were left out and are named in run.json."
    return JobResult(message, {"run": item.name, "dead_keys": dead}, [item])


kinds.add(
    "import_detector",
    JobKind(
        "import_detector",
        "Import published weights",
        "Make a run of published GenConViT weights, read in a confined process and checked tensor by tensor.",
        ImportSpec,
        run,
    ),
)
