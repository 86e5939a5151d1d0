"""Read bundles for the pages: manifest, titles, the effect of a change, the bundle before it, and a zip to save."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from core.artifacts.files import atomic_path, read_json
from core.artifacts.workspace import Workspace
from core.documents.bundle import BundleManifest
from jobs.client import SHIPPED_BUNDLE, Workbench
from jobs.queue.views import ActiveChangeView


@lru_cache(maxsize=32)
def _manifest(path: Path, changed: float) -> BundleManifest:
    return BundleManifest.model_validate(read_json(path))


def bundle_manifest(folder: Path) -> BundleManifest | None:
    """Read bundle.json of a bundle folder; None when the folder holds none."""
    path = folder / "bundle.json"
    return _manifest(path, path.stat().st_mtime) if path.is_file() else None


def member_titles(folder: Path) -> dict[str, str]:
    """Return the titles of a bundle's members by name.

    Stage 3 and evidence of no member (the spectrum of the crop) have titles too; these alone are left when the bundle
    no longer exists.
    """
    manifest = bundle_manifest(folder)
    return {"stage3": "Meta-model", "": "The picture itself"} | (
        {member.name: member.title for member in manifest.members} if manifest else {}
    )


def card_text(folder: Path) -> str:
    """Read the bundle's card.md (training data, figures, known errors); empty when it has none."""
    path = folder / "card.md"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def bundle_title(folder: Path) -> str:
    """Return name and version of a bundle; the folder's name when the bundle cannot be read."""
    manifest = bundle_manifest(folder)
    return f"{manifest.name} {manifest.version}" if manifest else folder.name


def policy_title(path: Path | None) -> str:
    """Return the name of the chosen policy; None stands for the bundle's own."""
    if path is None:
        return "the bundle's own"
    return str(read_json(path).get("name") or path.stem) if path.is_file() else f"{path.stem} (its file is gone)"


def changes(now: Path, then: Path) -> dict[str, str]:
    """Describe what changes when another bundle is put in force.

    Args:
        now: The folder of the bundle in force.
        then: The folder of the other bundle.

    Returns:
        What -> its change, in words.
    """
    before, after = bundle_manifest(now), bundle_manifest(then)
    result = {"Now": bundle_title(now), "Then": bundle_title(then)}
    if before and after:
        old, new = {m.name for m in before.members}, {m.name for m in after.members}
        result["Members removed"] = ", ".join(sorted(old - new)) or "none"
        result["Members added"] = ", ".join(sorted(new - old)) or "none"
        result["Stage 3"] = f"{'yes' if before.stacked else 'no'} → {'yes' if after.stacked else 'no'}"
    result["Policy"] = "the new bundle's own"
    return result


def previous(history: Sequence[ActiveChangeView], workbench: Workbench) -> Path | None:
    """Return the bundle that was in force before the present one.

    Args:
        history: Past changes, newest first.
        workbench: The workbench.

    Returns:
        Its folder; None when there is none or it no longer exists.
    """
    now = workbench.active().bundle
    seen = [Path(change.value) for change in history if change.what == "bundle"]
    before = next((folder for folder in [*seen, SHIPPED_BUNDLE] if folder != now), None)
    return before if before is not None and bundle_manifest(before) else None


def zipped(folder: Path, workspace: Workspace) -> Path:
    """Write a zip of a bundle into the `downloads` of the workspace, anew when the bundle has changed.

    Args:
        folder: The bundle.
        workspace: The workspace.

    Returns:
        The zip file.

    Raises:
        FileNotFoundError: The folder holds no bundle.json.
    """
    stamp = int((folder / "bundle.json").stat().st_mtime)
    target = workspace.root / "downloads" / f"{folder.name}-{stamp}.zip"
    if not target.is_file():
        with atomic_path(target) as aside, zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
            for path in sorted(p for p in folder.rglob("*") if p.is_file()):
                out.write(path, f"{folder.name}/{path.relative_to(folder)}")
    return target
