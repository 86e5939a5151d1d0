"""What became of each file that `prepare` took in: the journal that outlives a kill, report.csv, the card's counts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from core.artifacts.files import write_text
from core.data.manifest.tables import csv_text

JOURNAL = "journal.jsonl"
REPORT = "report.csv"


@dataclass
class Crop:
    """One picture that was kept.

    Attributes:
        path: Below the data set.
        frame: Index in the clip.
        time: Seconds from the start of the clip.
        track: Number of the person in the clip, 0 = who fills most of it.
        bystander: Not the person that the label is about.
        native_px: Longer side of the face box in pixels of the original file (of the whole picture where no face was
            searched for).
        sharpness: As `face_quality` measures it.
        brightness: Mean grey, 0 to 255.
        contrast: As `face_quality` measures it.
        yaw: Degrees; None where it is not known.
        phash: Perceptual hash of the crop.
        size: Bytes of the PNG.
    """

    path: str
    frame: int
    time: float
    track: int
    bystander: bool
    native_px: float
    sharpness: float
    brightness: float
    contrast: float
    yaw: float | None
    phash: str
    size: int

    def columns(self) -> dict[str, Any]:
        """Return the manifest cells. The label of a file is about its subject, hence the column `bystander`."""
        cells = asdict(self)
        del cells["size"]
        cells["bystander"] = int(self.bystander)
        cells["yaw"] = "" if self.yaw is None else self.yaw
        return cells


@dataclass
class Outcome:
    """What became of one file.

    Attributes:
        name: The file.
        outcome: kept, refused, no_face, or why no face was fit (too_small, blurred, ...).
        code: Short name of the reason why it was not kept.
        sentence: The reason in words.
        kind: "image" or "video".
        sha256: Of the file.
        crops: What was kept.
        left_out: Number of crops by the reason why they were left out.
        faces: Found in all frames together.
        tracks: People.
        frames: Frames that were looked at.
        seconds: Length of the clip.
        audio: Path of the WAV.
        sound: kept, none, unread, or "" when it was not asked for.
        warnings: Of the decoder.
    """

    name: str
    outcome: str = "kept"
    code: str = ""
    sentence: str = ""
    kind: str = ""
    sha256: str = ""
    crops: list[Crop] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    faces: int = 0
    tracks: int = 0
    frames: int = 0
    seconds: float = 0.0
    audio: str = ""
    sound: str = ""
    warnings: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Return the outcome as one line of the journal, its end included."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def of(cls, line: str) -> Outcome:
        """Read an outcome back from a line of the journal.

        Args:
            line: JSON.

        Returns:
            The outcome.

        Raises:
            ValueError: The line is no JSON.
            KeyError: A field is missing.
            TypeError: A field is unknown or missing.
        """
        fields = json.loads(line)
        return cls(**{**fields, "crops": [Crop(**crop) for crop in fields["crops"]]})

    def whole(self, folder: Path) -> bool:
        """Return whether all its crops are there in full. After a power cut a file may be listed and empty.

        Args:
            folder: The data set's folder.

        Returns:
            False when one is missing or has another size.
        """
        return all(
            (folder / crop.path).is_file() and (folder / crop.path).stat().st_size == crop.size for crop in self.crops
        )


def read_journal(folder: Path) -> dict[str, Outcome]:
    """Read the outcomes of an interrupted run. An unfinished last line is cut off; its file is done again.

    Args:
        folder: The data set's folder.

    Returns:
        Name of the file -> outcome, for those whose crops are all there.
    """
    path = folder / JOURNAL
    if not path.is_file():
        return {}
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        write_text(path, whole)
    outcomes = (Outcome.of(line) for line in whole.splitlines())
    return {outcome.name: outcome for outcome in outcomes if outcome.whole(folder)}


def write_report(folder: Path, outcomes: list[Outcome]) -> None:
    """Write report.csv, one row a file, and the journal once more in the order of the files.

    Args:
        folder: The data set's folder.
        outcomes: One a file.
    """
    rows = [
        {
            "file": o.name,
            "outcome": o.outcome,
            "code": o.code,
            "sentence": o.sentence,
            "kind": o.kind,
            "seconds": round(o.seconds, 3),
            "frames": o.frames,
            "faces": o.faces,
            "tracks": o.tracks,
            "crops": len(o.crops),
            "other_faces": o.left_out.get("bystander", 0),
            "left_out": "; ".join(f"{reason} {count}" for reason, count in o.left_out.items()),
            "sound": o.sound,
            "warnings": " ".join(o.warnings),
            "sha256": o.sha256,
        }
        for o in outcomes
    ]
    write_text(folder / REPORT, csv_text(pd.DataFrame(rows)))
    write_text(folder / JOURNAL, "".join(o.line() for o in outcomes))


def summary(folder: Path, shown: int = 20) -> dict[str, Any]:
    """Summarise report.csv for the card.

    Args:
        folder: The data set's folder.
        shown: Most files that are listed by name.

    Returns:
        JSON: files by outcome and by code, crops left out by reason, sound, and the first files that were not kept.
    """
    outcomes = list(read_journal(folder).values())
    lost = [o for o in outcomes if o.outcome != "kept"]
    clips = [o for o in outcomes if o.kind == "video"]
    return {
        "files": dict(Counter(o.outcome for o in outcomes)),
        "codes": dict(Counter(o.code for o in lost)),
        "crops": sum(len(o.crops) for o in outcomes),
        "faces": sum(o.faces for o in outcomes),
        "other_faces": sum(o.left_out.get("bystander", 0) for o in outcomes),
        "left_out": _total(o.left_out for o in outcomes),
        "clips": len(clips),
        "clip_seconds": round(sum(o.seconds for o in clips), 1),
        "clips_of_several_people": sum(o.tracks > 1 for o in clips),
        "sound": dict(Counter(o.sound for o in clips if o.sound)),
        "with_warnings": sum(bool(o.warnings) for o in outcomes),
        "not_kept": [{"file": o.name, "outcome": o.outcome, "code": o.code, "sentence": o.sentence} for o in lost][
            :shown
        ],
    }


def why(outcomes: list[Outcome]) -> str:
    """Name the three commonest reasons.

    Args:
        outcomes: Files that were not kept.

    Returns:
        The reasons in words, each with its count.
    """
    counts = Counter(f"{outcome.code}: {outcome.sentence}" for outcome in outcomes)
    return "; ".join(f"{n} x {reason}" for reason, n in counts.most_common(3))


def _total(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(sorted(total.items()))
