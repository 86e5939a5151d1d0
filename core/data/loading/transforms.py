"""Pictures to network inputs: one evaluation transform, and a small table of training augmentations on uint8."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

from core.documents.inputs import InputSpec
from core.registry import Registry


def to_tensor(rgb: np.ndarray) -> Tensor:
    """(H, W, 3) uint8 to (3, H, W) uint8, a copy."""
    return torch.from_numpy(np.array(rgb, dtype=np.uint8)).permute(2, 0, 1)


def resize_uint8(image: Tensor, size: int) -> Tensor:
    """(..., 3, H, W) uint8 to (..., 3, size, size) uint8, bilinear with antialiasing; as it is when it fits."""
    if tuple(image.shape[-2:]) == (size, size):
        return image
    return F.resize(image, [size, size], InterpolationMode.BILINEAR, antialias=True)


def normalise(batch: Tensor, spec: InputSpec) -> Tensor:
    """(..., 3, H, W) uint8, or float in [0, 255], to float32 normalised by the spec's mean and std."""
    mean = torch.tensor(spec.mean, device=batch.device).view(3, 1, 1) * 255
    std = torch.tensor(spec.std, device=batch.device).view(3, 1, 1) * 255
    return (batch.float() - mean) / std


def eval_transform(spec: InputSpec) -> Callable[[np.ndarray], Tensor]:
    """(H, W, 3) uint8 RGB to (3, size, size) float32: what every detector is scored on, here and in a bundle."""

    def transform(rgb: np.ndarray) -> Tensor:
        return normalise(resize_uint8(to_tensor(rgb), spec.size), spec)

    return transform


def _uniform(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(()))


class DownUp(nn.Module):
    """Shrink to a share of the side and back, each way by a random filter: another camera, another upload."""

    FILTERS = (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC, InterpolationMode.NEAREST_EXACT)

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = low, high

    def forward(self, image: Tensor) -> Tensor:
        side = image.shape[-1]
        small = max(8, round(side * _uniform(self.low, self.high)))
        down, up = (self.FILTERS[int(torch.randint(3, ()))] for _ in range(2))
        shrunk = F.resize(image, [small, small], down, antialias=down != InterpolationMode.NEAREST_EXACT)
        return F.resize(shrunk, [side, side], up, antialias=False)


class Noise(nn.Module):
    """Sensor noise: Gaussian, of a random strength up to `most` grey levels."""

    def __init__(self, most: float) -> None:
        super().__init__()
        self.most = most

    def forward(self, image: Tensor) -> Tensor:
        noise = torch.randn(image.shape) * _uniform(0.5, self.most)
        return (image.float() + noise).round_().clamp_(0, 255).to(torch.uint8)


class Framing(nn.Module):
    """A random window of `low` to `high` of the side (over 1 shows a replicated edge), anywhere, at its own scale.

    Face detectors frame a face differently; a network that learnt one framing fails on the next.
    """

    def __init__(self, low: float = 0.8, high: float = 1.05) -> None:
        super().__init__()
        self.low, self.high = low, high

    def forward(self, image: Tensor) -> Tensor:
        side = image.shape[-1]
        window = round(side * _uniform(self.low, self.high))
        margin = max(0, window - side)
        if margin:
            image = F.pad(image, [margin, margin, margin, margin], padding_mode="edge")
        room = image.shape[-1] - window + 1
        top, left = (int(torch.randint(room, ())) for _ in range(2))
        return image[..., top : top + window, left : left + window].contiguous()


class Resize(nn.Module):
    """(3, H, W) uint8 to (3, size, size) uint8, as at evaluation."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, image: Tensor) -> Tensor:
        return resize_uint8(image, self.size)


def _minimal(size: int) -> list[nn.Module]:
    return [Resize(size), v2.RandomHorizontalFlip()]


def _guide(size: int) -> list[nn.Module]:
    """The guide of stage 1, value for value."""
    return [
        Resize(size),
        v2.RandomHorizontalFlip(0.5),
        v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.1),
        v2.RandomAffine(degrees=10, translate=(0.1, 0.1), scale=(0.9, 1.1)),
        v2.GaussianBlur(kernel_size=3, sigma=(0.1, 2.0)),
    ]


def _robust(size: int) -> list[nn.Module]:
    """For cameras, uploads and generators that are not in the data: framing, resolution, codec, colour, noise.

    The picture is degraded at its own scale and resized last, as it happens to what a visitor brings.
    """
    some = lambda p, *layers: v2.RandomApply(list(layers), p)  # noqa: E731
    return [
        Framing(),
        v2.RandomHorizontalFlip(0.5),
        some(0.2, v2.RandomRotation(8, InterpolationMode.BILINEAR)),
        some(0.4, v2.ColorJitter(brightness=0.25, contrast=0.25, saturation=0.25)),
        some(0.1, v2.ColorJitter(hue=0.05)),
        some(0.05, v2.Grayscale(3)),
        some(0.4, DownUp(0.4, 1.0)),
        some(0.2, v2.GaussianBlur(5, (0.2, 1.6))),
        some(0.2, Noise(8.0)),
        some(0.6, v2.JPEG((40, 95))),
        Resize(size),
        v2.RandomErasing(0.15, scale=(0.01, 0.06), value=127),
    ]


augmentations: Registry[Callable[[int], list[nn.Module]]] = Registry("augmentation")
augmentations.add("minimal", _minimal)
augmentations.add("guide", _guide)
augmentations.add("robust", _robust)


def train_transform(name: str, size: int) -> Callable[[Tensor], Tensor]:
    """(3, H, W) uint8 to (3, size, size) uint8 by a row of the table. Randomness comes from torch's CPU generator."""
    chain: Any = v2.Compose(augmentations.get(name)(size))
    return chain
