"""Bundles as pages see them: their manifest, what a change would change, what was there before, a zip to take away."""

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
    """bundle.json of a bundle folder, or None when the folder holds none."""
    path = folder / "bundle.json"
    return _manifest(path, path.stat().st_mtime) if path.is_file() else None


def member_titles(folder: Path) -> dict[str, str]:
    """Member name -> title of a bundle, with names for stage 3 and for evidence of no member (the crop's spectrum);
    these alone when the bundle is gone.
    """
    manifest = bundle_manifest(folder)
    return {"stage3": "Meta-model", "": "The picture itself"} | (
        {member.name: member.title for member in manifest.members} if manifest else {}
    )


def card_text(folder: Path) -> str:
    """The bundle's own card.md: training data, figures, what it gets wrong; empty when it has none."""
    path = folder / "card.md"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def bundle_title(folder: Path) -> str:
    """Name and version of a bundle; the folder's name when it is not readable."""
    manifest = bundle_manifest(folder)
    return f"{manifest.name} {manifest.version}" if manifest else folder.name


def policy_title(path: Path | None) -> str:
    """Name of the chosen policy; None is the bundle's own."""
    if path is None:
        return "the bundle's own"
    return str(read_json(path).get("name") or path.stem) if path.is_file() else f"{path.stem} (its file is gone)"


def changes(now: Path, then: Path) -> dict[str, str]:
    """What putting `then` in force in place of `now` changes, in words."""
    before, after = bundle_manifest(now), bundle_manifest(then)
    result = {"Now": bundle_title(now), "Then": bundle_title(then)}
    if before and after:
        old, new = {m.name for m in before.members}, {m.name for m in after.members}
        result["Members gone"] = ", ".join(sorted(old - new)) or "none"
        result["Members new"] = ", ".join(sorted(new - old)) or "none"
        result["Stage 3"] = f"{'yes' if before.stacked else 'no'} → {'yes' if after.stacked else 'no'}"
    result["Policy"] = "the new bundle's own"
    return result


def previous(history: Sequence[ActiveChangeView], workbench: Workbench) -> Path | None:
    """The bundle that was in force before the present one, if it is still there."""
    now = workbench.active().bundle
    seen = [Path(change.value) for change in history if change.what == "bundle"]
    before = next((folder for folder in [*seen, SHIPPED_BUNDLE] if folder != now), None)
    return before if before is not None and bundle_manifest(before) else None


def zipped(folder: Path, workspace: Workspace) -> Path:
    """A zip of the bundle in the workspace's `downloads`, made anew when the bundle has changed."""
    stamp = int((folder / "bundle.json").stat().st_mtime)
    target = workspace.root / "downloads" / f"{folder.name}-{stamp}.zip"
    if not target.is_file():
        with atomic_path(target) as aside, zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
            for path in sorted(p for p in folder.rglob("*") if p.is_file()):
                out.write(path, f"{folder.name}/{path.relative_to(folder)}")
    return target
