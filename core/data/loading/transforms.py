"""Turn pictures into network inputs: one evaluation transform and a table of training augmentations on uint8."""

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
    """Copy a picture into a tensor.

    Args:
        rgb: (H, W, 3) uint8.

    Returns:
        (3, H, W) uint8.
    """
    return torch.from_numpy(np.array(rgb, dtype=np.uint8)).permute(2, 0, 1)


def resize_uint8(image: Tensor, size: int) -> Tensor:
    """Resize pictures to a square, bilinear with antialiasing; a picture of that size is returned as it is.

    Args:
        image: (..., 3, H, W) uint8.
        size: Side of the result in pixels.

    Returns:
        (..., 3, size, size) uint8.
    """
    if tuple(image.shape[-2:]) == (size, size):
        return image
    return F.resize(image, [size, size], InterpolationMode.BILINEAR, antialias=True)


def normalise(batch: Tensor, spec: InputSpec) -> Tensor:
    """Normalise pictures by the mean and standard deviation of an input specification.

    Args:
        batch: (..., 3, H, W) uint8, or float in [0, 255].
        spec: Mean and standard deviation for values in [0, 1].

    Returns:
        float32 of the same shape.
    """
    mean = torch.tensor(spec.mean, device=batch.device).view(3, 1, 1) * 255
    std = torch.tensor(spec.std, device=batch.device).view(3, 1, 1) * 255
    return (batch.float() - mean) / std


def eval_transform(spec: InputSpec) -> Callable[[np.ndarray], Tensor]:
    """Build the transform with which every detector is scored, here and in a bundle.

    Args:
        spec: Size, mean and standard deviation of the network input.

    Returns:
        A function from (H, W, 3) uint8 RGB to (3, size, size) float32.
    """

    def transform(rgb: np.ndarray) -> Tensor:
        return normalise(resize_uint8(to_tensor(rgb), spec.size), spec)

    return transform


def _uniform(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(()))


class DownUp(nn.Module):
    """Shrinks to a share of the side and enlarges again, each by a random filter: another camera, another upload."""

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
    """Adds Gaussian sensor noise of a random strength up to `most` grey levels."""

    def __init__(self, most: float) -> None:
        super().__init__()
        self.most = most

    def forward(self, image: Tensor) -> Tensor:
        noise = torch.randn(image.shape) * _uniform(0.5, self.most)
        return (image.float() + noise).round_().clamp_(0, 255).to(torch.uint8)


class Framing(nn.Module):
    """Cuts a random window of `low` to `high` of the side at its own scale; over 1 the edge is replicated.

    Face detectors frame a face differently. A network that learnt one framing fails on the next.
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
    """Resizes (3, H, W) uint8 to (3, size, size) uint8, as at evaluation."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, image: Tensor) -> Tensor:
        return resize_uint8(image, self.size)


def _minimal(size: int) -> list[nn.Module]:
    return [Resize(size), v2.RandomHorizontalFlip()]


def _guide(size: int) -> list[nn.Module]:
    """Return the augmentations of the guide of stage 1, value for value."""
    return [
        Resize(size),
        v2.RandomHorizontalFlip(0.5),
        v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.1),
        v2.RandomAffine(degrees=10, translate=(0.1, 0.1), scale=(0.9, 1.1)),
        v2.GaussianBlur(kernel_size=3, sigma=(0.1, 2.0)),
    ]


def _robust(size: int) -> list[nn.Module]:
    """Return augmentations for cameras, uploads and generators that are not in the data.

    They change framing, resolution, codec, colour and noise. The picture is degraded at its own scale and resized last,
    as it happens to the files that visitors bring.
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
    """Build a training augmentation from a row of the table.

    Args:
        name: Row of `augmentations`.
        size: Side of the result in pixels.

    Returns:
        A function from (3, H, W) uint8 to (3, size, size) uint8; its randomness comes from torch's CPU generator.

    Raises:
        LookupError: The name is unknown.
    """
    chain: Any = v2.Compose(augmentations.get(name)(size))
    return chain
