"""What a detector's autoencoder makes of a face: reconstruction, residual, and how far apart they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from core.data.loading.transforms import resize_uint8, to_tensor
from core.explain.pictures import colour
from core.models.detector import Detector
from core.models.genconvit.samples import reconstruct

RESIDUAL_FULL_SCALE = 0.33


@dataclass(frozen=True)
class Reconstruction:
    """A face and its reconstruction.

    Attributes:
        input: (S, S, 3) uint8 RGB at the detector's size.
        picture: (S, S, 3) uint8 RGB, the reconstruction.
        values: `mse` (pixels in [0, 1], squared), `psnr` (dB; left out when there is no difference), `ssim` in [-1, 1].
    """

    input: np.ndarray
    picture: np.ndarray
    values: dict[str, float]

    def residual(self) -> np.ndarray:
        """(S, S, 3) uint8: mean absolute difference, by colour map; a third of the range is brightest."""
        difference = np.abs(self.input.astype(np.float32) - self.picture).mean(2) / 255
        return colour(difference / RESIDUAL_FULL_SCALE)


@torch.inference_mode()
def reconstruction(detector: Detector, crop: np.ndarray) -> Reconstruction | None:
    """Reconstruct one crop with a detector's autoencoder.

    Args:
        detector: The detector.
        crop: (H, W, 3) uint8 RGB.

    Returns:
        The reconstruction with its distances, or None where the detector has no autoencoder.
    """
    size = detector.input_spec.size
    seen = resize_uint8(to_tensor(crop), size).permute(1, 2, 0).numpy()
    rebuilt = reconstruct(detector, seen[None])
    return None if rebuilt is None else Reconstruction(seen, rebuilt[0], distances(seen, rebuilt[0]))


def distances(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    """Measure how far two pictures are apart, by scikit-image.

    Args:
        first: (H, W, 3) uint8, at least 7 pixels a side.
        second: (H, W, 3) uint8 of the same shape.

    Returns:
        mse (pixels in [0, 1], squared), ssim in [-1, 1], and psnr in dB; psnr is left out when there is no difference.
    """
    values = {
        "mse": float(mean_squared_error(first / 255, second / 255)),
        "ssim": float(structural_similarity(first, second, channel_axis=2, data_range=255)),
    }
    if values["mse"] > 0:
        values["psnr"] = float(peak_signal_noise_ratio(first, second, data_range=255))
    return values
