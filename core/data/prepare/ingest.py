"""One file of raw media to its crops: frames, faces, tracks, quality. Only one frame is held in memory at a time."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core.data.faces.align import aligned_crop
from core.data.faces.faces import FaceDetection, crop_face, face_quality, find_faces
from core.data.faces.tracks import Track, Tracker
from core.data.manifest.hashes import perceptual_hash
from core.data.prepare.journal import Crop, Outcome
from core.data.sources.base import SourceItem
from core.data.spec import PrepareSpec
from core.media.decode import stream
from core.media.limits import LIBRARY
from core.media.plan import FramePlan
from core.media.types import Frame, MediaRejected

SIDE = 256
SEEN_PX = 24
"""Faces are looked for from this size on, so that those too small are counted rather than overlooked."""
MOST_FACES = 20
"""Of one frame, the largest; a crowd is not a portrait."""
PICTURES, SOUND = "pictures", "sound"


def plan_of(spec: PrepareSpec) -> FramePlan:
    """Return which frames of a clip a spec asks for.

    Args:
        spec: What the person asked for.

    Returns:
        The plan for the decoder.
    """
    step = float(spec.every_frames) if spec.frames == "nth" else spec.every_seconds
    return FramePlan(spec.frames, spec.max_faces, step)  # type: ignore[arg-type] # the spec's pattern holds it


def thresholds(spec: PrepareSpec) -> dict[str, Any]:
    """List all that decided which crops were kept and how they were cut, for the card.

    Args:
        spec: What the person asked for.

    Returns:
        Name -> value; None where it does not apply.
    """
    asked = {
        "frames": spec.frames,
        "every_frames": spec.every_frames if spec.frames == "nth" else None,
        "every_seconds": None if spec.frames == "nth" else spec.every_seconds,
        "max_frames_per_clip": spec.max_faces,
        "crop_side_px": SIDE,
    }
    if not spec.detect_faces:
        return {**asked, "detector": "none: the whole picture is the crop"}
    return {
        **asked,
        "detector": spec.detector,
        "people": spec.people,
        "aligned": spec.aligned,
        "crop_scale": spec.crop_scale,
        "min_face_px": spec.min_face_px,
        "min_sharpness": spec.min_sharpness,
        "max_yaw_deg": spec.max_yaw,
        "min_brightness": spec.min_brightness,
        "max_brightness": spec.max_brightness,
        "faces_seen_from_px": min(SEEN_PX, spec.min_face_px),
        "faces_per_frame": MOST_FACES,
    }


@dataclass(frozen=True)
class Fault:
    """A reason to leave a crop out.

    Attributes:
        reason: Its name in counts.
        applies: Whether it holds, given the measured quality and the spec.
        said: The sentence, given the same.
    """

    reason: str
    applies: Callable[[dict[str, float], PrepareSpec], bool]
    said: Callable[[dict[str, float], PrepareSpec], str]


FAULTS = (
    Fault(
        "too_small",
        lambda q, s: q["size_px"] < s.min_face_px,
        lambda q, s: f"The largest face has {q['size_px']:.0f} pixels; at least {s.min_face_px} are asked for.",
    ),
    Fault(
        "blurred",
        lambda q, s: q["sharpness"] < s.min_sharpness,
        lambda q, s: f"The face is blurred: sharpness {q['sharpness']:.0f}, at least {s.min_sharpness:g} is asked for.",
    ),
    Fault(
        "turned",
        lambda q, s: abs(q.get("yaw", 0.0)) > s.max_yaw,
        lambda q, s: f"The head is turned by {abs(q['yaw']):.0f} degrees; at most {s.max_yaw:g} are asked for.",
    ),
    Fault(
        "dark",
        lambda q, s: q["brightness"] < s.min_brightness,
        lambda q, s: f"The face is dark: brightness {q['brightness']:.0f} of 255, at least {s.min_brightness:g}.",
    ),
    Fault(
        "bright",
        lambda q, s: q["brightness"] > s.max_brightness,
        lambda q, s: f"The face is washed out: brightness {q['brightness']:.0f} of 255, at most {s.max_brightness:g}.",
    ),
)
"""In the order in which they are asked; a crop is counted under the first that applies."""
CUT_OFF = Fault(
    "cut_off",
    lambda q, s: q["missing"] > 0,
    lambda q, s: (
        f"The file ends early or is damaged, and {q['missing']:.0%} of the face lies in the part that is missing."
    ),
)
"""Asked first, and of whole pictures too."""


def ingest(item: SourceItem, spec: PrepareSpec, folder: Path) -> Outcome:
    """Decode one file, save its crops as PNG of SIDE x SIDE and its sound as WAV. Every file has an outcome.

    Args:
        item: The file.
        spec: What to keep of it.
        folder: Where `pictures` and `sound` lie.

    Returns:
        The crops, or why there are none.
    """
    stem = hashlib.sha256(item.name.encode()).hexdigest()[:20]
    for name in (PICTURES, SOUND):
        (folder / name).mkdir(parents=True, exist_ok=True)
    audio = f"{SOUND}/{stem}.wav"
    taker = _Taker(item, spec, folder, stem)
    try:
        plan = plan_of(spec)
        with stream(item.file, plan, limits=LIBRARY, sound_to=folder / audio if spec.keep_sound else None) as reading:
            for frame in reading:
                longest = max(reading.facts["width"], reading.facts["height"])
                taker.add(frame, longest / max(frame.rgb.shape[:2]))
    except MediaRejected as refusal:
        taker.undo()
        return Outcome(item.name, "refused", refusal.code, refusal.sentence)
    outcome = taker.outcome()
    outcome.kind, outcome.sha256, outcome.warnings = reading.kind, reading.sha256, reading.warnings
    outcome.seconds = float(reading.facts["duration"])
    outcome.sound = reading.sound if spec.keep_sound and reading.kind == "video" else ""
    if outcome.sound == "kept":
        if outcome.crops:
            outcome.audio = audio
        else:
            (folder / audio).unlink(missing_ok=True)
    return outcome


class _Taker:
    """Faces of the frames of one file as they come; who the subject is shows at the end."""

    def __init__(self, item: SourceItem, spec: PrepareSpec, folder: Path, stem: str) -> None:
        self.spec, self.folder, self.stem = spec, folder, stem
        self.name, self.label = item.name, int(item.row["label"])
        self.subjects = subjects_of(item)
        self.tracker = Tracker()
        self.frames = 0
        self.crops: list[tuple[Track, int, Crop]] = []
        self.faults: list[tuple[Track, int, Fault, dict[str, float]]] = []

    def add(self, frame: Frame, native: float) -> None:
        """Look for faces in the next frame.

        Args:
            frame: The frame.
            native: Pixels of the original over pixels of the frame.
        """
        self.frames += 1
        faces = self._found(frame.rgb)
        for place, (one, track) in enumerate(zip(faces, self.tracker.add(frame.time, faces), strict=True)):
            if place and self.spec.people == "frontmost":
                self.faults.append((track, place, BYSTANDER, {}))
                continue
            self._take(frame, native, place, one, track)

    def _found(self, rgb: np.ndarray) -> list[FaceDetection]:
        if not self.spec.detect_faces:
            return [FaceDetection((0.0, 0.0, float(rgb.shape[1]), float(rgb.shape[0])), 1.0)]
        return find_faces(rgb, self.spec.detector, min_px=min(SEEN_PX, self.spec.min_face_px))[:MOST_FACES]

    def _take(self, frame: Frame, native: float, place: int, one: FaceDetection, track: Track) -> None:
        spec = self.spec
        if not spec.detect_faces:
            crop = crop_face(frame.rgb, one.box, 1.0, SIDE)
        elif spec.aligned and one.landmarks is not None:
            crop = aligned_crop(frame.rgb, one.landmarks, spec.crop_scale, SIDE)
        else:
            crop = crop_face(frame.rgb, one.box, spec.crop_scale, SIDE)
        quality = face_quality(crop, one)
        quality["missing"] = frame.missing(one.box)
        asked = (CUT_OFF, *FAULTS) if spec.detect_faces else (CUT_OFF,)
        fault = next((fault for fault in asked if fault.applies(quality, spec)), None)
        if fault is not None:
            self.faults.append((track, place, fault, quality))
            return
        path = f"{PICTURES}/{self.stem}_{frame.index:06d}_{place:02d}.png"
        png = _png(crop)
        # Not flushed one by one: a kill leaves whole files, and what a power cut spoils is found by its size.
        (self.folder / path).write_bytes(png)
        record = Crop(
            path=path,
            frame=frame.index,
            time=round(frame.time, 3),
            track=0,
            bystander=False,
            native_px=round(quality["size_px"] * native, 1),
            sharpness=round(quality["sharpness"], 1),
            brightness=round(quality["brightness"], 1),
            contrast=round(quality["contrast"], 1),
            yaw=round(quality["yaw"], 1) if "yaw" in quality else None,
            phash=perceptual_hash(crop),
            size=len(png),
        )
        self.crops.append((track, place, record))

    def outcome(self) -> Outcome:
        """Number the people, part subject from bystanders, say what was left out and why."""
        ranked = sorted(self.tracker.tracks, key=lambda t: (-t.prominence, t.frames[0], t.boxes[0]))
        number = {id(track): rank for rank, track in enumerate(ranked)}
        result = Outcome(self.name, frames=self.frames, tracks=len(ranked))
        left_out: Counter[str] = Counter()
        for track, place, crop in self.crops:
            crop.track = number[id(track)]
            crop.bystander = not self._is_subject(crop.track, place)
            if self._wanted(crop.track, place):
                result.crops.append(crop)
            else:
                left_out[BYSTANDER.reason] += 1
                (self.folder / crop.path).unlink()
        unfit = []
        for track, place, fault, quality in self.faults:
            wanted = self._wanted(number[id(track)], place)
            left_out[fault.reason if wanted else BYSTANDER.reason] += 1
            if wanted:
                unfit.append((quality["size_px"], fault, quality))
        result.faces = sum(len(track.frames) for track in ranked) if self.spec.detect_faces else 0
        result.left_out = dict(sorted(left_out.items()))
        if not result.crops:
            self._explain(result, unfit)
        return result

    def _is_subject(self, track: int, place: int) -> bool:
        return place == 0 if self.spec.people == "frontmost" else track in self.subjects

    def _wanted(self, track: int, place: int) -> bool:
        """Everybody in a real clip is real; in a fake one the label speaks of the subject alone."""
        return self._is_subject(track, place) or (self.spec.people == "all" and self.label == 0)

    def _explain(self, result: Outcome, unfit: list[tuple[float, Fault, dict[str, float]]]) -> None:
        if not unfit:
            result.outcome = result.code = "no_face"
            result.sentence = "No face was found."
            return
        _, fault, quality = max(unfit, key=lambda entry: entry[0])
        result.outcome = result.code = fault.reason
        result.sentence = fault.said(quality, self.spec)

    def undo(self) -> None:
        """Remove what was written: the file turned out to be no good half way."""
        for _, _, crop in self.crops:
            (self.folder / crop.path).unlink(missing_ok=True)


BYSTANDER = Fault("bystander", lambda q, s: False, lambda q, s: "")


def subjects_of(item: SourceItem) -> frozenset[int]:
    """Read which tracks a file's label is about: column `subject` of its row ("0 2"), else track 0.

    Args:
        item: The file.

    Returns:
        Numbers of tracks.

    Raises:
        ValueError: The column holds anything but track numbers; the message names the file.
    """
    words = str(item.row.get("subject", "")).split()
    if not all(word.isdecimal() for word in words):
        raise ValueError(f"{item.name}: column subject holds {item.row['subject']!r}; give track numbers, e.g. `0 2`")
    return frozenset(map(int, words)) or frozenset({0})


def _png(rgb: np.ndarray) -> bytes:
    data = io.BytesIO()
    Image.fromarray(rgb).save(data, "PNG", compress_level=1)  # a fifth of the time of level 6, a tenth more bytes
    return data.getvalue()
