"""Does a map matter? Two checks, both on this very picture, of every map that is shown.

1. Weights: the map of a copy with randomised weights must look different (Adebayo et al. 2018).
2. Blur: its hottest region is blurred, and other regions of the same shape too; the score must hang on the hottest.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from scipy.stats import spearmanr

from core.data.loading.transforms import normalise, resize_uint8, to_tensor
from core.explain.cam import Side, cam_maps, prepare
from core.explain.randomised import randomised_copy
from core.models.detector import Detector

HOT_SHARE = 0.15
"""Share of the picture that is blurred as the hottest region."""
REGIONS = 6
"""Other regions, equal in area and shape, that the hottest is compared with."""
BEATEN = 0.75
"""Least share of the other regions whose blur costs less than that of the hottest (5 of 6)."""
MOST_ALIKE = 0.7
"""Most rank correlation with a map of the randomised copy: from 0.71 on, the copy explains half of the variance of the
ranks. (Maps of one face by different random weights are alike to some degree: faces are.)"""
CELLS = 16
"""Maps are compared as CELLS x CELLS means: finer than any network's own map, coarse enough to be quick."""


@dataclass(frozen=True)
class Sanity:
    """The figures of both checks of one map.

    Drops are in log-odds of the side that the map argues for; positive: the region supported it.

    Attributes:
        similarity: Spearman's rank correlation, in [-1, 1], with the map that the randomised copy draws of this picture
            (of its maps for fake and for real, the more alike).
        drop_hot: Drop when the hottest region is blurred.
        drop_elsewhere: Mean drop when another region of the same shape is blurred.
        beaten: Share of the other regions whose drop is smaller, in [0, 1].
    """

    similarity: float
    drop_hot: float
    drop_elsewhere: float
    beaten: float

    @property
    def learned(self) -> bool:
        """The map hangs on what the network learned: without it, another map comes out."""
        return self.similarity <= MOST_ALIKE

    @property
    def matters(self) -> bool:
        """The hottest region supports the side, more than the mean of the others and than most of them."""
        return self.drop_hot > max(0.0, self.drop_elsewhere) and self.beaten >= BEATEN

    @property
    def informative(self) -> bool:
        """Both checks passed."""
        return self.learned and self.matters

    def values(self) -> dict[str, float]:
        """The figures by the names that `Evidence` and reports carry."""
        return {
            "similarity_to_randomised": self.similarity,
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
    method: str = "",
    regions: int = REGIONS,
    seed: int = 0,
) -> Sanity:
    """Run both checks of one map.

    About two forwards for the first check, `regions` + 2 for the second.

    Args:
        detector: The detector that the map was drawn of.
        crop: (H, W, 3) uint8 RGB.
        heat: (H, W) in [0, 1].
        side: The side that the map argues for.
        method: What drew it, see `grad_cam`.
        regions: Number of other regions that are blurred.
        seed: Seed of their places.

    Returns:
        The figures. A constant map has no hottest region and is like no other: all its figures are 0.

    Raises:
        ValueError: Map and crop differ in size.
    """
    if heat.shape != crop.shape[:2]:
        raise ValueError(f"map {heat.shape} and crop {crop.shape[:2]} differ in size")
    if float(heat.max()) <= float(heat.min()):
        return Sanity(0.0, 0.0, 0.0, 0.0)
    hot = hottest(heat, HOT_SHARE)
    masks = [np.zeros_like(hot), hot, *shifted(hot, regions, np.random.default_rng(seed))]
    log_odds = blurred_log_odds(detector, crop, masks)
    drops = (log_odds[0] - log_odds[1:]) * (1.0 if side == "fake" else -1.0)
    alike = likeness_to_randomised(detector, crop, heat, method)
    return Sanity(alike, float(drops[0]), float(drops[1:].mean()), float((drops[1:] < drops[0]).mean()))


def likeness_to_randomised(detector: Detector, crop: np.ndarray, heat: np.ndarray, method: str = "") -> float:
    """Correlate a map with the maps of the detector's randomised copy.

    Which side the copy's score means is chance, so a map that would come out for either side counts as explained away.

    Args:
        detector: The detector that the map was drawn of.
        crop: (H, W, 3) uint8 RGB.
        heat: (H, W) in [0, 1].
        method: What drew it, see `grad_cam`.

    Returns:
        Spearman's rank correlation in [-1, 1], the larger of fake and real.
    """
    other = randomised_copy(detector)
    maps = cam_maps(other, prepare(other, crop).repeat(2, 1, 1, 1), [1.0, -1.0], method)
    return max(likeness(heat, found) for found in maps)


def likeness(first: np.ndarray, second: np.ndarray) -> float:
    """Compute Spearman's rank correlation of two maps.

    Args:
        first: (H, W) map.
        second: (H', W') map; both are compared as CELLS x CELLS means.

    Returns:
        A number in [-1, 1]; 0 when one map is constant.
    """
    a, b = (
        cv2.resize(m.astype(np.float32), (CELLS, CELLS), interpolation=cv2.INTER_AREA).ravel() for m in (first, second)
    )
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(spearmanr(a, b).statistic)


def hottest(heat: np.ndarray, share: float) -> np.ndarray:
    """Mark the pixels with the largest values.

    Args:
        heat: (H, W).
        share: Share of the pixels to mark, in (0, 1].

    Returns:
        (H, W) bool. Ties are broken by position, so that the area is exact.
    """
    count = max(1, round(share * heat.size))
    order = np.argsort(-heat, axis=None, kind="stable")
    mask = np.zeros(heat.size, dtype=bool)
    mask[order[:count]] = True
    return mask.reshape(heat.shape)


def shifted(mask: np.ndarray, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Move a region around the picture, which wraps at its edges.

    Args:
        mask: (H, W) bool.
        count: Number of copies.
        rng: Chooses the places, at least a quarter of a side away.

    Returns:
        `count` masks (H, W) bool of the same area and shape.
    """
    height, width = mask.shape
    copies = []
    for _ in range(count):
        far = rng.integers(height // 4, height - height // 4), rng.integers(width // 4, width - width // 4)
        copies.append(np.roll(mask, (int(far[0]), int(far[1])), axis=(0, 1)))
    return copies


def blurred_log_odds(detector: Detector, crop: np.ndarray, masks: list[np.ndarray]) -> np.ndarray:
    """Score a crop with each region blurred away.

    Args:
        detector: The detector; it is left as it was.
        crop: (H, W, 3) uint8 RGB.
        masks: Regions, (H, W) bool each.

    Returns:
        (len(masks),) log-odds of fake.
    """
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
