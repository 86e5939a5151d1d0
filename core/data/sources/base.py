"""What a data source is: it lists the files below a folder with what each of them is known to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from core.artifacts.files import sha256_file
from core.data.manifest.manifest import Manifest
from core.data.sources.walk import walk
from core.data.spec import PrepareSpec
from core.registry import Registry
from core.task import FACES, Task

AUTO = "auto"
CLIPS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif")
TEXTS = ("dataset", "group", "split", "method", "compression", "identity", "donor", "video", "original")


@dataclass(frozen=True, slots=True)
class SourceItem:
    """One file to take in. row: the manifest columns that all its crops inherit.

    label (1 = fake), and as text, "" where unknown: dataset, group, split (an official word), method, compression,
    identity (the person whose footage it is), donor (the person whose face was put there), video (stable name of the
    clip), original (the clip a fake was made from).
    """

    file: Path
    name: str
    row: dict[str, Any]


@dataclass(frozen=True)
class Listing:
    """What a source found, whole: every file below the root is an item, refused with a sentence, or unlisted.

    notes: sentences for the card. refusals: (file, why not) of what belongs here and cannot be used. unlisted: files
    that are no part of the layout. passed_over: files left out by a rule that the notes state with its count. lists:
    SHA-256 of every official list that was read, by name. group: what a group is here, one sentence. manifest: set
    where the pictures may stay in place. how: why `auto` chose this source.
    """

    items: list[SourceItem]
    notes: list[str] = field(default_factory=list)
    refusals: list[tuple[str, str]] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    lists: dict[str, str] = field(default_factory=dict)
    group: str = ""
    passed_over: int = 0
    manifest: Manifest | None = None
    source: str = ""
    how: str = ""

    def card(self, shown: int = 20) -> dict[str, Any]:
        """What the data set's card says of the listing: all counts, the first `shown` names."""
        return {
            "source": self.source,
            "how": self.how,
            "files": len(self.items),
            "group": self.group,
            "notes": self.notes,
            "official_lists": self.lists,
            "refused": {"files": len(self.refusals), "first": [list(pair) for pair in self.refusals[:shown]]},
            "unlisted": {"files": len(self.unlisted), "first": self.unlisted[:shown]},
        }


class DataSource(Protocol):
    """One layout of files. title: its name for people; tells: what its folder looks like, for messages."""

    title: str
    tells: str
    task: Task

    def recognises(self, root: Path) -> str:
        """The tell-tale names of this layout at `root`, in words; "" when they are not there. Reads no media."""

    def find(self, root: Path, spec: PrepareSpec, *, confined: bool = False) -> Listing:
        """List the files. confined: nothing outside `root` may be named (an upload).

        Raises ManifestError with all faults by file or row; ValueError (what, where, what next).
        """


data_sources: Registry[DataSource] = Registry("data source")


class Collector:
    """Sorts the files below a root into items, refusals and the rest, so that none is lost without a word."""

    def __init__(self, root: Path) -> None:
        self.tree = walk(root)
        self.names = set(self.tree.files)
        self.items: list[SourceItem] = []
        self.notes: list[str] = []
        self.refusals = list(self.tree.skipped)
        self.lists: dict[str, str] = {}
        self._seen: set[str] = set()
        self._skipped: Counter[str] = Counter()
        self._last: dict[str, Any] = {}

    def take(self, name: str, label: int, **columns: str) -> None:
        """`name` is an item with these columns; those not given are "", the method of a real one is "none"."""
        unknown = columns.keys() - set(TEXTS)
        if unknown:
            raise TypeError(f"no column {sorted(unknown)} in a source's row")
        row: dict[str, Any] = {"label": label, **dict.fromkeys(TEXTS, ""), **columns}
        row["method"] = row["method"] or ("unknown" if label else "none")
        row = self._last = self._last if self._last == row else row  # the frames of a clip share one row
        self.items.append(SourceItem(self.tree.root / name, name, row))
        self._seen.add(name)

    def refuse(self, name: str, why: str) -> None:
        """`name` belongs to the layout and is left out; it need not exist."""
        self.refusals.append((name, why))
        self._seen.add(name)

    def use(self, name: str) -> Path:
        """An official list: its hash goes on the card. Returns its path."""
        self.lists[name] = sha256_file(self.tree.root / name)
        self._seen.add(name)
        return self.tree.root / name

    def skip(self, names: Iterable[str], why: str) -> None:
        """Files left out on purpose, too many to name: `why` goes into the notes with their count."""
        names = list(names)
        self._seen.update(names)
        self._skipped[why] += len(names)

    def listing(self, group: str) -> Listing:
        """All that was found, with what was left out counted in the notes. group: what a group is, in words."""
        unlisted = [name for name in self.tree.files if name not in self._seen]
        self.notes += [f"{counted(count, 'file')} left out: {why}." for why, count in self._skipped.items() if count]
        if self.tree.hidden:
            self.notes.append(f"{counted(self.tree.hidden, 'hidden name')} (a dot first) passed over.")
        if unlisted:
            kinds = Counter(Path(name).suffix.lower() or "no suffix" for name in unlisted)
            said = ", ".join(f"{count:,} {suffix}" for suffix, count in kinds.most_common(5))
            self.notes.append(f"{counted(len(unlisted), 'file')} not read, being no part of this layout ({said}).")
        return Listing(self.items, self.notes, self.refusals, unlisted, self.lists, group, sum(self._skipped.values()))


def grouping(spec: PrepareSpec, source: str, supported: tuple[str, ...]) -> str:
    """How files are grouped: the spec's word, or the source's first for `auto`. Raises ValueError."""
    if spec.group_by == "auto":
        return supported[0]
    if spec.group_by not in supported:
        raise ValueError(f"{source} cannot be grouped by {spec.group_by}; it knows: auto, {', '.join(supported)}")
    return spec.group_by


def counted(number: int, noun: str) -> str:
    """`1 file`, `1,200 files`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def thinned(names: list[str], most: int) -> list[str]:
    """At most `most` of the names, evenly spaced, the first always among them."""
    if len(names) <= most:
        return names
    return [names[index * len(names) // most] for index in range(most)]


def is_faces(source: DataSource) -> bool:
    """Whether the source holds faces, real or fake, and not another task."""
    return source.task.name == FACES.name
