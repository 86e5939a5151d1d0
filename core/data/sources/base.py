"""What a data source is: it lists the files below a folder with what is known of each of them."""

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
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".heic", ".heif")
TEXTS = ("dataset", "group", "split", "method", "compression", "identity", "donor", "video", "original")


@dataclass(frozen=True, slots=True)
class SourceItem:
    """One file to take in.

    Attributes:
        file: Its place on disk.
        name: Its name below the root, with forward slashes.
        row: The manifest columns that all its crops inherit: label (1 = fake), and as text, "" where unknown: dataset,
            group, split (an official word), method, compression, identity (the person whose footage it is), donor (the
            person whose face was put there), video (stable name of the clip), original (the clip a fake was made from).
    """

    file: Path
    name: str
    row: dict[str, Any]


@dataclass(frozen=True)
class Listing:
    """All that a source lists: every file below the root is an item, refused with a sentence, or unlisted.

    Attributes:
        items: The files to take in.
        notes: Sentences for the card.
        warnings: Sentences for the card's warnings: what makes figures too good.
        refusals: (file, why) of what belongs here and cannot be used.
        unlisted: Files that are no part of the layout.
        lists: SHA-256 of every official list that was read, by name.
        group: What a group is here, one sentence.
        passed_over: Number of files left out by a rule that the notes state with its count.
        manifest: Set where the pictures may stay in place.
        source: Name of the source.
        how: Why `auto` chose this source.
    """

    items: list[SourceItem]
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    refusals: list[tuple[str, str]] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    lists: dict[str, str] = field(default_factory=dict)
    group: str = ""
    passed_over: int = 0
    manifest: Manifest | None = None
    source: str = ""
    how: str = ""

    def card(self, shown: int = 20) -> dict[str, Any]:
        """Summarise the listing for the data set's card.

        Args:
            shown: Most names that are listed of refused and of unlisted files.

        Returns:
            JSON with all counts.
        """
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
    """One layout of files.

    Attributes:
        title: Its name for people.
        tells: What its folder looks like, for messages.
        task: What its labels mean.
    """

    title: str
    tells: str
    task: Task

    def recognises(self, root: Path) -> str:
        """Return the tell-tale names of this layout at `root` in words, "" when they are not there. Reads no media."""

    def find(self, root: Path, spec: PrepareSpec, *, confined: bool = False) -> Listing:
        """List the files of this layout below a folder.

        Args:
            root: The folder, or the list.
            spec: What the person asked for.
            confined: Nothing outside `root` may be named (an upload).

        Returns:
            The listing.

        Raises:
            ManifestError: It names all faults by file or row.
            ValueError: The layout does not fit; the message says what, where, and what to do next.
        """


data_sources: Registry[DataSource] = Registry("data source")


class Collector:
    """Sorts the files below a root into items, refusals and the rest, so that none is lost without a note."""

    def __init__(self, root: Path) -> None:
        self.tree = walk(root)
        self.names = set(self.tree.files)
        self.items: list[SourceItem] = []
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.refusals = list(self.tree.skipped)
        self.lists: dict[str, str] = {}
        self._seen: set[str] = set()
        self._skipped: Counter[str] = Counter()
        self._last: dict[str, Any] = {}

    def take(self, name: str, label: int, **columns: str) -> None:
        """Make an item of a file.

        Args:
            name: Its name below the root.
            label: 1 = fake, 0 = real.
            **columns: Columns of TEXTS; those not given are "", the method of a real file is "none".

        Raises:
            TypeError: A column is not one of TEXTS.
        """
        unknown = columns.keys() - set(TEXTS)
        if unknown:
            raise TypeError(f"no column {sorted(unknown)} in a source's row")
        row: dict[str, Any] = {"label": label, **dict.fromkeys(TEXTS, ""), **columns}
        row["method"] = row["method"] or ("unknown" if label else "none")
        row = self._last = self._last if self._last == row else row  # the frames of a clip share one row
        self.items.append(SourceItem(self.tree.root / name, name, row))
        self._seen.add(name)

    def refuse(self, name: str, why: str) -> None:
        """Leave out a file that belongs to the layout.

        Args:
            name: Its name; the file need not exist.
            why: A sentence.
        """
        self.refusals.append((name, why))
        self._seen.add(name)

    def use(self, name: str) -> Path:
        """Note that an official list was read: its hash goes on the card.

        Args:
            name: The list's name below the root.

        Returns:
            Its path.
        """
        self.lists[name] = sha256_file(self.tree.root / name)
        self._seen.add(name)
        return self.tree.root / name

    def skip(self, names: Iterable[str], why: str) -> None:
        """Leave out files on purpose that are too many to name.

        Args:
            names: The files.
            why: The reason; it goes into the notes with the count.
        """
        names = list(names)
        self._seen.update(names)
        self._skipped[why] += len(names)

    def listing(self, group: str) -> Listing:
        """Return all that was collected, with what was left out counted in the notes.

        Args:
            group: What a group is, in words.

        Returns:
            The listing.
        """
        unlisted = [name for name in self.tree.files if name not in self._seen]
        self.notes += [f"{counted(count, 'file')} left out: {why}." for why, count in self._skipped.items() if count]
        if self.tree.hidden:
            self.notes.append(
                f"{counted(self.tree.hidden, 'hidden file')} or folders left out (a dot first, or a system's own)."
            )
        if unlisted:
            kinds = Counter(Path(name).suffix.lower() or "no suffix" for name in unlisted)
            commonest = ", ".join(f"{count:,} {suffix}" for suffix, count in kinds.most_common(5))
            self.notes.append(f"{counted(len(unlisted), 'file')} not read: no part of this layout ({commonest}).")
        return Listing(
            self.items, self.notes, self.warnings, self.refusals, unlisted, self.lists, group,
            passed_over=sum(self._skipped.values()),
        )  # fmt: skip


def grouping(spec: PrepareSpec, source: str, supported: tuple[str, ...]) -> str:
    """Return how files are grouped: the spec's word, or for `auto` the first that the source supports.

    Args:
        spec: What the person asked for.
        source: Title of the source, for the message.
        supported: Words that the source knows.

    Returns:
        One of `supported`.

    Raises:
        ValueError: The source cannot be grouped in this way.
    """
    if spec.group_by == "auto":
        return supported[0]
    if spec.group_by not in supported:
        raise ValueError(f"{source} cannot be grouped by {spec.group_by}; it knows: auto, {', '.join(supported)}")
    return spec.group_by


def counted(number: int, noun: str) -> str:
    """Write a number with its noun: `1 file`, `1,200 files`.

    Args:
        number: How many.
        noun: In the singular.

    Returns:
        The words.
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def thinned(names: list[str], most: int) -> list[str]:
    """Choose evenly spaced names.

    Args:
        names: All names, in order.
        most: At most so many are chosen.

    Returns:
        The chosen names; the first is always among them.
    """
    if len(names) <= most:
        return names
    return [names[index * len(names) // most] for index in range(most)]


def is_faces(source: DataSource) -> bool:
    """Return whether the source holds faces, real or fake, and not another task.

    Args:
        source: The source.

    Returns:
        True for faces.
    """
    return source.task.name == FACES.name
