"""A plain folder with real/ and fake/ (any case): the label is the folder, everything else is in the names."""

from __future__ import annotations

from pathlib import Path

from core.data.sources.base import Collector, Listing, grouping
from core.data.spec import PrepareSpec
from core.task import FACES

LABELS = {"real": 0, "fake": 1}


def label_folders(root: Path) -> dict[str, str]:
    """Find the folders at a root that a label names.

    Args:
        root: Any place.

    Returns:
        Name of the folder as written -> label.
    """
    if not root.is_dir():
        return {}
    return {path.name.lower(): path.name for path in sorted(root.iterdir()) if path.name.lower() in LABELS}


class RealFake:
    """Pictures and clips below real/ and fake/. The first folder below the label names data set and method."""

    title = "Folder with real/ and fake/"
    tells = "real/ and fake/"
    task = FACES

    def recognises(self, root: Path) -> str:
        found = label_folders(root)
        return " and ".join(f"{name}/" for name in found.values())

    def find(self, root: Path, spec: PrepareSpec, *, confined: bool = False) -> Listing:
        by = grouping(spec, self.title, ("file", "folder"))
        folders = label_folders(root)
        missing = [word for word in LABELS if word not in folders]
        if missing:
            raise ValueError(f"{root} has no folder {' and no folder '.join(missing)}; put files below real/ and fake/")
        found = Collector(root)
        words = {name: word for word, name in folders.items()}
        for name in found.tree.files:
            top, *inner = name.split("/")
            if top not in words or not inner:
                continue
            label, nested = LABELS[words[top]], len(inner) > 1
            place = Path(*inner)
            found.take(
                name,
                label,
                dataset=inner[0] if nested else found.tree.root.name,
                group=place.parent.as_posix() if by == "folder" and nested else place.stem,
                method=(inner[0] if nested else "unknown") if label else "none",
            )
        if not found.items:
            raise ValueError(f"{root} has empty folders real/ and fake/; put pictures or clips into them")
        return found.listing(
            "the files of one inner folder"
            if by == "folder"
            else "files of one name: a fake named like its original stays with it; people are not known"
        )
