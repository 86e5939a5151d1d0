"""A plain folder with reals and fakes: the label is a folder's name, everything else is in the other names."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from core.data.sources.base import CLIPS, Collector, Listing, counted, grouping
from core.data.sources.label_folders import Place, label_folders, place_of
from core.data.spec import PrepareSpec
from core.task import FACES

COUNTER = re.compile(r"(?:frame|frm|f|img|image|face|crop|picture|pic|photo|dsc|thumb)?[\W_]*\d+", re.IGNORECASE)
"""A name that only counts says nothing of who or what is shown."""
MOST_SHARE = 0.5
"""An inner folder is a clip when more than this share of its names count or stand in other folders too."""
GROUPS = {
    "file": "files of one name: a fake named like its original stays with it; people are not known",
    "folder": "the files of one inner folder, with the fakes of a folder of that name; people are not known",
    "both": "the files of one inner folder whose names are only numbers or repeat; elsewhere the files of one name",
}

Folder = tuple[str, tuple[str, ...], tuple[str, ...], int]
"""Split, folders above the label's, folders below it, label."""


class RealFake:
    """Pictures and clips below folders of labels. The first folder beside the label names data set and method."""

    title = "Folder with real/ and fake/"
    tells = "real/ and fake/ (also 0_real/ and 1_fake/, real_images/ and fake_images/, or below train/, val/, test/)"
    task = FACES

    def recognises(self, root: Path) -> str:
        folders = label_folders(root)
        exact = [name for name, _ in folders if name.lower() in ("real", "fake")]
        if len({label for _, label in folders}) < 2 and not exact:
            return ""
        shown = [f"{name}/" for name, _ in folders[:4]]
        return " and ".join(shown) + (f" and {len(folders) - 4} more" if len(folders) > 4 else "")

    def find(self, root: Path, spec: PrepareSpec, *, confined: bool = False) -> Listing:
        by = grouping(spec, self.title, ("file", "folder"))
        by = by if spec.group_by != "auto" else "auto"
        collector = Collector(root)
        places = {name: place for name in collector.tree.files if (place := place_of(name))}
        _refuse_one_label(root, places)
        units = _Units(places, by)
        if by == "auto":
            units.refuse_to_guess(root)
        for name, place in places.items():
            clip = units.is_clip(place)
            context = [*units.above(place), *(place.inner[:-1] if clip else place.inner)]
            collector.take(
                name,
                place.label,
                dataset=context[0] if context else collector.tree.root.name,
                group=units.group(place),
                split=place.split if spec.keep_splits else "",
                method=(context[0] if context else "unknown") if place.label else "none",
                video=os.path.dirname(name) if clip and not name.lower().endswith(CLIPS) else "",
                original=units.original(place) if clip and place.label else "",
            )
        collector.warnings += units.warnings()
        return collector.listing(GROUPS["both" if by == "auto" and units.clips else "file" if by == "auto" else by])


def _refuse_one_label(root: Path, places: dict[str, Place]) -> None:
    """Raise ValueError unless there are files of both labels."""
    folders = {label for _, label in label_folders(root)} | {place.label for place in places.values()}
    empty = {0, 1} - {place.label for place in places.values()}
    for labels, fault in (({0, 1} - folders, "no folder"), (empty, "an empty folder")):
        if labels:
            words = " and ".join(f"{fault} {('real', 'fake')[label]}" for label in sorted(labels))
            raise ValueError(f"{root} has {words}; put pictures or clips below real/ and fake/")


def only_counts(name: str) -> bool:
    """Return whether a name is a number, perhaps after a word such as `frame`.

    Args:
        name: Name of a file without its suffix, or of a folder.

    Returns:
        True for `00001`, `frame_12`, `IMG-7`.
    """
    return COUNTER.fullmatch(name) is not None


