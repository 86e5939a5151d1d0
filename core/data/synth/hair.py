"""Hair, neck and clothes: the layers around a face."""

from __future__ import annotations

import cv2
import numpy as np

from core.data.synth.fields import blur, bump, mix, noise, soft, stream
from core.data.synth.head import DEPTH, Head, distance, outline
from core.data.synth.people import Identity, Shot

LONG = ("long", "long_fringe")


def strands(head: Head, who: Identity, purpose: str) -> np.ndarray:
    """Draw the texture of hair: streaks that run away from the parting, or curls.

    Args:
        head: Shape of the head.
        who: The person.
        purpose: Name of the random stream.

    Returns:
        (S, S), about 0 +- 1.
    """
    rng = stream(who.texture_seed, "hair", purpose)
    size = head.u.shape[0]
    if who.style in ("curly", "buzz"):
        return noise(rng, size, size // (9 if who.style == "curly" else 3), 2, 0.8)
    crown = (who.parting, -who.skull * 0.8)
    du, dv = head.u - crown[0], head.v - crown[1] + 0.35
    angle, far = np.arctan2(du, np.abs(dv) + 0.05), np.hypot(du, dv)
    sheet = rng.standard_normal((24, 420), dtype=np.float32)
    sheet = cv2.GaussianBlur(sheet, (0, 0), sigmaX=1.0, sigmaY=1.4) * 3.0
    x = (angle / np.pi + 0.5) * 419 + 3 * noise(rng, size, 6)
    return cv2.remap(
        sheet, x.astype(np.float32), (far * 7).astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )


def front_hair(head: Head, who: Identity) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw the hair on the skull.

    Args:
        head: Shape of the head.
        who: The person.

    Returns:
        Alpha (S, S), height (S, S), albedo (S, S, 3).
    """
    u, v = head.u, head.v
    rng = stream(who.texture_seed, "hairline")
    size = u.shape[0]
    volume = {"bald": 0.0, "buzz": 0.012, "curly": who.hair_volume + 0.12}.get(who.style, who.hair_volume)
    texture = strands(head, who, "front")
    ragged = 0.3 * volume * noise(rng, size, 14, 2)
    inside = np.clip(outline(u, v, who, volume) + ragged, 0, None)
    shell = soft(distance(inside, head.pixel), (9 if who.style == "curly" else 5) * head.pixel)
    x = np.clip(np.abs(u) / who.face_w, 0, 1.2)
    line = who.hairline + 0.1 * x**2 + 0.75 * np.clip(x - 0.72, 0, None) ** 1.1 / 0.28
    if who.style in ("fringe", "long_fringe"):
        line = np.maximum(line, -0.36 + 0.16 * x**2 + 0.05 * np.sin(u * 5 + who.parting * 9))
    if who.style in ("parted", "long"):
        line = line + 0.3 * np.clip((u - who.parting) * np.sign(who.parting or 1.0), 0, 0.5) * (x < 0.9)
    edge = {"buzz": 0.16, "bald": 0.2}.get(who.style, 0.07)
    alpha = shell * soft(v - line - 0.035 * texture, edge) * soft(v - 0.12 - 0.05 * texture, 0.2)
    alpha = alpha * {"bald": 0.0, "buzz": 0.72}.get(who.style, 1.0)
    height = DEPTH * np.clip(1 - inside**1.1, 0, None) ** 0.6 + 0.04 + 0.012 * texture
    albedo = who.hair * np.clip(0.85 + 0.33 * texture, 0.25, 1.9)[..., None]
    return alpha.astype(np.float32), height.astype(np.float32), albedo.astype(np.float32)


def back_hair(head: Head, who: Identity) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw the hair behind the face and over the shoulders.

    Args:
        head: Shape of the head.
        who: The person.

    Returns:
        Alpha (S, S), height (S, S), albedo (S, S, 3).
    """
    u, v = head.u, head.v
    rng = stream(who.texture_seed, "back")
    texture = strands(head, who, "back")
    rough = noise(rng, u.shape[0], 10, 3)
    if who.style in LONG:
        half = who.face_w + 0.8 * who.hair_volume + 0.024 + 0.14 * np.sqrt(np.clip(v, 0, 1.2)) + 0.02 * rough
        fall = np.maximum(np.abs(u) - half, v - 1.45 + 0.5 * np.abs(u) ** 3 - 0.08 * texture)
        cap = distance(outline(u, v, who, who.hair_volume + 0.03), head.pixel)
        gap = np.where(v < 0, cap, fall)
        height = 0.2 - 0.5 * (np.abs(u) - 0.6) ** 2 + 0.02 * texture
    elif who.style == "curly":
        gap = distance(outline(u, v, who, who.hair_volume + 0.14), head.pixel) + 0.05 * rough
        gap = np.maximum(gap, v - 0.62 + 0.6 * np.clip(np.abs(u) - 0.5, 0, None) + 0.04 * rough)
        height = 0.1 + 0.02 * texture
    elif who.style == "tied":
        gap = np.hypot(u, v + who.skull + 0.12) - 0.24 + 0.02 * rough
        height = -0.1 + 0.3 * bump(u, v, (0, -who.skull - 0.15), (0.2, 0.2)) + 0.02 * texture
    else:
        gap, height = np.ones_like(u), np.zeros_like(u)
    albedo = who.hair * np.clip(0.7 + 0.3 * texture, 0.2, 1.8)[..., None]
    return soft(gap, 6 * head.pixel), (height - 0.3).astype(np.float32), albedo.astype(np.float32)


def ears(head: Head, who: Identity) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw both ears. Long hair is drawn over them.

    Args:
        head: Shape of the head.
        who: The person.

    Returns:
        Alpha (S, S), height (S, S), albedo (S, S, 3).
    """
    u, v = head.u, head.v
    alpha, height = np.zeros_like(u), np.full_like(u, -0.05)
    for side in (-1, 1):
        du, dv = (side * u - who.face_w - 0.015) / (who.ear * 0.5), (v - 0.1) / (who.ear * 1.15)
        r = np.hypot(du - 0.15 * dv, dv)
        alpha = np.maximum(alpha, soft(r - 1, 0.12))
        height += 0.1 * np.exp(-(((r - 0.75) / 0.25) ** 2)) - 0.05 * np.exp(-((r / 0.4) ** 2))
    hidden = 0.0 if who.style in (*LONG, "curly") else 1.0
    albedo = np.broadcast_to(who.skin * np.array([0.98, 0.8, 0.78], np.float32), (*u.shape, 3))
    return alpha * hidden, height.astype(np.float32), albedo.astype(np.float32)


def body(head: Head, who: Identity, shot: Shot) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw neck and clothes.

    Args:
        head: Shape of the head.
        who: The person.
        shot: How the picture is taken.

    Returns:
        Alpha (S, S), height (S, S), albedo (S, S, 3).
    """
    u, v = head.u, head.v
    rng = stream(shot.scene_seed, "cloth")
    size = u.shape[0]
    neck_w = who.face_w * 0.62 + 0.25 * np.clip(v - 1.1, 0, None) ** 1.5
    neck = soft(np.abs(u) - neck_w, 4 * head.pixel) * (v > 0.3)
    height = 0.42 * np.sqrt(np.clip(1 - (u / neck_w) ** 2, 0, None)) - 0.42
    for side in (-1, 1):
        line = np.exp(-(((u - side * (0.12 + 0.3 * np.clip(1.45 - v, 0, 1))) / 0.05) ** 2))
        height = height + 0.02 * line
    albedo = np.broadcast_to(who.skin * 0.92, (*u.shape, 3)) * (1 + 0.04 * noise(rng, size, 12, 3))[..., None]
    top = 1.18 + 0.1 * rng.uniform() - 0.16 * np.clip(np.abs(u) / 0.6, 0, 1) + 0.3 * np.clip(np.abs(u) - 0.6, 0, None)
    top = top + 3.5 * np.clip(np.abs(u) - 1.08, 0, None) ** 2  # the arms fall away: a body ends inside the plane
    collar = 0.28 * np.exp(-((u / (0.2 + 0.15 * rng.uniform())) ** 2))
    worn = soft(top + collar - v, 4 * head.pixel)
    weave = 1 + 0.06 * noise(rng, size, size // 3) + 0.12 * noise(rng, size, 9, 2)
    if rng.uniform() < 0.3:
        weave = weave * np.where(np.sin((u + 0.4 * v) * rng.uniform(20, 60)) > 0, 1.0, rng.uniform(0.3, 0.8))
    folds = 0.03 * blur(noise(rng, size, 7, 2), 3)
    rim = 0.04 * np.exp(-(((v - top - collar) / 0.04) ** 2))
    albedo = mix(albedo, shot.cloth * weave[..., None], worn)
    height = mix(height, -0.38 - 0.2 * np.abs(u) + folds + rim, worn)
    return np.clip(np.maximum(neck, worn), 0, 1), height.astype(np.float32), albedo.astype(np.float32)
