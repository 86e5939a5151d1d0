"""From decoded media to the units of a cascade: faces of a picture, tracks of a clip, or the centre square."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from core.analysis.retry_faces import retry_faces, unturned
from core.cascade.units import Unit
from core.data.faces.faces import crop_face, face_quality, find_faces
from core.data.faces.shots import cut_track
from core.data.faces.tracks import link_tracks
from core.documents.inputs import InputSpec
from core.media.types import Media

CROP_SIDE = 256
"""Crops are cut at the side of prepared data sets (or the member's, when larger); members resize from there as they
do in evaluation."""

BRIEF_SHARE = 0.2
"""Tracks seen in a smaller share of the frames than this (or once) are taken for mistakes of the face detector when a
longer one exists."""

Box = tuple[float, float, float, float]


@dataclass
class FaceCandidate:
    """One face to judge. pictures, boxes, times: one entry a frame; boxes in pixels of those pictures.

    side_px: median longer side of the boxes. sharpness: median of `face_quality`. whole: the centre square, no
    face. turn: quarter turns to the left that the pictures were given.
    """

    pictures: list[np.ndarray]
    boxes: list[Box]
    times: list[float]
    score: float
    whole: bool = False
    turn: int = 0
    _crops: dict[tuple[float, int], np.ndarray] = field(default_factory=dict, repr=False)
    _sharpness: float | None = field(default=None, repr=False)

    def crops(self, spec: InputSpec) -> np.ndarray:
        """(N, side, side, 3) uint8, cut once for all members of the same framing."""
        key = (1.0 if self.whole else spec.crop_scale, max(CROP_SIDE, spec.size))
        if key not in self._crops:
            cut = [crop_face(rgb, box, *key) for rgb, box in zip(self.pictures, self.boxes, strict=True)]
            self._crops[key] = np.stack(cut)
        return self._crops[key]

    @property
    def unit(self) -> Unit:
        return Unit(self.crops, self.times)

    @property
    def side_px(self) -> float:
        return float(np.median([max(box[2:]) for box in self.boxes]))

    def sharpness(self, spec: InputSpec) -> float:
        """Median over the frames, measured once, on crops of the first framing that asks."""
        if self._sharpness is None:
            self._sharpness = float(np.median([face_quality(crop)["sharpness"] for crop in self.crops(spec)]))
        return self._sharpness

    def shown_box(self, media: Media, frame: int = 0) -> Box:
        """Box of one of its frames in pixels of the upright original."""
        height, width = self.pictures[frame].shape[:2]
        x, y, w, h = (float(v) for v in unturned(self.boxes[frame], self.turn, (width, height)))
        if self.turn % 2:
            width, height = height, width
        across, down = media.width / width, media.height / height
        return x * across, y * down, w * across, h * down


@dataclass
class FacesFound:
    """What there is to judge. left_out: faces over the limit; brief: tracks taken for mistakes; seen: frames with a
    face; cuts: seconds at which a track was cut because another shot begins; how: what it took to
    find them, where the first look found none.
    """

    candidates: list[FaceCandidate]
    left_out: int = 0
    brief: int = 0
    seen: int = 0
    cuts: list[float] = field(default_factory=list)
    how: str = ""


def find_face_candidates(media: Media, detector: str, max_faces: int) -> FacesFound:
    """Faces of an image, largest first; tracks of a clip, longest first, each within one shot. Raises as `find_faces`
    does.
    """
    pictures = [frame.rgb for frame in media.frames]
    detections = [find_faces(rgb, detector) for rgb in pictures]
    turn, how = 0, ""
    if not any(detections) and (look := retry_faces(pictures, detector)):
        detections, pictures, turn, how = look.detections, look.pictures, look.turn, look.how
    seen = sum(bool(found) for found in detections)
    if media.kind == "image":
        faces = [FaceCandidate(pictures, [one.box], [0.0], one.score, turn=turn) for one in detections[0]]
        return FacesFound(faces[:max_faces], left_out=max(0, len(faces) - max_faces), seen=seen, how=how)
    tracks = link_tracks(detections, [frame.time for frame in media.frames])
    least = max(2, int(np.ceil(BRIEF_SHARE * len(media.frames))))
    lasting = [track for track in tracks if len(track.frames) >= least] or tracks[:1]
    parts = [cut_track(track, pictures) for track in lasting]
    cuts = sorted({piece.times[0] for pieces in parts for piece in pieces[1:]})
    shots = sorted((piece for pieces in parts for piece in pieces), key=lambda track: -len(track.frames))
    candidates = [
        FaceCandidate([pictures[i] for i in t.frames], t.boxes, t.times, float(np.median(t.scores)), turn=turn)
        for t in shots[:max_faces]
    ]
    return FacesFound(candidates, max(0, len(shots) - max_faces), len(tracks) - len(lasting), seen, cuts, how)


def centre_square(media: Media) -> FaceCandidate:
    """The largest centred square of every frame, as one unit."""
    boxes: list[Box] = []
    for frame in media.frames:
        height, width = frame.rgb.shape[:2]
        side = float(min(height, width))
        boxes.append(((width - side) / 2, (height - side) / 2, side, side))
    return FaceCandidate([f.rgb for f in media.frames], boxes, [f.time for f in media.frames], 0.0, whole=True)