class _Units:
    """What stays together: an inner folder that is a clip, else the files of one name."""

    def __init__(self, places: dict[str, Place], by: str) -> None:
        self.places, self.by = places, by
        self.common = _common({place.above for place in places.values()})
        self.names: dict[Folder, list[str]] = defaultdict(list)
        self.folder_of: dict[Folder, str] = {}
        for name, place in places.items():
            self.names[_folder(place)].append(place.file)
            self.folder_of.setdefault(_folder(place), os.path.dirname(name))
        self.folders_with: Counter[tuple[int, str]] = Counter(
            (folder[3], file) for folder, files in self.names.items() for file in set(files)
        )
        self.clips = {folder for folder in self.names if folder[2] and self._looks_like_a_clip(folder)}
        self.real_clips = {folder[2]: folder for folder in sorted(self.clips) if not folder[3]}

    def _looks_like_a_clip(self, folder: Folder) -> bool:
        if self.by != "auto":
            return self.by == "folder"
        files = self.names[folder]
        return sum(only_counts(file) or self._repeats(file, folder[3]) for file in files) > MOST_SHARE * len(files)

    def _repeats(self, file: str, label: int) -> bool:
        """Whether a name stands in several folders of its label, and is not that of the one real it was made from."""
        named_after_a_real = label == 1 and self.folders_with[0, file] == 1
        return self.folders_with[label, file] > 1 and not named_after_a_real

    def is_clip(self, place: Place) -> bool:
        return _folder(place) in self.clips

    def above(self, place: Place) -> tuple[str, ...]:
        """Folders above the label's that differ between files."""
        return place.above[self.common :]

    def group(self, place: Place) -> str:
        """Name of the group. A number alone is none: it is told what it numbers, and of which split."""
        if self.is_clip(place):
            name, noun = self._clip_name(place.inner), "clip"
        elif self.by == "auto" and place.inner and only_counts(place.file):
            name, noun = "/".join((*place.inner, place.file)), "file"
        else:
            name, noun = place.file, "file"
        if only_counts(name):
            name = " ".join(filter(None, (place.split, noun, name)))
        return "/".join((*self.above(place), name))

    def _clip_name(self, inner: tuple[str, ...]) -> str:
        """A fake's folder is named after the real clip's whose path ends its own (`METHOD/CLIP` after `CLIP`)."""
        for start in range(len(inner)):
            if inner[start:] in self.real_clips:
                return "/".join(inner[start:])
        return "/".join(inner) if only_counts(inner[-1]) else inner[-1]

    def original(self, place: Place) -> str:
        """The folder of the real clip that a fake clip is named after; "" without one."""
        real = self.real_clips.get(tuple(self._clip_name(place.inner).split("/")))
        return self.folder_of[real] if real else ""

    def refuse_to_guess(self, root: Path) -> None:
        """Raise ValueError where numbered files may be frames of one clip as well as pictures of their own."""
        choice = (
            "Say which: --group-by folder keeps an inner folder together (frames of one clip); --group-by file keeps "
            "files of one name together (every number is another picture)"
        )
        for label, word in enumerate(("real", "fake")):
            folders = [folder for folder in self.names if folder[3] == label]
            if len(folders) == 1 and folders[0] in self.clips and len(self.names[folders[0]]) > 1:
                raise ValueError(
                    f"{root}: all {word} files are in one folder, {self.folder_of[folders[0]]}, and their names "
                    f"are only numbers or repeat. {choice}"
                )
        flat = {file for folder, files in self.names.items() if not folder[2] for file in files if only_counts(file)}
        for folder in sorted(self.clips):
            both = sorted(flat.intersection(self.names[folder]))
            if both:
                raise ValueError(
                    f"{root}: the number {both[0]} is a name in {self.folder_of[folder]} and outside of inner folders "
                    "too."
                    f" {choice}"
                )

    def warnings(self) -> Iterator[str]:
        """Say what was guessed, and what file names leave unknown."""
        if self.clips and self.by == "auto":
            example = self.folder_of[min(self.clips)]
            yield (
                f"{counted(len(self.clips), 'inner folder')} (e.g. {example}) with names that are only numbers or "
                "repeat: "
                "each counts as one clip and is in one split. If every picture is independent, prepare again "
                "with --group-by file."
            )
        loose = [name for name, place in self.places.items() if not self.is_clip(place)]
        numbered = [name for name in loose if only_counts(self.places[name].file)]
        if 2 * len(numbered) > len(self.places):
            yield (
                f"{counted(len(numbered), 'file name')} are only numbers (e.g. {numbered[0]}): which files show one "
                "clip or "
                "one person is not known, and figures are too good where they do. Put the files of each clip or "
                "person into a folder of their own and prepare again."
            )


def _common(paths: set[tuple[str, ...]]) -> int:
    """How many first folders all paths share: they say nothing of any file."""
    levels = [set(parts) for parts in zip(*paths, strict=False)]
    return next((depth for depth, names in enumerate(levels) if len(names) > 1), len(levels))


def _folder(place: Place) -> Folder:
    return place.split, place.above, place.inner, place.label
