"""`prepare`: whatever the source is, the result is a data set folder with manifest, splits and card."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from core.artifacts.files import read_json, sha256_file, sync_folder, write_json, write_text
from core.artifacts.workspace import Workspace
from core.data.manifest.manifest import CARD, Manifest, table_manifest
from core.data.manifest.splits import Shares
from core.data.manifest.tables import csv_text
from core.data.prepare.archive import CONTENTS, inner_root, is_archive, unpack
from core.data.prepare.shortcut_check import settled
from core.data.sources import AUTO, Listing, data_sources, find
from core.data.sources.base import CLIPS, counted
from core.data.spec import PrepareSpec
from core.progress import Reporter

MOST_NAME = 60
"""Characters of a folder's name that is made from a file's: with what is put around it, it stays below 255 bytes."""
ABOUT_DEMO = (
    "Portraits drawn and rendered by code; nobody in them exists. Fakes are made from the same rendered people by "
    "self-blending, face swap, upsampling traces, resolution mismatch and relighting. Good for trying the workbench "
    "out; figures on it say nothing about real photographs."
)


def prepare(spec: PrepareSpec, workspace: Workspace, report: Reporter) -> Path:
    """Make the data set that a spec describes. The folder `datasets/NAME` of the workspace is complete or absent.

    A second call with the same spec returns what stands there; an interrupted one goes on where it stopped. Pictures of
    a manifest stay where they are unless faces are to be cut out of them or they are clips.

    Args:
        spec: What the person asked for.
        workspace: Where the data set goes.
        report: Receives the progress.

    Returns:
        The data set's folder.

    Raises:
        ManifestError: It names every fault of lists, labels and splits.
        FileNotFoundError: There is nothing at the path.
        ValueError: The layout does not fit, or nothing could be kept.
        FileExistsError: The name holds another data set.
        Cancelled: The job was stopped.
    """
    shares_of(spec)
    folder = place_of(spec, workspace)
    if folder.exists() and any(folder.iterdir()):
        if _same_work(_spec_of(folder), spec):
            report.progress(1.0, f"The data set {folder.name} is prepared already")
            return folder
        raise FileExistsError(f"a data set named {folder.name!r} exists already; choose another name")
    inner, contents = opened(spec, workspace, report)
    listing = listed(inner, workspace, report)
    with _staged(folder, spec) as aside:
        manifest, extra = _demo(inner, aside, report) if listing is None else _made(listing, inner, aside, report)
        source = listing.source if listing is not None else "demo"
        if "listing" in extra:
            extra["listing"]["notes"] = [*archive_notes(contents), *extra["listing"]["notes"]]
        manifest, trust = settled(manifest, spec, shares_of(spec), source, report)
        trust["warnings"] = [*(listing.warnings if listing else []), *trust.get("warnings", [])]
        manifest.save(aside, name=folder.name, spec=spec.model_dump(mode="json"), **contents, **extra, **trust)
    report.progress(1.0, f"The data set {folder.name} holds {len(manifest):,} items")
    return folder


def opened(spec: PrepareSpec, workspace: Workspace, report: Reporter) -> tuple[PrepareSpec, dict[str, Any]]:
    """Unpack a zip, and put its folder in its place in the spec.

    The folder lies in the workspace under the archive's hash: the same archive is unpacked once.

    Args:
        spec: What the person asked for.
        workspace: Where the archive is unpacked.
        report: Receives the progress.

    Returns:
        The spec, and what the card says of the archive; both unchanged and empty where the path is no zip.

    Raises:
        ArchiveRefused: The archive is dangerous, damaged or holds nothing; a ValueError.
    """
    source = Path(spec.path).expanduser()
    if not source.is_file() or not is_archive(source):
        return spec, {}
    name = "".join(c if c.isalnum() or c in "_-" else "_" for c in source.stem)[:MOST_NAME]
    root = unpack(source, workspace.uploads / sha256_file(source) / "unpacked" / name, report=report)
    contents = {"archive": {"file": source.name, **read_json(root / CONTENTS)}}
    root = inner_root(root, lambda folder: any(found.recognises(folder) for found in data_sources))
    listed = next((root / name for name in ("manifest.parquet", "manifest.csv") if (root / name).is_file()), None)
    return spec.model_copy(update={"path": str(listed or root)}), contents


def archive_notes(contents: dict[str, Any]) -> list[str]:
    """Say what of an archive was left out.

    Args:
        contents: As `opened` returns it.

    Returns:
        One sentence, or none where nothing was left out.
    """
    skipped = contents.get("archive", {}).get("skipped", {})
    if not skipped:
        return []
    reasons = "; ".join(f"{number:,} {reason}" for reason, number in skipped.items())
    return [f"{counted(sum(skipped.values()), 'file')} of the archive not unpacked: {reasons}."]


def place_of(spec: PrepareSpec, workspace: Workspace) -> Path:
    """Return the folder that the data set gets: `out`, else datasets/NAME of the workspace.

    Args:
        spec: What the person asked for.
        workspace: Where named data sets lie.

    Returns:
        The folder, which need not exist.

    Raises:
        ValueError: The name cannot be a folder.
    """
    return Path(spec.out).expanduser().absolute() if spec.out else workspace.datasets / dataset_name(spec)


def _spec_of(folder: Path, file: str = CARD) -> PrepareSpec | None:
    """The spec that a data set was made by; None when nothing readable says so."""
    document = read_json(folder / file) if (folder / file).is_file() else {}
    try:
        return PrepareSpec.model_validate(document.get("spec") if file == CARD else document)
    except ValidationError:
        return None


def _same_work(one: PrepareSpec | None, two: PrepareSpec) -> bool:
    """Whether two specs give the same data set: the number of processes changes nothing."""
    return one is not None and one.model_copy(update={"workers": two.workers}) == two


def dataset_name(spec: PrepareSpec) -> str:
    """Return the folder name: the spec's, else one made from the source's.

    Args:
        spec: What the person asked for.

    Returns:
        The name.

    Raises:
        ValueError: The name is empty or begins with a dot.
    """
    name = spec.name
    if not name:
        source = Path(spec.path)
        stem = source.resolve().parent.name if source.stem in ("manifest", "labels", "index") else source.stem
        name = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in stem.lower()).strip("-")
        name = name[:MOST_NAME]
    if not name or name.startswith("."):
        raise ValueError(f"{name!r} is no name for a data set; give one that begins with a letter or a digit")
    return name


def shares_of(spec: PrepareSpec) -> Shares:
    """Return the shares of the splits that a spec asks for.

    Args:
        spec: What the person asked for.

    Returns:
        The shares.

    Raises:
        ValueError: They exceed 1.
    """
    shares = Shares(spec.train_share, spec.select_share, spec.calib_share)
    shares.as_dict()
    return shares


Made = tuple[Manifest, dict[str, Any]]


def listed(spec: PrepareSpec, workspace: Workspace, report: Reporter) -> Listing | None:
    """List the files of the source, with labels and splits checked.

    Args:
        spec: What the person asked for.
        workspace: Uploads below it may name nothing outside themselves.
        report: Receives the progress.

    Returns:
        The listing; None for the demo set.

    Raises:
        ManifestError: It names every fault of lists, labels and splits.
        FileNotFoundError: There is nothing at the path.
        ValueError: The layout does not fit.
    """
    if spec.path == "demo":
        if spec.source != AUTO:
            raise ValueError(f"the demo set is drawn; it has no layout such as {spec.source!r}")
        return None
    report.progress(0.0, f"Listing the files of {Path(spec.path).name}")
    uploaded = Path(spec.path).expanduser().resolve().is_relative_to(workspace.uploads.resolve())
    return find(spec, confined=uploaded)


def _made(listing: Listing, spec: PrepareSpec, aside: Path, report: Reporter) -> Made:
    """The manifest, still without our splits, and what else the card says."""
    write_text(aside / "not_listed.csv", csv_text(_left_out(listing)))
    extra = {"listing": listing.card(), "task": data_sources.get(listing.source).task.model_dump(mode="json")}
    if stays_in_place(listing, spec):
        assert listing.manifest is not None
        return listing.manifest, extra
    from core.data.prepare.collect import collect, summary, thresholds

    rows = collect(listing.items, spec, aside, report)
    return table_manifest(rows, aside), {**extra, "sources": summary(aside), "thresholds": thresholds(spec)}


def stays_in_place(listing: Listing, spec: PrepareSpec) -> bool:
    """Return whether the pictures of a list are used where they are: no faces to cut, no clips to open.

    Args:
        listing: The files.
        spec: What the person asked for.

    Returns:
        True when no file is decoded.
    """
    names = [item.name.lower() for item in listing.items]
    return listing.manifest is not None and not spec.detect_faces and not any(name.endswith(CLIPS) for name in names)


def _left_out(listing: Listing) -> pd.DataFrame:
    """Every file that is no item, with the reason."""
    rest = [(name, "no part of this layout") for name in listing.unlisted]
    return pd.DataFrame([*listing.refusals, *rest], columns=["file", "why"])


def _demo(spec: PrepareSpec, aside: Path, report: Reporter) -> Made:
    from core.data.synth.portraits import draw_portraits

    rows = draw_portraits(aside, spec.seed, spec.demo_identities, spec.demo_size, report)
    return table_manifest(rows, aside), {"about": ABOUT_DEMO}


@contextmanager
def _staged(folder: Path, spec: PrepareSpec) -> Iterator[Path]:
    """A hidden folder beside the target that outlives failures, so that work can go on; renamed when complete.

    What an attempt with another spec left there is removed.
    """
    aside = folder.with_name(f".{folder.name}.part")
    if aside.exists() and not _same_work(_spec_of(aside, "spec.json"), spec):
        shutil.rmtree(aside)
    aside.mkdir(parents=True, exist_ok=True)
    write_json(aside / "spec.json", spec.model_dump(mode="json"))
    yield aside
    os.rename(aside, folder)
    sync_folder(folder.parent)
