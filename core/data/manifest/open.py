"""Open the data set that a spec names: by name, by folder, or under a protocol."""

from __future__ import annotations

from pathlib import Path

from core.artifacts.workspace import Workspace
from core.data.manifest.exclusions import excluded
from core.data.manifest.manifest import CARD, Manifest, read_manifest
from core.data.manifest.splits import Shares


def open_dataset(ref: str | Path, workspace: Workspace, *, with_excluded: bool = False) -> Manifest:
    """Open the data set that a spec's `dataset` field names.

    `NAME@PROTOCOL` is the data set under one of its protocols (core/data/manifest/protocols.py), refused when its rows
    are not the pinned ones. A manifest that was never prepared gets the default splits (its own words honoured, seed
    0).

    Args:
        ref: A name in the workspace, a folder, or a manifest file.
        workspace: Where names are looked up.
        with_excluded: Keep the rows that a person excluded (core/data/manifest/exclusions.py). Without them the
            fingerprint is another one.

    Returns:
        The manifest with its splits.

    Raises:
        FileNotFoundError: It names what was looked for.
        ManifestError: The manifest cannot be used.
        ValueError: Every row is excluded, or the protocol does not fit.
    """
    base, protocol = split_reference(str(ref), workspace)
    place = dataset_place(base, workspace)
    prepared = (place.parent / CARD).is_file()
    manifest = read_manifest(place, refuse_leaks=not prepared)
    if not prepared:
        manifest = manifest.with_splits(Shares(), seed=0)
        manifest.refuse_leaks(place.name)
    elif out := {} if with_excluded else excluded(place.parent):
        rows = manifest.frame[~manifest.frame["sample_id"].isin(list(out))]
        if rows.empty:
            raise ValueError(f"every item of the data set {place.parent.name!r} is excluded; restore some")
        manifest = Manifest(rows.reset_index(drop=True), manifest.root)
    if not protocol:
        return manifest
    from core.data.manifest.protocols import open_protocol

    return Manifest(open_protocol(place.parent, protocol, manifest), manifest.root)


def split_reference(ref: str, workspace: Workspace) -> tuple[str, str]:
    """Split `NAME@PROTOCOL` into its two parts.

    Args:
        ref: What a spec names.
        workspace: Where names are looked up.

    Returns:
        (NAME, PROTOCOL); (ref, "") for a reference without a protocol, or a path with an @ in it.
    """
    base, at, protocol = ref.rpartition("@")
    if not at or not base or "/" in protocol or Path(ref).expanduser().exists() or (workspace.datasets / ref).exists():
        return ref, ""
    return base, protocol


def dataset_place(ref: str, workspace: Workspace) -> Path:
    """Find the manifest file of a data set.

    Args:
        ref: A name in the workspace, a folder, or a manifest file.
        workspace: Where names are looked up.

    Returns:
        The manifest file.

    Raises:
        FileNotFoundError: It names what was looked for.
    """
    named = workspace.datasets / ref
    place = named if Path(ref).name == ref and named.is_dir() else Path(ref).expanduser()
    if place.is_dir():
        files = [place / name for name in ("manifest.parquet", "manifest.csv") if (place / name).is_file()]
        if not files:
            raise FileNotFoundError(f"{place} holds no manifest.parquet or manifest.csv; make one with prepare")
        place = files[0]
    if not place.is_file():
        known = sorted(p.parent.name for p in workspace.datasets.glob(f"*/{CARD}") if not p.parent.name.startswith("."))
        raise FileNotFoundError(
            f"no data set {ref!r}: neither in the workspace ({', '.join(known) or 'it has none'}) nor a path"
        )
    return place
