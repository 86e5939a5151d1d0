"""`prepare`: whatever the source is, the result is a data set folder with manifest, splits and card."""

from __future__ import annotations

from pathlib import Path

from core.artifacts.files import atomic_folder, read_json
from core.artifacts.workspace import Workspace
from core.data.manifest import CARD, Manifest, read_manifest
from core.data.spec import PrepareSpec
from core.data.splits import Shares
from core.data.validate import parse_label_map
from core.progress import Reporter


def prepare(spec: PrepareSpec, workspace: Workspace, report: Reporter) -> Path:
    """Make the data set that `spec` describes; the folder `datasets/<name>` of the workspace is whole or absent.

    Asked again with the same spec it returns what stands there. Pictures of a manifest stay where they are.
    Raises: ManifestError; FileNotFoundError; FileExistsError when the name holds something else; Cancelled."""
    folder = workspace.datasets / dataset_name(spec)
    if folder.exists():
        if (folder / CARD).is_file() and read_json(folder / CARD).get("spec") == spec.model_dump(mode="json"):
            report.progress(1.0, f"{folder.name} is prepared already")
            return folder
        raise FileExistsError(f"a data set named {folder.name!r} exists already; choose another name")
    source = Path(spec.source).expanduser()
    if not source.exists():
        raise FileNotFoundError(f"no manifest or folder at {source}; `demo` draws the demo set")
    return _from_manifest(spec, source, folder, report)


def dataset_name(spec: PrepareSpec) -> str:
    """The folder name: the spec's, else made from the source's. Raises ValueError for a name that hides itself."""
    name = spec.name
    if not name:
        source = Path(spec.source)
        stem = source.resolve().parent.name if source.stem in ("manifest", "labels", "index") else source.stem
        name = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in stem.lower()).strip("-")
    if not name or name.startswith("."):
        raise ValueError(f"{name!r} is no name for a data set; begin with a letter or a digit")
    return name


def shares_of(spec: PrepareSpec) -> Shares:
    """The spec's shares. Raises ValueError when they exceed 1."""
    shares = Shares(spec.train_share, spec.select_share, spec.calib_share)
    shares.as_dict()
    return shares


def finish(spec: PrepareSpec, manifest: Manifest, folder: Path, **extra: object) -> Manifest:
    """Cut the splits and write manifest and card into `folder`. Returns the manifest with its splits."""
    manifest = manifest.with_splits(shares_of(spec), spec.seed, spec.keep_splits)
    manifest.save(folder, name=dataset_name(spec), spec=spec.model_dump(mode="json"), **extra)
    return manifest


def _from_manifest(spec: PrepareSpec, source: Path, folder: Path, report: Reporter) -> Path:
    report.progress(0.0, f"reading {source.name}")
    manifest = read_manifest(source, parse_label_map(spec.label_map))
    report.progress(0.7, f"{len(manifest)} rows are sound; cutting splits")
    with atomic_folder(folder) as aside:
        finish(spec, manifest, aside)
    report.progress(1.0, f"{len(manifest)} items in {folder.name}")
    return folder
