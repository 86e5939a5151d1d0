"""Raw media as the tests take them in: the two usual specs, the items of a folder, boxes that are given."""

from __future__ import annotations

from pathlib import Path

from core.data.faces.types import FaceDetection
from core.data.sources.base import SourceItem
from core.data.spec import PrepareSpec

FACES = PrepareSpec(path="raw", detect_faces=True, frames="seconds", every_seconds=0.4, max_faces=5, people="all")
PLAIN = PrepareSpec(path="raw", frames="nth", every_frames=2, max_faces=10)

A, B, TINY = (10.0, 10.0, 120.0), (180.0, 50.0, 90.0), (180.0, 50.0, 30.0)
"""(x, y, side) of a large, a smaller and a tiny face."""


def items_of(root: Path) -> list[SourceItem]:
    """Everything below real/ and fake/."""
    return [
        SourceItem(
            file, file.relative_to(root).as_posix(), {"label": int(file.parent.name == "fake"), "group": file.stem}
        )
        for file in sorted(root.glob("*/*"))
    ]


def found(*faces: tuple[float, float, float]) -> list[FaceDetection]:
    """Square detections of a frame."""
    return [FaceDetection((x, y, side, side), 0.99) for x, y, side in faces]
