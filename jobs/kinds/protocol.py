"""Job kind `protocol`: leaves a method or a source out of a data set, pinned by a hash."""

from __future__ import annotations

from core.data.manifest.protocol_spec import ProtocolSpec
from jobs.kind import JobContext, JobKind, JobResult, kinds


def run(spec: ProtocolSpec, context: JobContext) -> JobResult:
    from core.data.manifest.pin import pin_protocols

    made, passed_over = pin_protocols(spec, context.workspace)
    name = spec.dataset
    message = "; ".join(f"{name}@{p.name}" for p in made)
    lost = [f"{value}: {why}" for value, why in passed_over.items()]
    return JobResult(
        message=f"Pinned {message}." + (f" Skipped: {'; '.join(lost)}." if lost else ""),
        values={"protocols": [p.model_dump(mode="json") for p in made], "passed_over": passed_over},
        produced=[],
    )


kinds.add(
    "protocol",
    JobKind(
        "protocol",
        "Leave one out",
        "Pin a protocol that leaves a method or a source out of a data set; use it as NAME@PROTOCOL.",
        ProtocolSpec,
        run,
    ),
)
