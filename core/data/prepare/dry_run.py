"""What `prepare` would do, without doing it: counts, faults by file, and figures measured on a few files."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from core.artifacts.workspace import Workspace
from core.data.manifest.card import dataset_card
from core.data.manifest.leaks import leaks
from core.data.manifest.splits import assign_splits
from core.data.prepare.archive import is_archive
from core.data.prepare.prepare import listed, opened, place_of, shares_of, stays_in_place
from core.data.sources import Listing, SourceItem, checked
from core.data.sources.base import CLIPS
from core.data.spec import PrepareSpec
from core.media.limits import Refusal
from core.media.sniff import HEAD_BYTES, sniff
from core.progress import Reporter, Silent

SAMPLE = 6
"""Files of each kind (clips, pictures) that a dry run really takes in."""
TABLES = {"split": "split", "source": "dataset", "method": "method", "compression": "compression"}


@dataclass(frozen=True)
class Survey:
    """The listing of a spec with the splits that it would get.

    Attributes:
        listing: The files of the source.
        frame: One row a file, with the columns of a manifest.
        folder: Where the data set would lie.
        faults: (file, sentence) of files that cannot be taken in: refused by the source, unreadable, empty.
    """

    listing: Listing
    frame: pd.DataFrame
    folder: Path
    faults: list[tuple[str, str]] = field(default_factory=list)

    def counts(self) -> dict[str, list[dict[str, Any]]]:
        """Count files, groups and labels by split, source, method and compression.

        A group counts wherever it has a file.
        """
        tables = {}
        for title, column in TABLES.items():
            rows = [
                {
                    title: str(value) or "none",
                    "files": len(part),
                    "real": int((part["label"] == 0).sum()),
                    "fake": int((part["label"] == 1).sum()),
                    "groups": int(part["group"].nunique()),
                }
                for value, part in self.frame.groupby(column, sort=True)
            ]
            if len(rows) > 1 or rows[0][title] != "none":
                tables[title] = rows
        return tables

    def leaks(self) -> list[str]:
        """Return the people and clips that lie in two splits, most certain first, as sentences."""
        return [found.sentence for found in leaks(self.frame)]

    def document(self) -> dict[str, Any]:
        """Return the survey as JSON: what is there, what is not, and what a data set of it would warn of."""
        card = dataset_card(self.frame)
        return {
            "folder": str(self.folder),
            "listing": self.listing.card(shown=len(self.listing.refusals)),
            "counts": self.counts(),
            "faults": [{"file": name, "sentence": sentence} for name, sentence in self.faults],
            "leaks": self.leaks(),
            "warnings": [*card["warnings"], *self.listing.warnings],
        }


@contextmanager
def surveyed(spec: PrepareSpec, workspace: Workspace, report: Reporter) -> Iterator[Survey]:
    """Survey a spec; nothing that is written outlives the block (a zip is unpacked into a temporary folder).

    Args:
        spec: What the person asked for.
        workspace: Where names are looked up.
        report: Receives the progress.

    Yields:
        The survey.

    Raises:
        ManifestError: It names every fault of lists, labels and splits.
        ValueError: There is nothing to survey, or the layout does not fit.
    """
    if spec.path == "demo":
        raise ValueError("`demo` is drawn, not read: there is nothing to check; prepare it without this option")
    shares = shares_of(spec)
    with tempfile.TemporaryDirectory(prefix="aware-survey-") as temporary:
        path = Path(spec.path).expanduser()
        place = Workspace(Path(temporary)) if path.is_file() and is_archive(path) else workspace
        inner, _ = opened(spec, place, report)
        listing = listed(inner, place, report)
        assert listing is not None
        frame = checked(listing)
        frame = frame.assign(split=assign_splits(frame, shares, spec.seed, spec.keep_splits))
        yield Survey(listing, frame, place_of(spec, workspace), list(listing.refusals))


def unreadable(items: list[SourceItem], report: Reporter) -> list[tuple[str, str]]:
    """Find files that no decoder would open: gone, empty, or of another kind than pictures and clips.

    Only the first bytes of each are read; damage further in shows when a file is decoded.

    Args:
        items: The files.
        report: Receives the progress.

    Returns:
        (file, sentence) of each.
    """
    faults = []
    for number, item in enumerate(items):
        if number % 500 == 0:
            report.progress(number / len(items), f"Checking file {number + 1:,} of {len(items):,}")
        try:
            with open(item.file, "rb") as stream:
                sniff(stream.read(HEAD_BYTES))
        except OSError as error:
            faults.append((item.name, f"It cannot be read: {error.strerror}."))
        except Refusal as refusal:
            faults.append((item.name, refusal.sentence))
    return faults


@dataclass(frozen=True)
class Estimate:
    """What the whole would give, scaled up from files that were really taken in.

    Attributes:
        kind: "clips" or "pictures".
        files: Number of files of this kind.
        sample: Number of files that were taken in.
        crops: Expected number over all files.
        bytes: Expected size of pictures and sound on disk.
        seconds: Expected time for one worker.
        lost: Sampled files that gave nothing, by outcome.
    """

    kind: str
    files: int
    sample: int
    crops: float
    bytes: float
    seconds: float
    lost: dict[str, int]


def estimates(survey: Survey, spec: PrepareSpec, report: Reporter) -> list[Estimate]:
    """Estimate size and time from a few files.

    Args:
        survey: The files.
        spec: What to keep of them.
        report: Receives the progress.

    Returns:
        One estimate for clips and one for pictures; none where the pictures stay in place.
    """
    if stays_in_place(survey.listing, spec):
        return []
    kinds: dict[str, list[SourceItem]] = {"clips": [], "pictures": []}
    for item in survey.listing.items:
        kinds["clips" if item.name.lower().endswith(CLIPS) else "pictures"].append(item)
    return [_estimate(kind, items, spec, report) for kind, items in kinds.items() if items]


def _estimate(kind: str, items: list[SourceItem], spec: PrepareSpec, report: Reporter) -> Estimate:
    """Takes SAMPLE evenly spaced files into a temporary folder, one worker, and scales up."""
    from core.data.prepare.collect import summary

    count = min(SAMPLE, len(items))
    sample = [items[(2 * index + 1) * len(items) // (2 * count)] for index in range(count)]
    alone = spec.model_copy(update={"workers": 1})
    with tempfile.TemporaryDirectory(prefix="aware-survey-") as temporary:
        folder = Path(temporary)
        if spec.detect_faces:  # load the detector before the clock runs
            _kept(sample[:1], alone, folder / "warm")
        report.progress(0.0, f"Processing {count} of {len(items):,} {kind} to measure time and size")
        began = time.perf_counter()
        crops = _kept(sample, alone, folder / "sample")
        seconds = time.perf_counter() - began
        written = sum(path.stat().st_size for path in (folder / "sample").rglob("*") if path.suffix in (".png", ".wav"))
        outcomes = summary(folder / "sample")["files"]
    scale = len(items) / count
    lost = {name: number for name, number in outcomes.items() if name != "kept"}
    return Estimate(kind, len(items), count, crops * scale, written * scale, seconds * scale, lost)


def _kept(sample: list[SourceItem], spec: PrepareSpec, folder: Path) -> int:
    """Crops that the sample gives below `folder`; 0 when every file was judged and none gave one."""
    from core.data.prepare.collect import collect

    folder.mkdir()
    try:
        return len(collect(sample, spec, folder, Silent()))
    except ValueError:
        if not (folder / "report.csv").is_file():
            raise
        return 0
