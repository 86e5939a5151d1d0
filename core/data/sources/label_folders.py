"""Folders whose name is a label: `real/`, `0_real/`, `Fake_Images/`, also below folders of splits or generators."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from core.data.manifest.splits import WORDS

EXACT = {"real": 0, "fake": 1}
LABEL_WORDS = {
    **dict.fromkeys(("real", "reals", "original", "originals", "pristine", "authentic", "genuine"), 0),
    **dict.fromkeys(("fake", "fakes", "deepfake", "deepfakes", "manipulated", "synthetic", "generated", "forged"), 1),
}
MEDIA_WORDS = frozenset(
    ["image", "images", "img", "imgs", "picture", "pictures", "photo", "photos", "face", "faces", "crop", "crops",
     "frame", "frames", "video", "videos", "clip", "clips", "data", "sequences", "samples"]
)  # fmt: skip
DEEPEST = 3
"""Label folders are looked for at most so many levels below the root."""
MOST_FOLDERS = 500
"""Folders that are opened while the layout is recognised."""


def label_of_folder(name: str) -> int | None:
    """Read the label that a folder's name says.

    Args:
        name: One part of a path, e.g. `0_real`, `FakeImages`, `training_fake`.

    Returns:
        0 = real, 1 = fake; None where the name says neither, both, or something else too.
    """
    if name.lower() in EXACT:
        return EXACT[name.lower()]
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
    words = [word for word in re.split(r"[\W\d_]+", spaced) if word]
    labels = {LABEL_WORDS[word] for word in words if word in LABEL_WORDS}
    others = [word for word in words if not (word in LABEL_WORDS or word in MEDIA_WORDS or word in WORDS)]
    # "original_sequences" is FaceForensics++'s own layout, not a folder of one label
    return labels.pop() if len(labels) == 1 and not others and "sequences" not in words else None


class Place(NamedTuple):
    """Where a file lies.

    Attributes:
        label: 0 = real, 1 = fake.
        split: Official word of a folder called train, val or test; "" without one.
        above: Folders above the label's, but for those of splits.
        inner: Folders between the label's and the file, but for those of splits and of media (`frames/`).
        file: Name of the file without its suffix.
    """

    label: int
    split: str
    above: tuple[str, ...]
    inner: tuple[str, ...]
    file: str


def place_of(name: str) -> Place | None:
    """Read what the folders of a file say.

    Args:
        name: Its name below the root, with forward slashes.

    Returns:
        None where no folder above it is a label's.
    """
    *folders, file = name.split("/")
    at = next((i for i, folder in enumerate(folders[: DEEPEST + 1]) if label_of_folder(folder) is not None), None)
    if at is None:
        return None
    label = label_of_folder(folders[at])
    assert label is not None
    above, inner = folders[:at], folders[at + 1 :]
    named = {word for word in re.split(r"[\W\d_]+", folders[at].lower()) if word in WORDS}
    splits = [folder for folder in (*above, *inner[:1]) if folder.lower() in WORDS] or sorted(named)
    if inner and inner[0].lower() in WORDS:
        del inner[0]
    while inner and inner[-1].lower() in MEDIA_WORDS:
        del inner[-1]
    above = [folder for folder in above if folder.lower() not in WORDS]
    split = WORDS[splits[0].lower()] if splits else ""
    return Place(label, split, tuple(above), tuple(inner), Path(file).stem)


def label_folders(root: Path) -> list[tuple[str, int]]:
    """Find the folders that a label names, at the root or a few levels below.

    Args:
        root: Any place.

    Returns:
        (name below the root, label), those at the root first; nothing is looked for below a label's folder.
    """
    return [(name, label) for name in _folders(root) if (label := label_of_folder(name.rsplit("/", 1)[-1])) is not None]


def _folders(root: Path) -> Iterator[str]:
    """Yield folders below a root, level by level, but none below a label's."""
    level, opened = [""], 0
    for _ in range(DEEPEST + 1):
        below: list[str] = []
        for folder in level:
            opened += 1
            if opened > MOST_FOLDERS or not (root / folder).is_dir():
                return
            with os.scandir(root / folder) as entries:
                found = sorted(e.name for e in entries if e.name[0] != "." and e.is_dir(follow_symlinks=False))
            below += [f"{folder}/{name}" if folder else name for name in found]
        yield from below
        level = [name for name in below if label_of_folder(name.rsplit("/", 1)[-1]) is None]
