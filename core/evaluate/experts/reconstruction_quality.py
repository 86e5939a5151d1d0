"""How well an autoencoder reconstructs real and fake faces, and whether its error separates the two."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.metrics.by_source import auroc_interval
from core.metrics.effective_groups import count_groups, interval_from_draws
from core.metrics.intervals import bootstrap_sums, group_codes
from core.metrics.metrics import auroc

MEASURES = ("mse", "psnr", "ssim")
EXACT_PSNR = 100.0
"""dB that stand for a perfect copy, whose PSNR is infinite."""


def compare(picture: np.ndarray, rebuilt: np.ndarray) -> tuple[float, float, float]:
    """Compare a picture with its reconstruction, on the scale 0 to 1.

    PSNR = -10 log10 MSE, at most EXACT_PSNR. SSIM: Wang et al. 2004, mean over channels, as in scikit-image.

    Args:
        picture: (H, W, 3) uint8.
        rebuilt: (H, W, 3) uint8.

    Returns:
        MSE, PSNR in dB, SSIM.

    Raises:
        ValueError: The shapes differ.
    """
    from skimage.metrics import structural_similarity

    if picture.shape != rebuilt.shape:
        raise ValueError(f"a reconstruction of shape {rebuilt.shape} cannot be compared with a picture {picture.shape}")
    difference = picture.astype(np.float64) - rebuilt.astype(np.float64)
    mse = float(np.mean((difference / 255.0) ** 2))
    psnr = EXACT_PSNR if mse <= 10 ** (-EXACT_PSNR / 10) else float(-10 * np.log10(mse))
    return mse, psnr, float(structural_similarity(picture, rebuilt, channel_axis=2, data_range=255))


def compare_all(pictures: np.ndarray, rebuilt: np.ndarray) -> np.ndarray:
    """Compare pictures with their reconstructions.

    Args:
        pictures: (N, H, W, 3) uint8.
        rebuilt: (N, H, W, 3) uint8.

    Returns:
        (N, 3) MEASURES.
    """
    return np.array([compare(a, b) for a, b in zip(pictures, rebuilt, strict=True)]).reshape(-1, 3)


def reconstruction_quality(
    measures: np.ndarray, labels: np.ndarray, groups: np.ndarray, *, draws: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """Summarise reconstructions by class, and measure how well their error separates real from fake.

    Args:
        measures: (N, 3) of `compare_all`.
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) names of groups.
        draws: Bootstrap draws of groups; 0 for no intervals.
        seed: Seed of the draws.

    Returns:
        `real` and `fake` with the mean of each of MEASURES (95 % over groups), `separates` with the AUROC of each error
        (MSE and 1 - SSIM; a higher error counts as fake), and `reading` in one sentence.
    """
    document: dict[str, Any] = {"items": len(labels)}
    for label, name in ((0, "real"), (1, "fake")):
        rows = labels == label
        document[name] = {"items": int(rows.sum()), **_means(measures[rows], groups[rows], draws, seed)}
    errors = {"mse": measures[:, 0], "ssim": 1 - measures[:, 2]}
    both = len(np.unique(labels)) == 2
    document["separates"] = {
        name: _area(error, labels, groups, draws, seed) if both else None for name, error in errors.items()
    }
    document["reading"] = reading(document["separates"]["mse"])
    return document


def _means(measures: np.ndarray, groups: np.ndarray, draws: int, seed: int) -> dict[str, dict[str, float | None]]:
    if not len(measures):
        return {name: {"value": None, "low": None, "high": None} for name in MEASURES}
    codes, n_groups = group_codes(groups, len(groups))
    drawn = None
    if draws and n_groups > 1:
        columns = np.hstack([measures, np.ones((len(measures), 1))])
        sums = bootstrap_sums(columns, codes, n_groups, draws, np.random.default_rng(seed))
        drawn = sums[:, :3] / sums[:, 3:]
    result = {}
    for i, name in enumerate(MEASURES):
        between = interval_from_draws(None if drawn is None else drawn[:, i], count_groups(codes))
        result[name] = {"value": float(measures[:, i].mean()), "low": between.low, "high": between.high}
    return result


def _area(error: np.ndarray, labels: np.ndarray, groups: np.ndarray, draws: int, seed: int) -> dict[str, float | None]:
    between = auroc_interval(error, labels, groups, draws, seed)
    return {"value": auroc(error, labels), "low": between.low, "high": between.high}


def reading(area: dict[str, float | None] | None) -> str:
    """Say in one sentence what the AUROC of the reconstruction error means.

    Args:
        area: {value, low, high}, or None with one class.

    Returns:
        The sentence.
    """
    if area is None or area["value"] is None or area["low"] is None or area["high"] is None:
        return "Only one class, or too few groups: whether the error separates real from fake cannot be said."
    if area["low"] > 0.5:
        return (
            "Fakes are reconstructed worse than real faces, more than chance allows: the error is evidence by itself."
        )
    if area["high"] < 0.5:
        return "Fakes are reconstructed better than real faces (smoother pictures): a large error here suggests real."
    return "The error does not separate fake from real beyond chance: a residual picture is no evidence here."
