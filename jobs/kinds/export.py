"""Job kind `export`: writes runs, stack and policy into one bundle, with the hash of every file."""

from __future__ import annotations

from core.bundles.spec import ExportSpec
from jobs.kind import JobContext, JobKind, JobResult, kinds
from jobs.workspace.bundles import produced_bundle


def run(spec: ExportSpec, context: JobContext) -> JobResult:
    from core.bundles.export import export_bundle

    folder = export_bundle(spec, context.workspace, context.report)
    item = produced_bundle(folder)
    return JobResult(f"Bundle {item.name} is written to {folder}.", item.summary, [item])


kinds.add(
    "export",
    JobKind(
        "export",
        "Export a bundle",
        "Copy runs, stack and policy into a bundle: one folder, with a hash of each file.",
        ExportSpec,
        run,
    ),
)
