"""A data set's rows as its page shows them: what a person may filter and sort by, and what is excluded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from core.artifacts.files import read_json
from core.data.manifest.card import dataset_card
from core.data.manifest.exclusions import Exclusion, excluded
from core.data.manifest.leaks import DISTANCE, Leak, leaks
from core.data.manifest.manifest import CARD, Manifest
from core.spec import fingerprint
from core.task import FACES, Task
from jobs.queue.views import ArtifactView

QUALITIES = {
    "native_px": "face size (px in the source)",
    "sharpness": "sharpness",
    "brightness": "brightness",
    "contrast": "contrast",
    "yaw": "pose, yaw (degrees)",
    "time": "time in the clip (s)",
    "track": "track in the clip",
}
"""Columns of numbers that pictures can be sorted and cut by -> how a person reads them; each only where it is."""
SEARCHED = ("source", "identity", "group", "video", "path", "sample_id")
KEPT, OUT, BOTH = "in use", "excluded", "both"


@dataclass(frozen=True)
class Filter:
    """What the grid shows. Empty words and None mean all; `low` and `high` bound `quality`, both ends included."""

    split: str = ""
    label: int | None = None
    methods: Sequence[str] = ()
    sources: Sequence[str] = ()
    text: str = ""
    state: str = KEPT
    quality: str = ""
    low: float | None = None
    high: float | None = None
    sort: str = ""
    descending: bool = False


@dataclass(frozen=True)
class DatasetTable:
    """A prepared folder.

    Attributes:
        folder: Where it lies.
        root: Folder that the pictures' paths start from.
        frame: Every row of its manifest.
        out: sample_id -> why the row is excluded.
        card: dataset.json.
    """

    folder: Path
    root: Path
    frame: pd.DataFrame
    out: dict[str, Exclusion]
    card: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def kept(self) -> pd.DataFrame:
        """Return the rows that training and evaluation see."""
        return self.frame[~self.frame["sample_id"].isin(list(self.out))].reset_index(drop=True)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Return the card of the rows in use (core/data/manifest/card.py)."""
        return dataset_card(self.kept)

    def leaks(self, distance: int = DISTANCE) -> list[Leak]:
        """Find the leaks among the rows in use, most certain first; rows are positions in `kept`."""
        if distance not in self._leaks:
            self._leaks[distance] = leaks(self.kept, distance)
        return self._leaks[distance]

    @cached_property
    def _leaks(self) -> dict[int, list[Leak]]:
        return {}

    @property
    def words(self) -> tuple[str, str]:
        """What label 0 and label 1 are called here."""
        return Task.model_validate(self.card["task"]).classes if "task" in self.card else FACES.classes

    @property
    def qualities(self) -> list[str]:
        """Columns of QUALITIES that are here and hold at least one number."""
        return [name for name in QUALITIES if name in self.frame and self.frame[name].notna().any()]

    @cached_property
    def fingerprint(self) -> str:
        """Return the fingerprint of the rows in use."""
        return Manifest(self.kept, self.root).fingerprint()

    def file(self, path: str) -> Path:
        """Return the picture that a row of the manifest names."""
        return self.root / path

    def bounds(self, quality: str) -> tuple[float, float]:
        """Return the least and the greatest value of a quality column."""
        values = self.frame[quality].dropna()
        return float(values.min()), float(values.max())

    def chosen(self, wanted: Filter) -> pd.DataFrame:
        """Return the rows that a filter lets through, in its order.

        Rows without the number go last, and fail its bounds.
        """
        frame = self.frame
        keep = pd.Series(True, index=frame.index)
        if wanted.state != BOTH:
            keep &= frame["sample_id"].isin(list(self.out)) == (wanted.state == OUT)
        if wanted.split:
            keep &= frame["split"] == wanted.split
        if wanted.label is not None:
            keep &= frame["label"] == wanted.label
        if wanted.methods:
            keep &= frame["method"].isin(list(wanted.methods))
        if wanted.sources:
            keep &= frame["dataset"].isin(list(wanted.sources))
        if wanted.quality:
            keep &= frame[wanted.quality].between(
                -float("inf") if wanted.low is None else wanted.low,
                float("inf") if wanted.high is None else wanted.high,
            )
        for word in wanted.text.casefold().split():
            hits = [frame[name].astype(str).str.casefold().str.contains(word, regex=False) for name in self._searched]
            keep &= pd.concat(hits, axis=1).any(axis=1)
        found = frame[keep]
        if wanted.sort:
            found = found.sort_values(wanted.sort, ascending=not wanted.descending, kind="stable", na_position="last")
        return found

    @property
    def _searched(self) -> list[str]:
        return [name for name in SEARCHED if name in self.frame]


def load(item: ArtifactView) -> DatasetTable | None:
    """Load the data set behind an artefact as it is on disk now; None when its manifest is gone."""
    manifest, log = item.path / "manifest.parquet", item.path / "exclusions.jsonl"
    if not manifest.is_file():
        return None
    stamps = [path.stat().st_mtime_ns if path.is_file() else 0 for path in (manifest, log, item.path / CARD)]
    return _load(str(item.path), fingerprint(stamps))


@st.cache_resource(show_spinner=False, max_entries=8)
def _load(folder: str, stamp: str) -> DatasetTable:
    """Cached by what `stamp` says of the files; shared between sessions and therefore never changed."""
    place = Path(folder)
    card = read_json(place / CARD) if (place / CARD).is_file() else {}
    frame = pd.read_parquet(place / "manifest.parquet")
    for name in QUALITIES:
        if name in frame:
            frame[name] = pd.to_numeric(frame[name], errors="coerce")
    return DatasetTable(place, (place / str(card.get("root", "."))).resolve(), frame, excluded(place), card)
