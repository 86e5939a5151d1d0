"""Which folders, zips and manifests the form offers: those that look like a data set, a few levels below the roots."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.data.manifest.splits import WORDS
from core.data.manifest.tables import ManifestError
from core.data.sources import data_sources
from core.data.sources.base import CLIPS, PICTURES
from core.data.sources.label_folders import label_folders

LISTED = (".zip", ".csv", ".tsv", ".parquet")
MOST_OFFERED = 300
DEEPEST = 3
"""Levels below a root that are looked through."""
MOST_ENTRIES = 20_000
"""Names that are read in all, so that a huge tree does not stop the page."""
MOST_BARE = 8
"""More folders of bare media than that are offered as the folder that holds them."""
LAYOUTS = ("ffpp", "celebdf", "dfdc", "df40", "manifest")
"""Sources that are recognised by the names in a folder alone; folders of labels are looked for apart."""


def offered(roots: Sequence[Path]) -> list[str]:
    """Find what could be prepared below the roots: known layouts, manifests, zips, else folders with media.

    A folder with a known layout is not looked into. A folder with media but without a layout is offered once, since a
    layout can be named for it, and only where nothing below it is offered. Folders without media are not offered.

    Args:
        roots: Folders that the server may read.

    Returns:
        At most MOST_OFFERED paths, those of the first root first.
    """
    budget = [MOST_ENTRIES]
    places = [place for root in roots if root.is_dir() for place in _below(root, DEEPEST, budget)]
    return [str(place) for place in places[:MOST_OFFERED]]


def _below(folder: Path, levels: int, budget: list[int]) -> list[Path]:
    """What a folder holds that can be prepared, in the order of names."""
    folders, files = _names(folder, budget)
    places = [folder / name for name in files]
    for place in (folder / name for name in folders):
        if _has_layout(place):
            places.append(place)
        elif levels > 1 and (inner := _below(place, levels - 1, budget)):
            places += inner
        elif _holds_media(place, budget):
            places.append(place)
    if len(places) > MOST_BARE and all(place.parent == folder and _is_bare(place) for place in places):
        return []  # a tree of media in many small folders: the folder above stands for them
    return places


def _names(folder: Path, budget: list[int]) -> tuple[list[str], list[str]]:
    """Folders, and files that may be a data set, both sorted; none of a folder that cannot be read."""
    folders, files = [], []
    for entry in _entries(folder, budget):
        if entry.is_dir(follow_symlinks=False):
            folders.append(entry.name)
        elif entry.name.lower().endswith(LISTED):
            files.append(entry.name)
    return sorted(folders), sorted(files)


def _is_bare(place: Path) -> bool:
    return place.is_dir() and not _has_layout(place)


def _has_layout(folder: Path) -> bool:
    """Whether a source recognises the names in a folder; one that may not be read has none.

    Folders of labels count directly below it or below train, val, test: what holds several sets is not one.
    """
    try:
        labels = {label for name, label in label_folders(folder) if set(name.lower().split("/")[:-1]) <= WORDS.keys()}
        return labels == {0, 1} or any(data_sources.get(name).recognises(folder) for name in LAYOUTS)
    except (OSError, ManifestError):
        return False


def _holds_media(folder: Path, budget: list[int], levels: int = 2) -> bool:
    """Whether a picture or clip lies in a folder, or in one of its first few folders."""
    inner: list[Path] = []
    for entry in _entries(folder, budget):
        if entry.name.lower().endswith((*PICTURES, *CLIPS)):
            return True
        if levels > 1 and len(inner) < MOST_BARE and entry.is_dir(follow_symlinks=False):
            inner.append(folder / entry.name)
    return any(_holds_media(place, budget, levels - 1) for place in inner)


def _entries(folder: Path, budget: list[int]) -> Iterator[os.DirEntry[str]]:
    """Entries of a folder that are not hidden, while the budget lasts."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if budget[0] <= 0:
                    return
                budget[0] -= 1
                if entry.name[0] != ".":
                    yield entry
    except OSError:  # the server may not read it, so it is not offered
        return
