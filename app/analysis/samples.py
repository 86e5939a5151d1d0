"""Sample media to click: made by this project, and one photograph that ships inside scikit-image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.ui.theme import ASSETS
from core.artifacts.files import read_json

FOLDER = ASSETS / "samples"


@dataclass(frozen=True)
class Sample:
    """`about` says where it comes from and what it is, in one sentence."""

    name: str
    title: str
    about: str
    path: Path
    thumbnail: Path


def samples(folder: Path = FOLDER) -> list[Sample]:
    """The samples listed in `samples.json` of the folder, in its order; none when there is no such list."""
    listing = folder / "samples.json"
    if not listing.is_file():
        return []
    return [
        Sample(row["name"], row["title"], row["about"], folder / row["file"], folder / row["thumbnail"])
        for row in read_json(listing)
    ]
