"""DFDC (Dolhansky et al., 2020): chunks of clips, each with a metadata.json that names label and original.

`{"x.mp4": {"label": "FAKE", "original": "y.mp4", "split": "train"}}`, or `{"x.mp4": {"is_fake": 1}}` in the test part;
without any metadata.json, folders real/ and fake/ (any case).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from core.data.manifest.splits import WORDS
from core.data.manifest.tables import ManifestError
from core.data.sources.base import CLIPS, PICTURES, Collector, Listing, counted, grouping
from core.data.sources.folder import LABELS as FOLDERS
from core.data.sources.folder import label_folders
from core.data.sources.walk import read_listed_json
from core.data.spec import PrepareSpec
from core.task import FACES

METADATA = "metadata.json"
LABELS = {"REAL": 0, "FAKE": 1}


class Entry(NamedTuple):
    """One clip of a metadata.json. name: below the root; original: stem of its original, "" when none is named."""

    name: str
    label: int
    original: str
    split: str

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem


class DFDC:
    """A group is an original with all its fakes, in whichever chunk they lie."""

    title = "DFDC"
    tells = "metadata.json beside the clips, in one folder or in many (or, named with --source, real/ and fake/)"
    task = FACES

    def recognises(self, root: Path) -> str:
        if not root.is_dir():
            return ""
        places = [root, *sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink())]
        found = next((path / METADATA for path in places if (path / METADATA).is_file()), None)
        return found.relative_to(root).as_posix() if found else ""

    def find(self, root: Path, spec: PrepareSpec, *, confined: bool = False) -> Listing:
        grouping(spec, self.title, ("clip",))
        found = Collector(root)
        entries = list(_from_metadata(found)) or list(_from_folders(found))
        if not entries:
            raise ValueError(
                f"{root} has neither a {METADATA} that names clips nor real/ and fake/; expected: {self.tells}"
            )
        words = {entry.split for entry in entries} - {""}
        official = spec.keep_splits and len(words) > 1
        if len(words) == 1:
            found.notes.append(
                f"Every clip says split {words.copy().pop()!r}, which splits nothing; groups are hashed."
            )
        known = {entry.stem for entry in entries if not entry.label}
        lost = sum(1 for entry in entries if entry.original and entry.original not in known)
        if lost:
            found.notes.append(f"{counted(lost, 'fake')} of an original that is not here, grouped by its name.")
        orphans = sum(1 for entry in entries if entry.label and not entry.original)
        if orphans:
            found.notes.append(
                f"{counted(orphans, 'fake')} without a named original: each a group by itself, apart from its original."
            )
        found.notes.append("DFDC names no people: one actor's clips can lie on two sides of a split.")
        for entry in entries:
            group = entry.original or entry.stem
            found.take(
                entry.name,
                entry.label,
                dataset="dfdc",
                group=group,
                split=entry.split if official else "",
                video=entry.stem,
                original=entry.original,
            )
        return found.listing("the original clip with every fake made from it, over all chunks")


def _from_metadata(found: Collector) -> Iterator[Entry]:
    problems: list[str] = []
    for listed in [name for name in found.tree.files if PurePosixPath(name).name == METADATA]:
        document = read_listed_json(found.use(listed))
        if not isinstance(document, dict):
            raise ValueError(f"{listed} is no table of clips; expected {{'x.mp4': {{'label': 'REAL'}}}}")
        folder = listed[: -len(METADATA)]
        for clip, said in document.items():
            label = _label(said)
            if label is None:
                problems.append(f"{listed} clip {clip[:80]!r}: its label is neither REAL nor FAKE")
            elif f"{folder}{clip}" not in found.names:
                found.refuse(f"{folder}{clip}"[:300], f"{listed} names it, and it is not there.")
            else:
                word = str(said.get("split") or "").lower()
                original = PurePosixPath(str(said.get("original") or "")).stem if label else ""
                yield Entry(f"{folder}{clip}", label, original, word if word in WORDS else "")
    if problems:
        raise ManifestError(METADATA, problems)


def _label(said: Any) -> int | None:
    if not isinstance(said, dict):
        return None
    if str(said.get("is_fake")) in ("0", "1"):
        return int(said["is_fake"])
    return LABELS.get(str(said.get("label", "")).upper())


def _from_folders(found: Collector) -> Iterator[Entry]:
    folders = {name: FOLDERS[word] for word, name in label_folders(found.tree.root).items()}
    for name in found.tree.files:
        top = name.split("/")[0]
        if top in folders and "/" in name and name.lower().endswith((*CLIPS, *PICTURES)):
            yield Entry(name, folders[top], "", "")
