"""A short clip of a drawn person who moves, blinks and talks; real, or with another person's face on it."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from core.artifacts.files import atomic_path
from core.data.synth.camera import to_uint8
from core.data.synth.fields import noise, stream
from core.data.synth.forge import Plate, face_swap
from core.data.synth.people import Identity, Shot, as_donor, draw_identity, draw_shot
from core.data.synth.render import develop, render
from core.data.synth.scene import background
from core.progress import Reporter, Silent


def make_clip(
    path: Path,
    seed: int,
    identity: int,
    donor: int | None = None,
    *,
    seconds: float = 8.0,
    fps: int = 12,
    width: int = 1280,
    height: int = 720,
    side: int = 320,
    report: Reporter | None = None,
) -> Path:
    """Render an H.264 clip (MP4, no sound) of one identity; with `donor`, that person's face swapped in.

    The same arguments give the same frames.

    Args:
        path: File to write.
        seed: Seed of the population.
        identity: Number of the person.
        donor: Number of the person whose face is put in; None: a real clip.
        seconds: Length.
        fps: Frames a second.
        width: Of the frame, pixels.
        height: Of the frame, pixels.
        side: Pixels at which the person is rendered before being scaled into the frame; time grows with its square
            (about 0.2 s a frame at 320).
        report: Receives the progress.

    Returns:
        `path`.
    """
    report = report or Silent()
    who, base = draw_identity(seed, identity), draw_shot(seed, identity, "clip")
    other = None if donor is None else as_donor(draw_identity(seed, donor), who)
    stage = _stage(base, width, height)
    count = max(round(seconds * fps), 1)
    with atomic_path(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        # Without it x264's lookahead gives other bytes from call to call, and on another processor.
        options = {"crf": "20", "threads": "1", "x264-params": "cpu-independent=1"}
        track = container.add_stream("libx264", rate=Fraction(fps), options=options)
        track.width, track.height, track.pix_fmt = width, height, "yuv420p"
        for number in range(count):
            report.progress(number / count, f"Drawing frame {number + 1} of {count}")
            rgb = _frame(seed, who, other, move(base, number / fps, seed, identity), stage, side, number)
            container.mux(track.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(track.encode())
    return path


def move(base: Shot, time: float, seed: int, identity: int) -> Shot:
    """Compute the shot at one time: slow turns of the head, a blink every few seconds, talking.

    Args:
        base: The shot at rest.
        time: Seconds.
        seed: Seed of the population.
        identity: Number of the person.

    Returns:
        The shot.
    """
    rng = stream(seed, "move", identity)
    a, b, c, d = rng.uniform(0, 2 * math.pi, 4)
    blink = max(0.0, 1 - abs((time + a) % 3.1 - 0.2) / 0.14)
    talk = 0.5 + 0.5 * math.sin(2 * math.pi * 2.3 * time + b) * math.sin(0.9 * time + c)
    return replace(
        base,
        yaw=0.6 * base.yaw + 0.22 * math.sin(0.9 * time + a),
        pitch=0.6 * base.pitch + 0.06 * math.sin(1.3 * time + b),
        roll=0.6 * base.roll + 0.05 * math.sin(0.7 * time + c),
        shift=(0.08 * math.sin(0.6 * time + d), 0.04 * math.sin(0.8 * time + b)),
        blink=min(0.9, base.blink + blink),
        mouth_open=0.9 * max(talk - 0.35, 0.0),
        gaze=(0.25 * math.sin(0.5 * time + d), base.gaze[1]),
        zoom=1.0,
    )


def _stage(base: Shot, width: int, height: int) -> np.ndarray:
    """The room behind the person, linear light (height, width, 3)."""
    whole = background(base.scene_seed, max(width, height))
    top, left = (whole.shape[0] - height) // 2, (whole.shape[1] - width) // 2
    return np.ascontiguousarray(whole[top : top + height, left : left + width])


def _frame(
    seed: int, who: Identity, other: Identity | None, shot: Shot, stage: np.ndarray, side: int, number: int
) -> np.ndarray:
    """One frame (H, W, 3) uint8: the person fills the lower middle, the rest is the room."""
    height, width = stage.shape[:2]
    box = min(width, round(0.9 * height))
    top, left = height - box, (width - box) // 2
    window = np.ascontiguousarray(stage[top:, left : left + box])
    portrait = render(who, shot, side, oversample=1.0, behind=cv2.resize(window, (side, side)))
    rgb = to_uint8(portrait.rgb)
    if other is not None:
        mask = render(other, shot, side, oversample=1.0)
        plate = Plate(rgb, portrait.landmarks, portrait.face, portrait.height)
        donor_plate = Plate(to_uint8(mask.rgb), mask.landmarks, mask.face, mask.height)
        # one stream a clip: mask and colours stay put from frame to frame, as a swap engine's do
        rgb, _ = face_swap(plate, donor_plate, stream(seed, "swap", str(shot.scene_seed)))
    frame = develop(stage)
    frame[top:, left : left + box] = cv2.resize(rgb / np.float32(255), (box, box), interpolation=cv2.INTER_CUBIC)
    grain = noise(stream(seed, "grain", number), width, width)[:height, :, None]
    return to_uint8(frame + 0.008 * grain)
