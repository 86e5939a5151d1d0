"""Bundle folders as artefacts."""

from __future__ import annotations

from jobs.kind import Produced


def produced_bundle(folder: object) -> Produced:
    """Return the artefact of a bundle folder, after checking every hash.

    Args:
        folder: Path of the folder.

    Returns:
        The artefact, with what a list shows of it.

    Raises:
        BundleError: The folder is no bundle, or a file's hash differs.
    """
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
