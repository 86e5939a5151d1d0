"""Job kind `experts`: what each expert adds to the others, and where they quarrel."""

from __future__ import annotations

from core.evaluate.experts.spec import ExpertsSpec
from jobs.kind import JobContext, JobKind, JobResult, Produced, kinds
from jobs.workspace.runs import run_name


def run(spec: ExpertsSpec, context: JobContext) -> JobResult:
    from core.evaluate.experts.report import measure

    folder = context.workspace.experts / run_name(spec.name, "experts", context)
    report = measure(spec, context.workspace, folder, context.report)
    summary = {
        "members": [item["name"] for item in report["members"]],
        "stack": spec.stack,
        "dataset": report["dataset"],
        "split": spec.split,
        "items": report["n"],
        "oracle_gain": report["together"]["gain"]["value"],
    }
    item = Produced("experts", folder.name, str(folder), summary)
    count = len(summary["members"])
    return JobResult(f"{count} experts are judged on {spec.split}.", {"report": folder.name, **summary}, [item])


kinds.add(
    "experts",
    JobKind(
        "experts",
        "Experts",
        "Judge experts beside each other: alone, in pairs, by embeddings and by reconstructions.",
        ExpertsSpec,
        run,
    ),
)
