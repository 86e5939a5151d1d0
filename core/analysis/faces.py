"""From decoded media to the units of a cascade: faces of a picture, tracks of a clip, or the centre square."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from core.analysis.retry_faces import Box, retry_faces, unturned
from core.analysis.spec import AnalyzeSpec
from core.cascade.units import Unit
from core.data.faces.faces import crop_face, face_quality, find_faces
from core.data.faces.shots import cut_track
from core.data.faces.tracks import link_tracks
from core.documents.inputs import InputSpec
from core.media.types import Media

CROP_SIDE_PX = 256
"""Crops are cut at the side of prepared data sets (or the member's, when larger); members resize from there as they
do in evaluation."""
MIN_TRACK_SHARE = 0.2
"""Tracks in a smaller share of the frames than this (or in one frame) are taken for mistakes of the face detector when
a longer one exists."""
WHOLE_PICTURE = (
    "No face was found, so the centre square of the picture was scored. The members were trained on face crops."
)


@dataclass
class FaceCandidate:
    """One face to judge, with one entry of `pictures`, `boxes` and `times` for each frame.

    Attributes:
        pictures: (H, W, 3) uint8 RGB.
        boxes: x, y, width, height in pixels of those pictures.
        times: Seconds.
        score: The face detector's.
        whole: It is the centre square of the picture, no face.
        turn: Quarter turns to the left that the pictures were given.
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
        """Cut the face out of its frames, once for all members of the same framing.

        Args:
            spec: Input of a member.

        Returns:
            (N, side, side, 3) uint8 RGB.
        """
        key = (1.0 if self.whole else spec.crop_scale, max(CROP_SIDE_PX, spec.size))
        if key not in self._crops:
            cut = [crop_face(rgb, box, *key) for rgb, box in zip(self.pictures, self.boxes, strict=True)]
            self._crops[key] = np.stack(cut)
        return self._crops[key]

    @property
    def unit(self) -> Unit:
        return Unit(self.crops, self.times)

    @property
    def side_px(self) -> float:
        """Median of the longer sides of its boxes, pixels."""
        return float(np.median([max(box[2:]) for box in self.boxes]))

    def sharpness(self, spec: InputSpec) -> float:
        """Measure the sharpness once, on crops of the first framing that is asked for.

        Args:
            spec: Input of a member.

        Returns:
            Median of `face_quality` over the frames.
        """
        if self._sharpness is None:
            self._sharpness = float(np.median([face_quality(crop)["sharpness"] for crop in self.crops(spec)]))
        return self._sharpness

    def missing(self, media: Media, spec: InputSpec) -> float:
        """Compute the share of the scored region that the file does not hold, because its end is missing.

        Args:
            media: The decoded file; only stills can lack a part.
            spec: Framing of the first member.

        Returns:
            The largest share over the frames, [0, 1].
        """
        if all(frame.lost is None for frame in media.frames):
            return 0.0
        x, y, w, h = self.shown_box(media)
        side = max(w, h) * (1.0 if self.whole else spec.crop_scale)
        left, top = x + w / 2 - side / 2, y + h / 2 - side / 2
        shares = []
        for frame in media.frames:
            across, down = frame.rgb.shape[1] / media.width, frame.rgb.shape[0] / media.height
            shares.append(frame.missing((left * across, top * down, side * across, side * down)))
        return max(shares)

    def shown_box(self, media: Media, frame: int = 0) -> Box:
        """Find the box of one of its frames in the upright original.

        Args:
            media: The file.
            frame: Index of the frame.

        Returns:
            x, y, width, height in pixels of the original.
        """
        height, width = self.pictures[frame].shape[:2]
        x, y, w, h = (float(v) for v in unturned(self.boxes[frame], self.turn, (width, height)))
        if self.turn % 2:
            width, height = height, width
        # Decoding may have reduced the picture.
        across, down = media.width / width, media.height / height
        return x * across, y * down, w * across, h * down


@dataclass
class FacesFound:
    """The faces of a file.

    Attributes:
        candidates: The faces to judge.
        left_out: Number of faces over the limit.
        brief: Number of tracks that were taken for mistakes of the face detector.
        seen: Number of frames with a face.
        cuts: Seconds at which a track was cut because another shot begins.
        how: What was done to find them, when the first search found none.
    """

    candidates: list[FaceCandidate]
    left_out: int = 0
    brief: int = 0
    seen: int = 0
    cuts: list[float] = field(default_factory=list)
    how: str = ""


def faces_to_judge(media: Media, spec: AnalyzeSpec) -> tuple[FacesFound, list[str]]:
    """Find the faces of a file, or take the centre square where there is none and the spec asks for it.

    Args:
        media: The decoded file.
        spec: Detector, most faces, and whether the whole frame may be scored.

    Returns:
        (faces, sentences for the card's warnings).

    Raises:
        LookupError: There is no such face detector.
        RuntimeError: The face detector cannot run here.
    """
    faces = find_face_candidates(media, spec.detector, spec.max_faces)
    if not faces.candidates and spec.whole_frame:
        return FacesFound([centre_square(media)]), [WHOLE_PICTURE]
    notes = []
    if faces.candidates and media.kind == "video" and faces.seen < len(media.frames):
        notes.append(f"A face was found in {faces.seen} of {len(media.frames)} frames.")
    if faces.how:
        notes.append(f"The face detector found no face in the picture as it is. It found a face {faces.how}.")
    if faces.cuts:
        times = ", ".join(f"{second:.1f} s" for second in faces.cuts)
        notes.append(f"The clip has a cut at {times}: the parts before and after a cut are judged as different faces.")
    if faces.brief:
        notes.append(f"{faces.brief} brief detection(s) were taken for mistakes of the face detector and left out.")
    return faces, notes


def find_face_candidates(media: Media, detector: str, max_faces: int) -> FacesFound:
    """Find the faces of an image, or the tracks of a clip, each within one shot.

    Args:
        media: The decoded file.
        detector: Name of the face detector.
        max_faces: Most candidates.

    Returns:
        Faces of an image, largest first; tracks of a clip, longest first.

    Raises:
        LookupError: There is no such face detector.
        RuntimeError: The face detector cannot run here.
    """
    pictures = [frame.rgb for frame in media.frames]
    detections = [find_faces(rgb, detector) for rgb in pictures]
    turn, how = 0, ""
    if not any(detections) and (retried := retry_faces(pictures, detector)):
        detections, pictures, turn, how = retried.detections, retried.pictures, retried.turn, retried.how
    seen = sum(bool(faces) for faces in detections)
    if media.kind == "image":
        faces = [FaceCandidate(pictures, [one.box], [0.0], one.score, turn=turn) for one in detections[0]]
        return FacesFound(faces[:max_faces], left_out=max(0, len(faces) - max_faces), seen=seen, how=how)
    tracks = link_tracks(detections, [frame.time for frame in media.frames])
    min_frames = max(2, int(np.ceil(MIN_TRACK_SHARE * len(media.frames))))
    # A clip of brief tracks only: the longest one is judged.
    lasting = [track for track in tracks if len(track.frames) >= min_frames] or tracks[:1]
    parts = [cut_track(track, pictures) for track in lasting]
    cuts = sorted({piece.times[0] for pieces in parts for piece in pieces[1:]})
    shots = sorted((piece for pieces in parts for piece in pieces), key=lambda track: -len(track.frames))
    candidates = [
        FaceCandidate([pictures[i] for i in t.frames], t.boxes, t.times, float(np.median(t.scores)), turn=turn)
        for t in shots[:max_faces]
    ]
    return FacesFound(candidates, max(0, len(shots) - max_faces), len(tracks) - len(lasting), seen, cuts, how)


def centre_square(media: Media) -> FaceCandidate:
    """Take the largest centred square of every frame as one unit.

    Args:
        media: The decoded file.

    Returns:
        A candidate with `whole` set.
    """
    boxes: list[Box] = []
    for frame in media.frames:
        height, width = frame.rgb.shape[:2]
        side = float(min(height, width))
        boxes.append(((width - side) / 2, (height - side) / 2, side, side))
    return FaceCandidate([f.rgb for f in media.frames], boxes, [f.time for f in media.frames], 0.0, whole=True)
