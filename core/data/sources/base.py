"""What a data source is: it lists the files below a folder with what each of them is known to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from core.data.spec import PrepareSpec
from core.registry import Registry

AUTO = "auto"


@dataclass(frozen=True)
class SourceItem:
    """One file to take in. row: the manifest columns that all its crops inherit.

    label (1 = fake), dataset, group, split ("" or an official word), method, compression, identity, video (stable name
    of the clip, "" for pictures), original (the clip a fake was made from, or "")."""

    file: Path
    name: str
    row: dict[str, Any]


@dataclass(frozen=True)
class Listing:
    """What a source found. notes: sentences for the card; refusals: (file or row, sentence) of what was left out."""

    items: list[SourceItem]
    notes: list[str] = field(default_factory=list)
    refusals: list[tuple[str, str]] = field(default_factory=list)


class DataSource(Protocol):
    """One layout of files. `title` and `tells` (what its folder looks like) are for lists and messages."""

    title: str
    tells: str

    def recognises(self, root: Path) -> bool:
        """Whether tell-tale files of this layout lie at `root`; looks at few names, reads no media."""

    def find(self, root: Path, spec: PrepareSpec) -> Listing:
        """List the files. Raises ValueError (what, where, what next) when the layout is not there."""


data_sources: Registry[DataSource] = Registry("data source")
