"""What the autoencoder makes of a few faces: a picture of inputs, reconstructions and residuals for a run's folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from core.data.loading.dataset import FaceCache
from core.data.loading.transforms import normalise, resize_uint8, to_tensor
from core.models.detector import Detector

RESIDUAL_GAIN = 3.0


@torch.inference_mode()
def reconstruct(detector: Detector, pictures: np.ndarray) -> np.ndarray | None:
    """Reconstruct pictures with a detector's autoencoder; its training state is left as it was.

    Args:
        detector: The detector.
        pictures: (N, S, S, 3) uint8 RGB at the detector's size.

    Returns:
        (N, S, S, 3) uint8 RGB, or None where the detector gives no reconstruction.
    """
    spec, device = detector.input_spec, next(detector.parameters()).device
    inputs = normalise(torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).to(device), spec)
    training = detector.training
    detector.eval()
    rebuilt = detector(inputs).aux.get("reconstruction")
    detector.train(training)
    return None if rebuilt is None else to_pixels(rebuilt, spec.mean, spec.std)


def to_pixels(normalised: torch.Tensor, mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """Turn normalised pixels back into a picture.

    Args:
        normalised: (N, 3, H, W).
        mean: Mean of each channel.
        std: Standard deviation of each channel.

    Returns:
        (N, H, W, 3) uint8; values outside [0, 1] are cut off.
    """
    values = normalised.float().cpu()
    shaped = values * torch.tensor(std).view(1, 3, 1, 1) + torch.tensor(mean).view(1, 3, 1, 1)
    return (shaped.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def save_reconstruction_samples(
    detector: Detector, pictures: np.ndarray, labels: Sequence[int], path: Path
) -> Path | None:
    """Write a PNG of three rows (input, reconstruction, residual) with one column for each picture.

    Args:
        detector: The detector.
        pictures: (N, S, S, 3) uint8 RGB at the detector's size, N >= 1; at most 8 are drawn.
        labels: (N,) 1 = fake; each column is titled real or fake.
        path: The file; its folder is made.

    Returns:
        `path`, or None (and nothing is written) where the detector gives no reconstruction.
    """
    pictures, labels = pictures[:8], list(labels)[:8]
    rebuilt = reconstruct(detector, pictures)
    if rebuilt is None:
        return None
    difference = np.abs(pictures.astype(np.float32) - rebuilt)
    residual = np.clip(RESIDUAL_GAIN * difference, 0, 255).astype(np.uint8)
    columns = len(pictures)
    figure = Figure(figsize=(1.7 * columns + 1.2, 5.6), layout="constrained")
    axes = figure.subplots(3, columns, squeeze=False)
    titles = ("input", "reconstruction", f"residual x{RESIDUAL_GAIN:g}")
    for row, (title, images) in enumerate(zip(titles, (pictures, rebuilt, residual), strict=True)):
        for column, image in enumerate(images):
            axis = axes[row, column]
            axis.imshow(image)
            axis.set(xticks=[], yticks=[])
            if row == 0:
                axis.set_title("fake" if labels[column] else "real", fontsize=10)
            if row == 2:
                error = (difference[column] / 255) ** 2
                axis.set_xlabel(f"MSE {error.mean():.4f}", fontsize=8)
        axes[row, 0].set_ylabel(title, fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    return path


def save_run_samples(detector: Detector, cache: FaceCache, rows: np.ndarray, path: Path) -> Path | None:
    """Write the samples of a run: four real and four fake rows of a cache, spread over the sources.

    Args:
        detector: The detector.
        cache: Decoded pictures.
        rows: Indices into the cache to choose from.
        path: The file; its folder is made.

    Returns:
        `path`, or None (and nothing is written) where there is no row or no reconstruction.
    """
    frame = cache.manifest.frame.iloc[rows].assign(row=rows)
    chosen = [_spread(frame[frame["label"] == label], 4) for label in (0, 1)]
    picked = np.concatenate(chosen).astype(int)
    if len(picked) == 0:
        return None
    sized = [resize_uint8(to_tensor(cache.pixels[row]), detector.input_spec.size) for row in picked]
    pictures = torch.stack(sized).permute(0, 2, 3, 1).numpy()
    labels = cache.manifest.frame["label"].to_numpy()[picked]
    return save_reconstruction_samples(detector, pictures, [int(label) for label in labels], path)


def _spread(frame: pd.DataFrame, count: int) -> np.ndarray:
    """`row` of the first item of each source, then of the second of each, up to `count`."""
    turn = frame.groupby("dataset").cumcount()
    return frame.assign(turn=turn).sort_values(["turn", "dataset"], kind="stable")["row"].to_numpy()[:count]
