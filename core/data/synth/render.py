"""From a person and a shot to a lit picture: pose the layers, then shade one composite height field."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from core.data.synth import hair, skin
from core.data.synth.fields import SPAN, blur, mix, soft, srgb
from core.data.synth.head import build_head
from core.data.synth.people import Identity, Shot
from core.data.synth.scene import background

PIVOT = 0.75
"""Where a head turns: the neck, in face units below the middle of the face."""


@dataclass(frozen=True)
class Portrait:
    """A rendered picture.

    Attributes:
        rgb: (S, S, 3) float32 sRGB in [0, 1].
        landmarks: Name -> (x, y) in pixels.
        face: Alpha (S, S) of the head without hair.
        height: Composite height field in face units.
    """

    rgb: np.ndarray
    landmarks: dict[str, tuple[float, float]]
    face: np.ndarray
    height: np.ndarray


@dataclass
class Layer:
    """One sheet in the frontal plane, or posed: alpha, height, gloss, spark (S, S); albedo (S, S, 3)."""

    alpha: np.ndarray
    height: np.ndarray
    albedo: np.ndarray
    gloss: np.ndarray
    spark: np.ndarray
    turn: float = 1.0


def develop(light: np.ndarray) -> np.ndarray:
    """Map scene light to sRGB on a film-like curve.

    Args:
        light: Linear light, without bound.

    Returns:
        Values in [0, 1].
    """
    return srgb(1 - np.exp(-1.75 * np.clip(light, 0, None)))


def render(
    who: Identity, shot: Shot, size: int = 256, oversample: float = 1.25, behind: np.ndarray | None = None
) -> Portrait:
    """Draw one picture, before any camera. Cost: about 0.1 s at 256 pixels.

    Args:
        who: The person.
        shot: How the picture is taken.
        size: Pixels a side, S.
        oversample: Rendered larger by this factor, then reduced.
        behind: (S, S, 3) linear light to stand before; None: a background of the shot's own.

    Returns:
        The picture and what is known of it.
    """
    inner = round(size * oversample)
    layers, landmarks = _layers(who, shot, inner)
    posed = [_pose(layer, shot) for layer in layers if layer is layers[-1] or layer.alpha.any()]
    room = background(shot.scene_seed, inner) if behind is None else cv2.resize(behind, (inner, inner))
    picture, height = _light(posed, shot, room)
    skin_seen = posed[-2].alpha * (1 - posed[-1].alpha)
    sheets = (picture, skin_seen, height)
    light, face, height = (cv2.resize(sheet, (size, size), interpolation=cv2.INTER_AREA) for sheet in sheets)
    places = {}
    for name, (u, v) in landmarks.items():
        x, y = _place(u, v, layers[-2].height, shot)
        places[name] = (x * size / inner, y * size / inner)
    return Portrait(develop(light), places, face, height)


def _layers(who: Identity, shot: Shot, size: int) -> tuple[list[Layer], dict[str, tuple[float, float]]]:
    """Sheets from back to front; the last two are the face and the hair on it."""
    head = build_head(who, shot, size)
    albedo, gloss = skin.paint(head, who, shot)
    rims = skin.glasses(head, who)
    albedo = mix(albedo, np.full(3, 0.02, np.float32), rims)
    head.height += 0.05 * blur(rims, 1.0)
    plain, none = np.full_like(head.u, 0.25), np.zeros_like(head.u)
    behind = Layer(*hair.back_hair(head, who), plain * 2, none, 0.8)
    sheets = [behind, Layer(*hair.body(head, who, shot), plain, none, 0.25)]
    if who.style in hair.LONG:
        lock = behind.alpha * soft(who.face_w * 0.78 - np.abs(head.u), 0.12) * soft(0.3 - head.v, 0.3)
        sheets.append(Layer(lock, behind.height + 0.15, behind.albedo, plain * 2, none, 0.6))
    sheets.append(Layer(*hair.ears(head, who), plain * 2, none))
    sheets.append(Layer(head.masks["head"], head.height, albedo, gloss, skin.catchlights(head, who, shot)))
    sheets.append(Layer(*hair.front_hair(head, who), plain * 2, none))
    return sheets, head.landmarks


def _camera(shot: Shot, turn: float) -> tuple[float, float, float, float]:
    return (np.cos(turn * shot.yaw), np.sin(turn * shot.yaw), np.cos(turn * shot.pitch), np.sin(turn * shot.pitch))


def _pose(layer: Layer, shot: Shot) -> Layer:
    """Turn a sheet: every picture point looks up where in the frontal plane it comes from.

    Solves x = u cos(yaw) + z(u, v) sin(yaw), likewise v with pitch, by fixed-point steps; z of the result is the
    height seen by the camera.
    """
    size = layer.alpha.shape[0]
    cy, sy, cp, sp = _camera(shot, layer.turn)
    axis = ((np.arange(size, dtype=np.float32) + 0.5) / size - 0.5) * SPAN
    x, y = np.meshgrid((axis - shot.shift[0]) / shot.zoom, (axis - shot.shift[1]) / shot.zoom)
    roll = shot.roll * (1.0 if layer.turn > 0.5 else 0.4)
    c, s = np.cos(roll), np.sin(roll)
    x, y = x * c + (y - PIVOT) * s, (y - PIVOT) * c - x * s + PIVOT
    # a smoothed height keeps the steps from folding at a rim
    smooth = blur(layer.height, size / 160)
    z = np.zeros_like(x)
    for _ in range(4):
        u, v = (x - z * sy) / cy, (y - PIVOT - z * sp) / cp + PIVOT
        px, py = ((u / SPAN + 0.5) * size - 0.5).astype(np.float32), ((v / SPAN + 0.5) * size - 0.5).astype(np.float32)
        z = cv2.remap(smooth, px, py, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    maps = np.dstack([layer.alpha, layer.height, layer.gloss, layer.spark])
    maps = cv2.remap(maps, px, py, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    albedo = cv2.remap(layer.albedo, px, py, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    seen = maps[..., 1] * cy * cp - u * sy - (v - PIVOT) * sp
    return Layer(maps[..., 0], seen.astype(np.float32), albedo, maps[..., 2], maps[..., 3], layer.turn)


def _place(u: float, v: float, height: np.ndarray, shot: Shot) -> tuple[float, float]:
    """Pixel (x, y) of a point of the face, the forward of `_pose`."""
    size = height.shape[0]
    col, row = (int(np.clip((p / SPAN + 0.5) * size, 0, size - 1)) for p in (u, v))
    z = float(height[row, col])
    cy, sy, cp, sp = _camera(shot, 1.0)
    x, y = u * cy + z * sy, (v - PIVOT) * cp + z * sp
    c, s = np.cos(shot.roll), np.sin(shot.roll)
    x, y = x * c - y * s, x * s + y * c + PIVOT
    x, y = x * shot.zoom + shot.shift[0], y * shot.zoom + shot.shift[1]
    return (float((x / SPAN + 0.5) * size), float((y / SPAN + 0.5) * size))


def _composite(layers: list[Layer], size: int, unit: float) -> tuple[np.ndarray, np.ndarray]:
    """Sheets over one another: channels (S, S, 8) albedo rgb, height, gloss, spark, slope x, slope y; cover (S, S).

    Slopes are taken inside each sheet, so that no edge between sheets is lit like a cliff.
    """
    whole = np.zeros((size, size, 8), np.float32)
    whole[..., 3] = -1.4
    cover = np.zeros((size, size), np.float32)
    for layer in layers:
        dy, dx = np.gradient(layer.height, 1 / unit)
        sheet = np.dstack([layer.albedo, layer.height, layer.gloss, layer.spark, dx, dy]).astype(np.float32)
        whole += (sheet - whole) * layer.alpha[..., None]
        cover += (1 - cover) * layer.alpha
    return whole, cover


def _light(layers: list[Layer], shot: Shot, behind: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shade the composite: wrapped diffuse (light bleeds red in skin), two highlights, cast shadow, occlusion."""
    size = behind.shape[0]
    unit = size / SPAN / shot.zoom
    whole, cover = _composite(layers, size, unit)
    albedo, (height, gloss, spark, dx, dy) = whole[..., :3], (whole[..., k] for k in range(3, 8))
    length = np.sqrt(dx**2 + dy**2 + 1)

    def facing(direction: np.ndarray) -> np.ndarray:
        return (direction[2] - dx * direction[0] - dy * direction[1]) / length

    shadow = _shadow(height, shot.light, unit)
    open_sky = np.clip(1 - 1.6 * np.clip(blur(np.maximum(height, -0.7), size * 0.035) - height, 0, None), 0.25, 1)
    wrap = np.array([0.3, 0.14, 0.1], np.float32)
    diffuse = np.clip((facing(shot.light)[..., None] + wrap) / (1 + wrap), 0, 1)
    lit = shot.key * diffuse * (1 - 0.88 * shadow)[..., None]
    lit = lit + shot.fill * (open_sky * (0.75 + 0.25 * dy / length))[..., None]
    middle = shot.light + np.array([0, 0, 1], np.float32)
    halfway = np.clip(facing(middle / np.linalg.norm(middle)), 0, 1)
    shine = (0.05 * halfway**8 + 0.17 * halfway**32) * gloss * shot.gloss * (1 - shadow) + 0.9 * spark
    picture = albedo * lit * 1.25 + shine[..., None] * shot.key
    return mix(behind, picture, cover), height


def _shadow(height: np.ndarray, light: np.ndarray, unit: float, steps: int = 14, reach: float = 1.1) -> np.ndarray:
    """Share of the lamp that is hidden, (S, S): marches towards the light through the height field, at half size."""
    size = height.shape[0]
    small = cv2.resize(height, (size // 2, size // 2), interpolation=cv2.INTER_AREA)
    hidden = np.zeros_like(small)
    for step in np.linspace(0.07, 1.0, steps) ** 1.3 * reach:
        dx, dy = light[0] * step * unit / 2, light[1] * step * unit / 2
        move = np.array([[1, 0, -dx], [0, 1, -dy]], np.float32)
        moved = cv2.warpAffine(small, move, small.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
        over = moved - small - light[2] * step
        hidden = np.maximum(hidden, np.clip(over / (0.05 + 0.12 * step), 0, 1))
    return cv2.resize(blur(hidden, size * 0.006), (size, size), interpolation=cv2.INTER_LINEAR)
