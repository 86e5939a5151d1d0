"""Raw pictures and clips to square crops: every file ends in the report, kept or with the reason why not."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from core.artifacts.files import write_bytes, write_text
from core.data.faces import crop_face, find_faces
from core.data.manifest import Manifest
from core.data.spec import PrepareSpec
from core.data.tables import csv_text
from core.media.decode import decode
from core.media.types import Media, MediaRejected
from core.progress import Reporter

SIDE = 256
LABELS = {"real": 0, "fake": 1}
JOURNAL = "journal.jsonl"


@dataclass(frozen=True)
class Source:
    """One file to take in. row: the manifest columns that its crops inherit."""

    file: Path
    name: str
    row: dict[str, Any]


@dataclass
class Outcome:
    """What became of one file. outcome: kept, refused, no_face or too_small; code and sentence say why not;
    crops: (path below the data set, time in seconds) of what was kept; other_faces: seen but not the largest."""

    name: str
    outcome: str
    code: str = ""
    sentence: str = ""
    crops: list[tuple[str, float]] = field(default_factory=list)
    other_faces: int = 0


def folder_sources(root: Path, group_by: str) -> list[Source]:
    """All files below real/ and fake/ (any case), sorted. Raises ValueError when one of the two is missing.

    group_by `file`: files of one stem are one group, so that a fake named like its original stays with it;
    `folder`: the files of one folder are. dataset: first folder below the label's, else the root's name."""
    sources = []
    found = {path.name.lower(): path for path in sorted(root.iterdir()) if path.is_dir()}
    missing = [word for word in LABELS if word not in found]
    if missing:
        raise ValueError(f"{root} has no folder {' and no folder '.join(missing)}; put the files below real/ and fake/")
    for word, label in LABELS.items():
        for file in sorted(path for path in found[word].rglob("*") if path.is_file() and path.name[0] != "."):
            inner = file.relative_to(found[word])
            nested = len(inner.parts) > 1
            row = {
                "label": label,
                "dataset": inner.parts[0] if nested else root.name,
                "group": str(inner.parent) if group_by == "folder" and nested else inner.stem,
                "method": "none" if not label else inner.parts[0] if nested else "unknown",
                "video": "",
            }
            sources.append(Source(file, file.relative_to(root).as_posix(), row))
    if not sources:
        raise ValueError(f"{root} has empty folders real/ and fake/; put pictures or clips into them")
    return sources


def manifest_sources(manifest: Manifest) -> list[Source]:
    """The rows of a manifest whose files are raw media."""
    rows = manifest.frame.drop(columns=["sample_id"]).to_dict("records")
    return [Source(manifest.file(row["path"]), str(row["path"]), {str(k): v for k, v in row.items()}) for row in rows]


def gather(sources: list[Source], spec: PrepareSpec, folder: Path, report: Reporter) -> pd.DataFrame:
    """Take in every source below `folder`; files done by an interrupted run are not done again.

    Returns manifest rows. Writes report.csv. Raises ValueError when nothing at all could be kept; Cancelled."""
    done = _journal(folder)
    with open(folder / JOURNAL, "a", encoding="utf-8") as journal:
        for number, source in enumerate(sources):
            report.progress(number / len(sources), f"file {number + 1} of {len(sources)}: {source.name}")
            if source.name in done:
                continue
            done[source.name] = outcome = take_in(source, spec, folder)
            journal.write(json.dumps(asdict(outcome)) + "\n")
            journal.flush()
    outcomes = [done[source.name] for source in sources]
    write_text(folder / "report.csv", csv_text(_report_table(outcomes)))
    rows = [row for source in sources for row in _rows(source, done[source.name])]
    if not rows:
        raise ValueError(f"none of {len(sources)} files gave a picture: {_why(outcomes)}")
    return pd.DataFrame(rows)


def take_in(source: Source, spec: PrepareSpec, folder: Path) -> Outcome:
    """Decode one file and save its crops as PNG of SIDE x SIDE."""
    try:
        media = decode(source.file, max_frames=spec.max_faces)
    except MediaRejected as refusal:
        return Outcome(source.name, "refused", refusal.code, refusal.sentence)
    outcome = Outcome(source.name, "kept")
    largest = 0.0
    for index, rgb, time in _spaced(media, spec.every_seconds):
        crop, seen, others = _crop(rgb, spec)
        largest, outcome.other_faces = max(largest, seen), outcome.other_faces + others
        if crop is not None:
            path = f"pictures/{hashlib.sha256(source.name.encode()).hexdigest()[:20]}_{index:04d}.png"
            write_bytes(folder / path, _png(crop))
            outcome.crops.append((path, round(time, 3)))
    if not outcome.crops and largest > 0:
        outcome.outcome, outcome.code = "too_small", "too_small"
        outcome.sentence = f"The largest face has {largest:.0f} pixels; at least {spec.min_face_px} are asked for."
    elif not outcome.crops:
        outcome.outcome, outcome.code, outcome.sentence = "no_face", "no_face", "No face was found."
    return outcome


def _spaced(media: Media, every: float) -> Iterator[tuple[int, np.ndarray, float]]:
    """Frames at least `every` seconds apart: (running number, rgb, time)."""
    last, number = -np.inf, 0
    for frame in media.frames:
        if media.kind == "image" or frame.time >= last + every - 1e-6:
            yield number, frame.rgb, frame.time
            last, number = frame.time, number + 1


def _crop(rgb: np.ndarray, spec: PrepareSpec) -> tuple[np.ndarray | None, float, int]:
    """The crop or None, the longer side of the largest face in pixels, how many other faces there are.

    Only the largest face is kept: a label speaks of the person the file was collected for."""
    if not spec.detect_faces:
        return crop_face(rgb, (0, 0, rgb.shape[1], rgb.shape[0]), 1.0, SIDE), float(max(rgb.shape[:2])), 0
    found = find_faces(rgb, spec.detector, min_px=min(24, spec.min_face_px))
    if not found:
        return None, 0.0, 0
    size = float(max(found[0].box[2:]))
    if size < spec.min_face_px:
        return None, size, len(found) - 1
    return crop_face(rgb, found[0].box, spec.crop_scale, SIDE), size, len(found) - 1


def _png(rgb: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "PNG")
    return stream.getvalue()


def _journal(folder: Path) -> dict[str, Outcome]:
    """Outcomes of an interrupted run; a torn last line is work to do again."""
    done: dict[str, Outcome] = {}
    path = folder / JOURNAL
    if not path.is_file():
        return done
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        write_text(path, whole)
    for line in whole.splitlines():
        fields = json.loads(line)
        fields["crops"] = [(path_, time) for path_, time in fields["crops"]]
        done[fields["name"]] = Outcome(**fields)
    return done


def _rows(source: Source, outcome: Outcome) -> Iterator[dict[str, Any]]:
    for path, time in outcome.crops:
        yield {**source.row, "path": path, "source": source.name, "time": time}


def _report_table(outcomes: list[Outcome]) -> pd.DataFrame:
    columns = ["file", "outcome", "code", "sentence", "crops", "other_faces"]
    rows = [(o.name, o.outcome, o.code, o.sentence, len(o.crops), o.other_faces) for o in outcomes]
    return pd.DataFrame(rows, columns=columns)


def _why(outcomes: list[Outcome]) -> str:
    counts = Counter(f"{outcome.code}: {outcome.sentence}" for outcome in outcomes)
    return "; ".join(f"{n} x {reason}" for reason, n in counts.most_common(3))


def summary(folder: Path) -> dict[str, Any]:
    """What report.csv says, for the card: files by outcome and the first 20 that were not kept."""
    outcomes = list(_journal(folder).values())
    lost = [{"file": o.name, "outcome": o.outcome, "sentence": o.sentence} for o in outcomes if o.outcome != "kept"]
    return {
        "files": dict(Counter(outcome.outcome for outcome in outcomes)),
        "crops": sum(len(outcome.crops) for outcome in outcomes),
        "other_faces": sum(outcome.other_faces for outcome in outcomes),
        "not_kept": lost[:20],
    }
