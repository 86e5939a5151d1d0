"""The radial power spectrum of a face crop: where resampling and upsampling leave their traces. No torch here."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image


def radial_spectrum(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the mean power of a picture in rings of spatial frequency.

    The grey picture in [0, 1] has its mean removed and a Hann window applied. Power is the squared modulus of its
    Fourier transform
    over the energy of the window: white noise of variance v has power v.

    Args:
        rgb: (H, W, 3) uint8.

    Returns:
        (R,) frequencies in cycles per pixel in (0, 0.5], and (R,) mean power in each ring over all directions.
    """
    grey = rgb.astype(np.float64) @ np.array([0.299, 0.587, 0.114]) / 255
    height, width = grey.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2 / np.sum(window**2)
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    rings = min(height, width) // 2
    ring = np.clip(np.ceil(radius * 2 * rings).astype(int), 0, rings + 1).ravel()
    totals, counts = np.bincount(ring, power.ravel(), rings + 2), np.bincount(ring, minlength=rings + 2)
    return np.arange(1, rings + 1) / (2 * rings), totals[1 : rings + 1] / counts[1 : rings + 1]


def spectrum_chart(rgb: np.ndarray) -> np.ndarray:
    """Draw the radial spectrum of a picture with its axes.

    Args:
        rgb: (H, W, 3) uint8.

    Returns:
        (H', W', 3) uint8 picture of the chart.
    """
    frequency, power = radial_spectrum(rgb)
    figure = Figure(figsize=(5, 3.4), layout="constrained")
    axis = figure.subplots()
    axis.plot(frequency, 10 * np.log10(power + 1e-12), color="#2b5b84", linewidth=1.6)
    axis.set(xlabel="spatial frequency, cycles a pixel", ylabel="mean power, dB", xlim=(0, 0.5))
    axis.grid(alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return np.asarray(Image.open(buffer).convert("RGB"))
