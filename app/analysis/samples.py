"""List the sample media of the Analyze page: drawn by this project, and one photograph of scikit-image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.ui.theme import ASSETS
from core.artifacts.files import read_json

FOLDER = ASSETS / "samples"


@dataclass(frozen=True)
class Sample:
    """One sample file.

    Attributes:
        name: Its key.
        title: What the button says.
        about: One sentence on what it is and where it comes from.
        path: The file.
        thumbnail: Its small picture.
    """

    name: str
    title: str
    about: str
    path: Path
    thumbnail: Path


def samples(folder: Path = FOLDER) -> list[Sample]:
    """Return the samples listed in `samples.json` of a folder, in its order; none when there is no such list."""
    listing = folder / "samples.json"
    if not listing.is_file():
        return []
    return [
        Sample(row["name"], row["title"], row["about"], folder / row["file"], folder / row["thumbnail"])
        for row in read_json(listing)
    ]
