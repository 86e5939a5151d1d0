"""Who is drawn and how the picture is taken: an identity keeps its shape, a shot changes with every picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from core.data.synth.fields import linear, stream

SKIN = [(62, 40, 32), (98, 64, 47), (136, 92, 68), (172, 124, 94), (204, 158, 128), (226, 186, 160), (238, 206, 188)]
HAIR = [(18, 15, 14), (34, 25, 20), (58, 40, 28), (92, 62, 40), (128, 70, 40), (176, 138, 88), (150, 148, 146)]
HAIR_ODDS = [0.24, 0.22, 0.18, 0.12, 0.07, 0.1, 0.07]
IRIS = [(58, 36, 22), (84, 54, 30), (104, 92, 50), (76, 96, 74), (84, 112, 140), (104, 118, 126)]
STYLES = ["short", "parted", "fringe", "long", "long_fringe", "curly", "tied", "buzz", "bald"]
STYLE_ODDS = [0.2, 0.14, 0.1, 0.18, 0.1, 0.1, 0.08, 0.06, 0.04]


@dataclass(frozen=True)
class Identity:
    """A person: lengths in face units (see fields.SPAN), colours in linear light (3,)."""

    face_w: float
    skull: float
    chin: float
    jaw: float
    eye_x: float
    eye_y: float
    eye_w: float
    eye_open: float
    eye_tilt: float
    brow_y: float
    brow_thick: float
    brow_arch: float
    nose_y: float
    nose_w: float
    nose_h: float
    mouth_y: float
    mouth_w: float
    lip_up: float
    lip_low: float
    cheek: float
    ear: float
    age: float
    freckles: float
    beard: float
    lipstick: float
    glasses: float
    hairline: float
    hair_volume: float
    parting: float
    style: str
    skin: np.ndarray
    hair: np.ndarray
    iris: np.ndarray
    texture_seed: int


@dataclass(frozen=True)
class Shot:
    """How one picture is taken.

    Angles in radians; direction to the light (x right, y down, z to the viewer) of unit length.
    """

    yaw: float
    pitch: float
    roll: float
    zoom: float
    shift: tuple[float, float]
    light: np.ndarray
    key: np.ndarray
    fill: np.ndarray
    smile: float
    mouth_open: float
    blink: float
    brow_raise: float
    gaze: tuple[float, float]
    gloss: float
    cloth: np.ndarray
    scene_seed: int


def draw_identity(seed: int, number: int) -> Identity:
    """Draw a person of a population. The same arguments give the same person.

    Args:
        seed: Seed of the population.
        number: Number of the person.

    Returns:
        The person.
    """
    rng = stream(seed, "identity", number)
    between = rng.uniform
    tone = float(between(0, len(SKIN) - 1.001))
    low, part = int(tone), tone % 1
    skin = linear(np.array(SKIN[low]) * (1 - part) + np.array(SKIN[low + 1]) * part)
    light_skin = tone / (len(SKIN) - 1)
    odds = np.array(HAIR_ODDS) * (1.0 if light_skin > 0.45 else np.array([4, 2, 0.6, 0.1, 0.05, 0.02, 0.6]))
    colours = np.array(IRIS if light_skin > 0.5 else IRIS[:3])
    style = str(rng.choice(STYLES, p=STYLE_ODDS))
    bearded = style not in ("long", "long_fringe", "tied") and between() < 0.45
    return Identity(
        face_w=between(0.7, 0.83),
        skull=between(1.0, 1.12),
        chin=between(1.0, 1.16),
        jaw=between(1.75, 2.9),
        eye_x=between(0.295, 0.365),
        eye_y=between(-0.1, -0.02),
        eye_w=between(0.155, 0.19),
        eye_open=between(0.07, 0.102),
        eye_tilt=between(-0.06, 0.16),
        brow_y=between(0.17, 0.23),
        brow_thick=between(0.02, 0.042),
        brow_arch=between(0.015, 0.06),
        nose_y=between(0.3, 0.41),
        nose_w=between(0.105, 0.17),
        nose_h=between(0.11, 0.2),
        mouth_y=between(0.58, 0.66),
        mouth_w=between(0.22, 0.3),
        lip_up=between(0.042, 0.082),
        lip_low=between(0.06, 0.105),
        cheek=between(0.02, 0.07),
        ear=between(0.16, 0.22),
        age=between() ** 1.5,
        freckles=between() ** 4 * (light_skin > 0.55),
        beard=between(0.25, 1.0) if bearded else 0.0,
        lipstick=between(0.3, 1.0) if not bearded and between() < 0.35 else 0.0,
        glasses=float(between() < 0.16),
        hairline=between(-0.82, -0.64),
        hair_volume=between(0.05, 0.13),
        parting=between(-0.35, 0.35),
        style=style,
        skin=(skin * between(0.94, 1.06, 3)).astype(np.float32),
        hair=linear(np.array(HAIR)[rng.choice(len(HAIR), p=odds / odds.sum())] * between(0.85, 1.15)),
        iris=linear(colours[rng.integers(len(colours))] * between(0.85, 1.15, 3)),
        texture_seed=int(rng.integers(2**31)),
    )


def as_donor(donor: Identity, target: Identity) -> Identity:
    """Give the donor's features nearly the target's skin: a swap engine learns its colours from the target's clip.

    Args:
        donor: Whose face is put in.
        target: Who is shown.

    Returns:
        A person with the donor's shape.
    """
    return replace(
        donor,
        skin=(0.15 * donor.skin + 0.85 * target.skin).astype(np.float32),
        glasses=target.glasses,
        style=target.style,
        hairline=target.hairline,
        parting=target.parting,
    )


def light_from(azimuth: float, elevation: float) -> np.ndarray:
    """Compute the direction to a light.

    Args:
        azimuth: To the right, radians.
        elevation: Upwards, radians.

    Returns:
        (3,) unit vector.
    """
    flat = np.cos(elevation)
    return np.array([np.sin(azimuth) * flat, -np.sin(elevation), np.cos(azimuth) * flat], np.float32)


def muted(rng: np.random.Generator, spread: float = 38.0) -> np.ndarray:
    """Draw a colour of everyday saturation.

    Args:
        rng: Random stream.
        spread: Standard deviation of the channels around their common grey.

    Returns:
        (3,) sRGB, 0 to 255.
    """
    return np.clip(rng.uniform(25, 225) + rng.normal(0, spread, 3), 8, 245)


def draw_shot(seed: int, *names: object) -> Shot:
    """Draw how one picture is taken.

    Args:
        seed: Seed of the population.
        *names: They tell pictures apart.

    Returns:
        The shot.
    """
    rng = stream(seed, "shot", *names)
    between = rng.uniform
    warmth, strength = between(-0.16, 0.16), between(0.75, 1.15)
    key = strength * np.array([1 + warmth, 1.0, 1 - warmth], np.float32)
    tint = between(-0.1, 0.1)
    fill = between(0.16, 0.4) * np.array([1 - tint, 1.0, 1 + tint], np.float32)
    return Shot(
        yaw=float(np.clip(rng.normal(0, 0.2), -0.42, 0.42)),
        pitch=float(np.clip(rng.normal(0, 0.08), -0.18, 0.18)),
        roll=float(np.clip(rng.normal(0, 0.07), -0.2, 0.2)),
        zoom=between(0.92, 1.1),
        shift=(between(-0.08, 0.08), between(-0.08, 0.06)),
        light=light_from(between(-1.0, 1.0), between(0.05, 0.95)),
        key=key.astype(np.float32),
        fill=fill.astype(np.float32),
        smile=float(np.clip(rng.normal(0.42, 0.35), -0.2, 1.0)),
        mouth_open=float(between(0.2, 1.0)) if between() < 0.3 else 0.0,
        blink=float(between() ** 3 * 0.45),
        brow_raise=between(-0.02, 0.03),
        gaze=(between(-0.3, 0.3), between(-0.15, 0.15)),
        gloss=between(0.1, 0.4),
        cloth=linear(muted(rng)),
        scene_seed=int(rng.integers(2**31)),
    )
