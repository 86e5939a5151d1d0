"""The shape of a head: a height field over the frontal picture plane, and the masks of its parts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from core.data.synth.fields import bump, grid, soft
from core.data.synth.people import Identity, Shot

DEPTH = 0.62
"""How far the middle of a face stands before the plane of its ears, face units."""


@dataclass
class Head:
    """Maps of a head in the frontal plane, (S, S) float32.

    Attributes:
        u: To the right, face units.
        v: Downwards, face units.
        height: Towards the viewer, face units.
        inside: Outline function, < 1 on the head.
        masks: Part -> alpha.
        landmarks: Name -> (u, v).
    """

    u: np.ndarray
    v: np.ndarray
    height: np.ndarray
    inside: np.ndarray
    masks: dict[str, np.ndarray] = field(default_factory=dict)
    landmarks: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def pixel(self) -> float:
        """Face units a pixel."""
        return float(self.u[0, 1] - self.u[0, 0])

    def near(self, at: tuple[float, float], radius: float) -> tuple[slice, slice]:
        """Return the window of the maps around a point: small features need no whole plane.

        Args:
            at: (u, v) of the point.
            radius: Half the side of the window, face units.

        Returns:
            Slices of rows and columns.
        """
        first = [max(int((c - radius - float(self.u[0, 0])) / self.pixel), 0) for c in at]
        last = [max(int((c + radius - float(self.u[0, 0])) / self.pixel) + 1, 0) for c in at]
        return slice(first[1], last[1]), slice(first[0], last[0])


def outline(u: np.ndarray, v: np.ndarray, who: Identity, grow: float = 0.0) -> np.ndarray:
    """Compute a function that is 1 on the head's outline and 0 in its middle: ellipse above, squarer jaw below.

    Args:
        u: Horizontal coordinates, face units.
        v: Vertical coordinates, face units.
        who: The person.
        grow: How much larger than the head, face units.

    Returns:
        Values of the shape of `u`.
    """
    width = who.face_w + 0.8 * grow
    up = np.clip(-v, 0, None) / (who.skull + grow)
    down = np.clip(v, 0, None) / (who.chin + 0.3 * grow)
    return np.where(v < 0, np.abs(u / width) ** 2.25 + up**2.25, np.abs(u / width) ** 2.2 + down**who.jaw)


def distance(inside: np.ndarray, pixel: float) -> np.ndarray:
    """Compute the signed distance to the level 1 of an outline function, to first order.

    Args:
        inside: (S, S) outline function.
        pixel: Face units a pixel.

    Returns:
        (S, S), face units, negative inside.
    """
    dv, du = np.gradient(inside, pixel)
    return (inside - 1.0) / np.maximum(np.hypot(du, dv), 1e-3)


def build_head(who: Identity, shot: Shot, size: int) -> Head:
    """Build height field, masks and landmarks of one person with one expression.

    Args:
        who: The person.
        shot: How the picture is taken.
        size: Pixels a side, S.

    Returns:
        The head.
    """
    u, v = grid(size)
    inside = outline(u, v, who)
    rounded = DEPTH * np.clip(1.0 - inside**1.15, 0.0, None) ** 0.6
    head = Head(u, v, rounded.astype(np.float32), inside)
    head.masks["head"] = soft(distance(inside, head.pixel), 3 * head.pixel)
    head.masks |= {name: np.zeros_like(u) for name in ("lash", "crease", "brow")}
    _bones(head, who)
    _nose(head, who)
    for side in (-1, 1):
        _eye(head, who, shot, side)
    _mouth(head, who, shot)
    _age(head, who, shot)
    head.height *= np.clip((1.0 - inside) * 12, 0, 1) * 0.15 + 0.85
    return head


def _bones(head: Head, who: Identity) -> None:
    u, v = head.u, head.v
    head.height += 0.05 * bump(u, v, (0, who.eye_y - who.brow_y), (0.42, 0.09))
    head.height += 0.07 * bump(u, v, (0, who.chin - 0.17), (0.17, 0.11))
    for side in (-1, 1):
        head.height += who.cheek * bump(u, v, (side * 0.43, 0.2), (0.17, 0.14))
        head.height -= 0.1 * bump(u, v, (side * who.eye_x, who.eye_y), (0.17, 0.1))
        head.height -= 0.03 * bump(u, v, (side * (who.face_w - 0.12), 0.42), (0.12, 0.25))


def _nose(head: Head, who: Identity) -> None:
    u, v, tip, wide = head.u, head.v, who.nose_y, who.nose_w
    along = np.clip((v - who.eye_y) / (tip - who.eye_y), 0.0, 1.0)
    ridge_width = 0.05 + 0.33 * wide * along**1.5
    rise = who.nose_h * (0.25 + 0.75 * along**1.3)
    below = np.exp(-0.5 * (np.clip(v - tip, 0, None) / 0.06) ** 2)
    above = soft(who.eye_y - 0.06 - v, 0.22)
    head.height += (rise * below * above * np.exp(-0.5 * (u / ridge_width) ** 2)).astype(np.float32)
    head.height += 0.05 * bump(u, v, (0, tip - 0.01), (0.07, 0.06))
    nostrils = np.zeros_like(u)
    for side in (-1, 1):
        head.height += 0.075 * bump(u, v, (side * wide * 0.78, tip + 0.015), (0.045, 0.048))
        nostrils += bump(u, v, (side * wide * 0.42, tip + 0.058), (0.036, 0.018))
    head.masks["nostrils"] = np.clip(nostrils, 0, 1)
    head.landmarks["nose"] = (0.0, tip)


def _eye(head: Head, who: Identity, shot: Shot, side: int) -> None:
    centre = (side * who.eye_x, who.eye_y)
    name = "right" if side > 0 else "left"
    window = head.near(centre, 2.2 * who.eye_w)
    tilt = -side * who.eye_tilt
    du, dv = head.u[window] - centre[0], head.v[window] - centre[1]
    # p runs from the inner corner (-1) to the outer (1), q downwards
    p = side * (du * math.cos(tilt) + dv * math.sin(tilt)) / who.eye_w
    q = -du * math.sin(tilt) + dv * math.cos(tilt)
    arch = np.clip(1 - p**2, 0, None)
    open_ = who.eye_open * (1 - shot.blink) * (1 - 0.18 * max(shot.smile, 0))
    upper = -open_ * arch**0.75 * (1 - 0.15 * p)
    lower = 0.6 * open_ * arch * (1 + 0.15 * p)
    past = np.maximum(np.abs(p) - 1, 0) * who.eye_w
    masks, height = head.masks, head.height[window]
    masks[f"eye_{name}"] = np.zeros_like(head.u)
    masks[f"eye_{name}"][window] = soft(np.maximum(upper - q, q - lower), 2.5 * head.pixel) * (np.abs(p) < 1)
    upper_lashes = np.exp(-(((q - upper) / (0.011 + 0.006 * np.clip(p, 0, 1))) ** 2) - (past / 0.02) ** 2)
    masks["lash"][window] += upper_lashes + 0.3 * np.exp(-(((q - lower) / 0.008) ** 2)) * (np.abs(p) < 0.95)
    crease = np.exp(-(((q - upper + 0.038 + 0.012 * arch) / 0.013) ** 2) - (past / 0.03) ** 2)
    masks["crease"][window] += crease
    lids = np.exp(-(((q - upper + 0.014) / 0.016) ** 2)) + 0.7 * np.exp(-(((q - lower - 0.013) / 0.016) ** 2))
    height += 0.05 * bump(p * who.eye_w, q, (0, 0), (0.085, 0.07)) - 0.018 * crease
    height += 0.014 * lids * np.exp(-((past / 0.03) ** 2))
    _brow(head, who, shot, side, name)
    head.landmarks[f"eye_{name}"] = centre


def _brow(head: Head, who: Identity, shot: Shot, side: int, name: str) -> None:
    window = head.near((side * who.eye_x, who.eye_y - who.brow_y), 2.2 * who.eye_w)
    along = (side * head.u[window] - who.eye_x) / (who.eye_w * 1.35)
    line = (
        who.eye_y
        - who.brow_y
        - shot.brow_raise
        - who.brow_arch * (1 - (along - 0.3) ** 2 * np.where(along < 0.3, 0.45, 1.0))
        + 0.02
    )
    thick = who.brow_thick * np.clip(1.1 - 0.45 * (along + 1), 0.15, 1.2)
    ends = soft(np.abs(along + 0.02) - 0.98, 0.25)
    brow = np.exp(-0.5 * ((head.v[window] - line) / thick) ** 2) * ends
    head.masks["brow"][window] += brow
    head.landmarks[f"brow_{name}"] = (side * who.eye_x, who.eye_y - who.brow_y)


def _mouth(head: Head, who: Identity, shot: Shot) -> None:
    u, v = head.u, head.v
    half = who.mouth_w * (1 + 0.16 * shot.smile)
    p = u / half
    arch = np.clip(1 - np.abs(p) ** 2.2, 0, None)
    line = who.mouth_y - 0.08 * shot.smile * (np.clip(np.abs(p), 0, 1.2) ** 2 - 0.3)
    gap = 0.085 * shot.mouth_open * np.clip(1 - p**2, 0, None)
    bow = 1 - 0.28 * np.exp(-((p / 0.16) ** 2)) + 0.12 * np.exp(-(((np.abs(p) - 0.3) / 0.2) ** 2))
    top, bottom = line - 0.3 * gap, line + 0.7 * gap
    upper_edge, lower_edge = top - who.lip_up * arch * bow, bottom + who.lip_low * arch**0.9
    pixel = head.pixel
    hole = soft(np.maximum(top - v, v - bottom), 2 * pixel) * (gap > 0.004)
    lips = soft(np.maximum(upper_edge - v, v - lower_edge), 4 * pixel) * (np.abs(p) < 1)
    masks = head.masks
    masks["lips"], masks["mouth_hole"] = np.clip(lips - hole, 0, 1), hole
    masks["teeth"] = hole * soft(v - (top + 0.6 * gap), 3 * pixel)
    near = np.exp(-0.5 * (np.clip(np.abs(p) - 0.95, 0, None) / 0.08) ** 2)
    masks["lip_line"] = np.exp(-(((v - line) / 0.011) ** 2)) * near * (shot.mouth_open < 0.15)
    full = np.exp(-(((v - (upper_edge + top) / 2) / 0.04) ** 2)) + 1.2 * np.exp(
        -(((v - (bottom + lower_edge) / 2) / 0.045) ** 2)
    )
    head.height += (0.045 * full * arch).astype(np.float32)
    head.height += (0.03 * bump(u, v, (0, who.mouth_y), (half, 0.16))).astype(np.float32)
    head.height -= (0.022 * masks["lip_line"] + 0.05 * hole).astype(np.float32)
    philtrum = bump(u, v, (0, (who.nose_y + who.mouth_y) / 2 + 0.02), (0.025, 0.06))
    head.height -= (0.014 * philtrum + 0.035 * bump(u, v, (0, who.mouth_y + 0.17), (0.16, 0.04))).astype(np.float32)
    corner = who.mouth_y - 0.035 * shot.smile
    head.landmarks["mouth_left"], head.landmarks["mouth_right"] = (-half, corner), (half, corner)
    head.landmarks["chin"] = (0.0, who.chin)


def _age(head: Head, who: Identity, shot: Shot) -> None:
    """Folds from nose to mouth, bags under the eyes, lines on the forehead; smiling deepens the folds."""
    u, v = head.u, head.v
    down = np.clip((v - who.nose_y) / (who.mouth_y - who.nose_y + 0.05), -0.3, 1.3)
    line = who.nose_w + 0.06 + 0.13 * down + 0.03 * shot.smile
    window = np.exp(-(((down - 0.55) / 0.5) ** 2))
    depth = 0.012 + 0.02 * who.age + 0.02 * max(shot.smile, 0)
    head.height -= (depth * np.exp(-(((np.abs(u) - line) / 0.03) ** 2)) * window).astype(np.float32)
    for side in (-1, 1):
        head.height += (0.05 * max(shot.smile, 0) * bump(u, v, (side * 0.36, 0.27), (0.13, 0.1))).astype(np.float32)
        bag = bump(u, v, (side * who.eye_x, who.eye_y + 0.115), (0.13, 0.018))
        head.height -= (0.012 * (0.3 + who.age) * bag).astype(np.float32)
    wave = np.sin(v * 62 + 1.5 * np.cos(u * 3)) * bump(u, v, (0, -0.52), (0.35, 0.11))
    head.height += (0.004 * who.age * wave).astype(np.float32)
