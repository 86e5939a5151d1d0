"""Job kind `export`: runs, stack and policy frozen into one bundle with every file's hash."""

from __future__ import annotations

from core.policies.spec import ExportSpec
from jobs.kind import JobContext, JobKind, JobResult, Produced, kinds


def run(spec: ExportSpec, context: JobContext) -> JobResult:
    from core.bundles.bundle import export_bundle

    folder = export_bundle(spec, context.workspace, context.report)
    item = produced_bundle(folder)
    return JobResult(f"Bundle {item.name} is written to {folder}.", item.summary, [item])


def produced_bundle(folder: object) -> Produced:
    """A checked bundle folder as an artefact. Raises BundleError when a hash does not hold."""
    from core.bundles.bundle import open_bundle

    bundle = open_bundle(str(folder))
    manifest = bundle.manifest
    summary = {
        "name": manifest.name,
        "version": manifest.version,
        "created_at": manifest.created_at,
        "sha256": bundle.sha256,
        "members": [member.name for member in manifest.members],
        "stacked": manifest.stacked,
        "policy": bundle.policy.policy_id,
        "bytes": sum(file.stat().st_size for file in bundle.path.rglob("*") if file.is_file()),
    }
    return Produced("bundle", bundle.path.name, str(bundle.path), summary)


kinds.add(
    "export",
    JobKind(
        "export",
        "Export a bundle",
        "Freeze runs, stack and policy into a bundle: one folder, every file hashed.",
        ExportSpec,
        run,
    ),
)
