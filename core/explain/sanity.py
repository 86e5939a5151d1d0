"""Does a map matter? Its hottest region is blurred in this very picture, and other regions of the same shape too."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from core.data.transforms import normalise, resize_uint8, to_tensor
from core.explain.cam import Side
from core.models.detector import Detector

HOT_SHARE = 0.15
REGIONS = 6
BEATEN = 0.75


@dataclass(frozen=True)
class Sanity:
    """Drops are in log-odds of the side that the map argues for; positive: the region supported it."""

    drop_hot: float
    drop_elsewhere: float
    beaten: float

    @property
    def informative(self) -> bool:
        """The hottest region supports the side, more than the mean of the others and than most of them."""
        return self.drop_hot > max(0.0, self.drop_elsewhere) and self.beaten >= BEATEN

    def values(self) -> dict[str, float]:
        return {
            "drop_hot": self.drop_hot,
            "drop_elsewhere": self.drop_elsewhere,
            "regions_beaten": self.beaten,
            "informative": float(self.informative),
        }


def sanity(
    detector: Detector,
    crop: np.ndarray,
    heat: np.ndarray,
    *,
    side: Side = "fake",
    regions: int = REGIONS,
    seed: int = 0,
) -> Sanity:
    """Compare the blur of the hottest 15 % with that of `regions` shifted copies, equal in area and shape.

    Args:
        crop: (H, W, 3) uint8 RGB. heat: (H, W) in [0, 1]. seed: of the shifts.
    Returns: Sanity; `beaten` is the share of the other regions whose drop is smaller, in [0, 1]. A constant map has no
        hottest region: its drop is 0 and it beats none.
    """
    if heat.shape != crop.shape[:2]:
        raise ValueError(f"map {heat.shape} and crop {crop.shape[:2]} differ in size")
    if float(heat.max()) <= float(heat.min()):
        return Sanity(0.0, 0.0, 0.0)
    hot = hottest(heat, HOT_SHARE)
    masks = [np.zeros_like(hot), hot, *shifted(hot, regions, np.random.default_rng(seed))]
    log_odds = blurred_log_odds(detector, crop, masks)
    drops = (log_odds[0] - log_odds[1:]) * (1.0 if side == "fake" else -1.0)
    return Sanity(float(drops[0]), float(drops[1:].mean()), float((drops[1:] < drops[0]).mean()))


def hottest(heat: np.ndarray, share: float) -> np.ndarray:
    """(H, W) bool: the `share` of pixels with the largest values; ties are broken by position, so the area is exact."""
    count = max(1, round(share * heat.size))
    order = np.argsort(-heat, axis=None, kind="stable")
    mask = np.zeros(heat.size, dtype=bool)
    mask[order[:count]] = True
    return mask.reshape(heat.shape)


def shifted(mask: np.ndarray, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """`count` copies of a region, moved around the picture (it wraps) by at least a quarter of a side."""
    height, width = mask.shape
    copies = []
    for _ in range(count):
        far = rng.integers(height // 4, height - height // 4), rng.integers(width // 4, width - width // 4)
        copies.append(np.roll(mask, (int(far[0]), int(far[1])), axis=(0, 1)))
    return copies


def blurred_log_odds(detector: Detector, crop: np.ndarray, masks: list[np.ndarray]) -> np.ndarray:
    """(len(masks),) log-odds of fake of the crop with each region blurred away; leaves the detector as it was."""
    height, width = crop.shape[:2]
    blurred = cv2.GaussianBlur(crop, (0, 0), sigmaX=max(height, width) / 16)
    spec, device = detector.input_spec, next(detector.parameters()).device
    batch = []
    for mask in masks:
        weight = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigmaX=max(height, width) / 64)[..., None]
        mixed = crop * (1 - weight) + blurred * weight
        batch.append(resize_uint8(to_tensor(np.round(mixed).astype(np.uint8)), spec.size))
    training = detector.training
    detector.eval()
    try:
        return detector.scores(normalise(torch.stack(batch).to(device), spec)).double().cpu().numpy()
    finally:
        detector.train(training)
