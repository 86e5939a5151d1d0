"""DFDC (Dolhansky et al., 2020): chunks of clips, each with a metadata.json that names label and original.

`{"x.mp4": {"label": "FAKE", "original": "y.mp4", "split": "train"}}`, or `{"x.mp4": {"is_fake": 1}}` in the test part.
The preview set (Dolhansky et al., 2019) has one dataset.json at its root, whose clips may also say `set` (the split),
`target_id` (the person who is shown) and `swapped_id` (the person whose face was put in). Without any such list:
folders real/ and fake/.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from core.data.manifest.splits import WORDS
from core.data.manifest.tables import ManifestError
from core.data.sources.base import CLIPS, PICTURES, Collector, Listing, counted, grouping
from core.data.sources.label_folders import place_of
from core.data.sources.walk import read_listed_json
from core.data.spec import PrepareSpec
from core.task import FACES

METADATA = "metadata.json"
PREVIEW = "dataset.json"
LABELS = {"REAL": 0, "FAKE": 1}
FLAGS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "FALSE": 0, "TRUE": 1}


class Entry(NamedTuple):
    """One clip of a list.

    Attributes:
        name: Below the root.
        label: 0 = real, 1 = fake.
        original: Stem of its original, "" when none is named.
        split: Official word, "" when none is named.
        person: Who is shown, "" when not named.
        donor: Whose face was put in, "" when not named.
    """

    name: str
    label: int
    original: str = ""
    split: str = ""
    person: str = ""
    donor: str = ""

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem


class DFDC:
    """A group is an original with all its fakes, in whichever chunk they lie; of the preview set, a person."""

    title = "DFDC"
    tells = (
        "metadata.json beside the clips, in one folder or in many, or the preview's dataset.json (or, named with "
        "--source, real/ and fake/)"
    )
    task = FACES

    def recognises(self, root: Path) -> str:
        if not root.is_dir():
            return ""
        places = [root, *sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink())]
        listed = next((path / METADATA for path in places if (path / METADATA).is_file()), None)
        if listed:
            return listed.relative_to(root).as_posix()
        return PREVIEW if _is_preview(root / PREVIEW) else ""

    def find(self, root: Path, spec: PrepareSpec, *, confined: bool = False) -> Listing:
        grouping(spec, self.title, ("clip",))
        collector = Collector(root)
        entries = list(_from_lists(collector)) or list(_from_folders(collector))
        if not entries:
            raise ValueError(
                f"{root} has neither a {METADATA} that names clips nor real/ and fake/; expected: {self.tells}"
            )
        words = {entry.split for entry in entries} - {""}
        official = spec.keep_splits and len(words) > 1
        collector.notes += _notes(entries, words)
        for entry in entries:
            stem = entry.original or entry.stem
            collector.take(
                entry.name,
                entry.label,
                dataset="dfdc",
                group=f"actor {entry.person}" if entry.person and not entry.original else stem,
                split=entry.split if official else "",
                identity=f"actor {entry.person}" if entry.person else "",
                donor=f"actor {entry.donor}" if entry.donor else "",
                video=entry.stem,
                original=entry.original,
            )
        return collector.listing(
            "the person who is shown"
            if any(entry.person for entry in entries)
            else "the original clip with every fake made from it, over all chunks"
        )


def _notes(entries: list[Entry], words: set[str]) -> Iterator[str]:
    if len(words) == 1:
        yield f"Every clip says split {next(iter(words))!r}, so there is only one; a hash gives every group its split."
    known = {entry.stem for entry in entries if not entry.label}
    if lost := sum(1 for entry in entries if entry.original and entry.original not in known):
        yield f"{counted(lost, 'fake')} of an original that is not here, grouped by its name."
    if orphans := sum(1 for entry in entries if entry.label and not entry.original and not entry.person):
        yield (f"{counted(orphans, 'fake')} without a named original: each a group by itself, apart from its original.")
    if any(entry.person for entry in entries):
        yield (
            "Groups follow the person who is shown; the face of a fake can be in another split, because joining "
            "every pair of persons would leave few groups."
        )
    else:
        yield "DFDC names no people: one actor's clips can lie in two splits."


def _is_preview(file: Path) -> bool:
    """Whether a dataset.json is the preview's list of clips, and not the card of a data set made here."""
    if not file.is_file() or any((file.parent / name).is_file() for name in ("manifest.parquet", "manifest.csv")):
        return False
    try:
        document = read_listed_json(file)
    except ValueError:
        return False
    return isinstance(document, dict) and any(_label(fields) is not None for fields in document.values())


def _from_lists(collector: Collector) -> Iterator[Entry]:
    """Read every metadata.json, else the preview's dataset.json. Raises ManifestError for labels that are none."""
    lists = [name for name in collector.tree.files if PurePosixPath(name).name == METADATA]
    if not lists and PREVIEW in collector.names:
        lists = [PREVIEW]
    problems: list[str] = []
    for listed in lists:
        document = read_listed_json(collector.use(listed))
        if not isinstance(document, dict):
            raise ValueError(f"{listed} is no table of clips; expected {{'x.mp4': {{'label': 'REAL'}}}}")
        folder = listed[: -len(PurePosixPath(listed).name)]
        for clip, fields in document.items():
            label = _label(fields)
            if label is None:
                problems.append(
                    f"{listed} clip {clip[:80]!r}: it has neither a label REAL or FAKE nor an is_fake of 0 or 1; "
                    "correct it or take the clip out of the list"
                )
            elif f"{folder}{clip}" not in collector.names:
                collector.refuse(f"{folder}{clip}"[:300], f"{listed} names it, and it is not there.")
            else:
                yield _entry(f"{folder}{clip}", label, fields)
    if problems:
        raise ManifestError(PurePosixPath(lists[0]).name, problems)


def _entry(name: str, label: int, fields: dict[str, Any]) -> Entry:
    word = str(fields.get("split") or fields.get("set") or "").lower()
    original = PurePosixPath(str(fields.get("original") or "")).stem if label else ""
    person, donor = (_text(fields.get(key)) for key in ("target_id", "swapped_id"))
    return Entry(name, label, original, word if word in WORDS else "", person, donor if label else "")


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _label(fields: Any) -> int | None:
    """The label of a clip: `is_fake` as a number or a truth value, else the word of `label`."""
    if not isinstance(fields, dict):
        return None
    if (flag := FLAGS.get(str(fields.get("is_fake")).strip().upper())) is not None:
        return flag
    return LABELS.get(str(fields.get("label", "")).strip().upper())


def _from_folders(collector: Collector) -> Iterator[Entry]:
    for name in collector.tree.files:
        place = place_of(name)
        if place is not None and name.lower().endswith((*CLIPS, *PICTURES)):
            yield Entry(name, place.label)
