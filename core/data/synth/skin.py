"""Colours of a head: skin, eyes, mouth, brows, beard, glasses. Linear light, before any lamp."""

from __future__ import annotations

import numpy as np

from core.data.synth.fields import blur, bump, mix, noise, soft, stream
from core.data.synth.head import Head
from core.data.synth.people import Identity, Shot

NAMES = ("left", "right")


def paint(head: Head, who: Identity, shot: Shot) -> tuple[np.ndarray, np.ndarray]:
    """Paint the head; adds pores to `head.height`.

    Args:
        head: Shape of the head.
        who: The person.
        shot: How the picture is taken.

    Returns:
        Albedo (S, S, 3) in linear light and gloss (S, S).
    """
    size = head.u.shape[0]
    rng = stream(who.texture_seed, "skin")
    albedo = _skin(head, who, rng, size)
    gloss = 0.7 + 0.5 * bump(head.u, head.v, (0, who.nose_y - 0.1), (0.1, 0.3))
    gloss += 0.4 * bump(head.u, head.v, (0, -0.5), (0.3, 0.15)) + 0.15 * noise(rng, size, 24, 2)
    masks = head.masks
    lip = who.skin * np.array([0.95, 0.52, 0.55], np.float32) + np.array([0.03, 0.0, 0.005], np.float32)
    lip = lip * (1 - 0.6 * who.lipstick) + np.array([0.3, 0.03, 0.05], np.float32) * 0.6 * who.lipstick
    ridges = 1 + 0.08 * noise(rng, size, size // 6)
    albedo = mix(albedo, lip * ridges[..., None], 0.85 * blur(masks["lips"], 1.0))
    gloss += 0.9 * masks["lips"] * (0.4 + who.lipstick)
    albedo = _beard(albedo, head, who, rng, size)
    albedo = mix(albedo, np.full(3, 0.012, np.float32), masks["mouth_hole"])
    gaps = 0.88 + 0.12 * np.clip(np.abs(np.sin(head.u * 48)) * 6, 0, 1)
    albedo = mix(albedo, np.array([0.62, 0.58, 0.5], np.float32) * gaps[..., None], masks["teeth"])
    albedo *= 1 - 0.75 * masks["lip_line"][..., None]
    albedo *= 1 - 0.8 * masks["nostrils"][..., None]
    albedo *= 1 - 0.22 * np.clip(masks["crease"], 0, 1)[..., None]
    for name in NAMES:
        _eyeball(albedo, head, who, shot, name, rng)
    albedo = mix(albedo, who.hair * 0.3, 0.75 * np.clip(masks["lash"], 0, 1))
    hairs = np.clip(0.85 + 0.22 * noise(rng, size, size // 3), 0.5, 1)
    albedo = mix(albedo, who.hair * 0.75 + 0.004, np.clip(masks["brow"] * hairs * 1.05, 0, 0.93))
    return albedo.astype(np.float32), np.clip(gloss, 0.1, 2.5).astype(np.float32)


def _skin(head: Head, who: Identity, rng: np.random.Generator, size: int) -> np.ndarray:
    u, v = head.u, head.v
    pores = noise(rng, size, size // 2, 1)
    blotches = noise(rng, size, 10, 4, 0.6)
    head.height += (0.0006 + 0.0008 * who.age) * blur(pores, 0.8) + 0.0018 * noise(rng, size, 28, 2)
    albedo = who.skin[None, None] * (1 + 0.035 * blotches + 0.03 * pores)[..., None]
    red = 0.35 * bump(u, v, (0, who.nose_y), (0.14, 0.1)) + 0.2 * blotches * bump(u, v, (0, 0.2), (0.6, 0.4))
    for side in (-1, 1):
        red = red + 0.45 * bump(u, v, (side * 0.42, 0.22), (0.17, 0.15))
        dark = bump(u, v, (side * who.eye_x, who.eye_y + 0.03), (0.17, 0.1))
        albedo = albedo * (1 - (0.14 + 0.1 * who.age) * dark)[..., None]
    albedo = albedo * (1 - red[..., None] * np.array([-0.04, 0.2, 0.18], np.float32))
    if who.freckles > 0.05:
        spots = np.clip(noise(rng, size, size // 5) - 1.5, 0, 1) * bump(u, v, (0, 0.12), (0.42, 0.2))
        albedo = albedo * (1 - 0.8 * who.freckles * spots)[..., None]
    return albedo


def _beard(albedo: np.ndarray, head: Head, who: Identity, rng: np.random.Generator, size: int) -> np.ndarray:
    hairs = np.clip(0.85 + 0.3 * noise(rng, size, size // 2), 0, 1.3)
    if not who.beard:
        return albedo
    u, v = head.u, head.v
    cheek_line = 0.3 + 0.42 * (1 - np.clip(np.abs(u) / who.face_w, 0, 1) ** 1.5)
    jaw = soft(cheek_line - v + 0.06 * noise(rng, size, 12), 0.22)
    lip_up = bump(u, v, (0, who.mouth_y - 0.115), (who.mouth_w * 0.75, 0.04))
    chin = bump(u, v, (0, who.mouth_y + 0.25), (0.2, 0.15))
    where = np.clip(np.maximum(np.maximum(jaw, 1.1 * lip_up), chin), 0, 1) * (1 - head.masks["lips"])
    where = where * (1 - head.masks["mouth_hole"])
    head.height += (0.008 * who.beard**2 * where * hairs).astype(np.float32)
    return mix(albedo, who.hair * 0.9, np.clip(where * hairs * (0.25 + 0.65 * who.beard**1.5), 0, 0.92))


def _eyeball(albedo: np.ndarray, head: Head, who: Identity, shot: Shot, name: str, rng: np.random.Generator) -> None:
    """Paint one eye into `albedo`."""
    centre = head.landmarks[f"eye_{name}"]
    radius = who.eye_w * 0.47
    window = head.near(centre, 1.3 * who.eye_w)
    du = head.u[window] - centre[0] - shot.gaze[0] * radius
    dv = head.v[window] - centre[1] - shot.gaze[1] * radius + 0.006
    r = np.hypot(du, dv) / radius
    angle = np.arctan2(dv, du)
    phases = rng.uniform(0, 6.28, 3)
    spokes = sum(np.sin(angle * k + a) for k, a in zip((17, 29, 41), phases, strict=True)) / 3
    white = np.array([0.4, 0.36, 0.33], np.float32) * (1 - 0.3 * np.clip(np.abs(du) / who.eye_w, 0, 1))[..., None]
    iris = 0.7 * who.iris * (0.9 + 0.35 * spokes + 0.5 * np.clip(r - 0.4, 0, 1))[..., None]
    iris = iris * (1 - 0.65 * np.clip((r - 0.78) / 0.2, 0, 1))[..., None]
    edge = head.pixel / radius
    eye = mix(white, iris, soft(r - 1, 3 * edge))
    eye = mix(eye, np.full(3, 0.006, np.float32), soft(r - 0.42, 2.5 * edge))
    # the lids shade the upper part of the ball
    shade = 0.3 + 0.7 * np.clip((head.v[window] - centre[1] + who.eye_open * 0.9) / who.eye_open, 0, 1)
    albedo[window] = mix(albedo[window], eye * shade[..., None], head.masks[f"eye_{name}"][window])


def catchlights(head: Head, who: Identity, shot: Shot) -> np.ndarray:
    """Draw the mirror image of the lamp in both eyes.

    Args:
        head: Shape of the head.
        who: The person.
        shot: How the picture is taken.

    Returns:
        (S, S) alpha.
    """
    total = np.zeros_like(head.u)
    radius = who.eye_w * 0.47
    for name in NAMES:
        cu, cv = head.landmarks[f"eye_{name}"]
        at = (cu + radius * (shot.gaze[0] + 0.5 * shot.light[0]), cv + radius * (shot.gaze[1] + 0.55 * shot.light[1]))
        total += bump(head.u, head.v, at, (0.011, 0.011)) * head.masks[f"eye_{name}"]
    return np.clip(1.2 * total, 0, 1)


def glasses(head: Head, who: Identity) -> np.ndarray:
    """Draw the rims of a pair of glasses.

    Args:
        head: Shape of the head.
        who: The person.

    Returns:
        (S, S) alpha; all zero for a person without glasses.
    """
    if not who.glasses:
        return np.zeros_like(head.u)
    rim = np.zeros_like(head.u)
    for side in (-1, 1):
        x = np.abs(head.u - side * who.eye_x) / 0.255
        y = np.abs(head.v - who.eye_y - 0.03) / 0.2
        ring = (x**3.2 + y**3.2) ** (1 / 3.2) - 1
        rim = np.maximum(rim, soft(np.abs(ring) - 0.055, 0.06))
        arm = soft(np.abs(head.v - who.eye_y + 0.03) - 0.018, 0.02) * (side * head.u > who.eye_x + 0.25)
        rim = np.maximum(rim, arm * head.masks["head"])
    bridge = soft(np.abs(head.v - who.eye_y + 0.01) - 0.018, 0.02) * (np.abs(head.u) < who.eye_x - 0.23)
    return np.maximum(rim, bridge)
