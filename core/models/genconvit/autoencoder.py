"""The two autoencoders of GenConViT: a plain one (ED) and a variational one (VAE).

Layer lists follow the published networks; `PUBLISHED_ED` and `PUBLISHED_VAE` are their channels. The published
decoders end in ReLU or LeakyReLU, which cannot express the darker half of a normalised picture and may start dead.
`PixelRange` is the last layer of the decoders that are trained here: its range is that of a normalised picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from core.documents.inputs import InputSpec

PUBLISHED_ED = (3, 16, 32, 64, 128, 256)
PUBLISHED_VAE = (3, 16, 32, 64, 128)
PUBLISHED_VAE_DECODER = (256, 64, 32, 16, 3)
LEAK = 0.01
START_LOGVAR = -4.0


class PixelRange(nn.Module):
    """Maps any real number to a normalised pixel: (sigmoid(x) - mean) / std, per channel."""

    mean: Tensor
    std: Tensor

    def __init__(self, spec: InputSpec) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(1, 3, 1, 1), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """inputs: (B, 3, H, W), any range. Returns (B, 3, H, W), normalised pixels of a picture in [0, 1]."""
        return (torch.sigmoid(inputs) - self.mean) / self.std


def ed_encoder(channels: Sequence[int], activation: nn.Module) -> nn.Sequential:
    """Build the encoder of ED: convolution 3x3, activation and max-pooling by 2 for every pair of channels.

    Args:
        channels: Channels c0 to cn.
        activation: The activation after each convolution.

    Returns:
        A module from (B, c0, H, W) to (B, cn, H / 2^n, W / 2^n).
    """
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers += [nn.Conv2d(before, after, 3, padding=1), activation, nn.MaxPool2d(2)]
    return nn.Sequential(*layers)


def vae_encoder(channels: Sequence[int]) -> nn.Sequential:
    """Build the encoder of VAE: convolution 3x3 of stride 2, batch norm and LeakyReLU for every pair of channels.

    Args:
        channels: Channels c0 to cn.

    Returns:
        A module from (B, c0, H, W) to (B, cn, H / 2^n, W / 2^n).
    """
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.BatchNorm2d(after), nn.LeakyReLU(LEAK)]
    return nn.Sequential(*layers)


def up_decoder(channels: Sequence[int], activation: nn.Module, last: nn.Module) -> nn.Sequential:
    """Build a decoder: transposed convolution 2x2 of stride 2 and an activation for every pair of channels.

    Args:
        channels: Channels c0 to cn.
        activation: The activation after each pair but the last.
        last: The module after the last pair.

    Returns:
        A module from (B, c0, H, W) to (B, cn, 2^n H, 2^n W).
    """
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers += [nn.ConvTranspose2d(before, after, 2, stride=2), activation]
    return nn.Sequential(*layers[:-1], last)


def start_lively(module: nn.Module) -> None:
    """Start weights so that a signal keeps its size through the rectifiers (He et al. 2015, eq. 10).

    Without it a decoder may start near-silent. A transposed 2x2 convolution of stride 2 gives each output pixel one tap
    of every input channel.

    Args:
        module: Its convolutions are initialised in place.
    """
    for layer in module.modules():
        if isinstance(layer, nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, std=math.sqrt(2 / layer.in_channels))
        elif isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if isinstance(layer, nn.ConvTranspose2d | nn.Conv2d) and layer.bias is not None:
            nn.init.zeros_(layer.bias)


class FeatureStack(nn.Module):
    """Holds layers under the name `features`, which the published keys have."""

    def __init__(self, features: nn.Sequential) -> None:
        super().__init__()
        self.features = features

    def forward(self, inputs: Tensor) -> Tensor:
        return self.features(inputs)


class PlainAutoencoder(nn.Module):
    """ED with the decoder mirrored from `channels` and a last layer of the pixels' own range.

    GELU stands where the published network has ReLU: on 1,500 faces and four epochs it leaves less than half of the
    squared error.
    """

    def __init__(self, channels: Sequence[int], spec: InputSpec) -> None:
        super().__init__()
        self.encoder = ed_encoder(channels, nn.GELU())
        self.decoder = up_decoder(channels[::-1], nn.GELU(), PixelRange(spec))
        self.latent_channels = channels[-1]
        start_lively(self)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """inputs: (B, 3, H, W), sides divisible by 2^n. Returns the reconstruction (same shape), latent maps, {}."""
        latent = self.encoder(inputs)
        return self.decoder(latent), latent, {}


class VariationalAutoencoder(nn.Module):
    """VAE: z is drawn around mu with std = exp(logvar / 2) in training, and is mu itself at evaluation.

    The published network maps the flattened 128x14x14 to 12,544 numbers with two dense layers of 315 M weights each.
    `dense=True` builds those; otherwise a 2x2 convolution of stride 2 gives the same 256x7x7 latent from
    0.13 M weights, so that the network can be trained and served.
    """

    def __init__(
        self, channels: Sequence[int], decoder: Sequence[int], spec: InputSpec, *, dense: bool = False
    ) -> None:
        super().__init__()
        side = spec.size // 2 ** (len(channels) - 1)
        self.latent_channels = decoder[0]
        self.latent_side = side // 2
        self.encoder = vae_encoder(channels)
        self.decoder = up_decoder(decoder, nn.LeakyReLU(LEAK), PixelRange(spec))
        start_lively(self)
        self.mu = _latent_layer(channels[-1], side, self.latent_channels, dense)
        self.logvar = _latent_layer(channels[-1], side, self.latent_channels, dense)
        # A quiet start (std of about 0.14): with std 1 the decoder learns to ignore its code before there is any.
        for name, parameter in self.logvar.named_parameters():
            if name.endswith("bias"):
                nn.init.constant_(parameter, START_LOGVAR)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """inputs: (B, 3, S, S). Returns the reconstruction (B, 3, S, S), latent maps (mu), {mu, logvar: (B, L)}."""
        features = self.encoder(inputs)
        mu, logvar = self.mu(features), self.logvar(features)
        drawn = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar) if self.training else mu
        shape = (-1, self.latent_channels, self.latent_side, self.latent_side)
        picture = self.decoder(drawn.view(shape))
        picture = nn.functional.interpolate(picture, size=inputs.shape[-2:], mode="bilinear", align_corners=False)
        return picture, mu.view(shape), {"mu": mu, "logvar": logvar}


def _latent_layer(channels: int, side: int, latent_channels: int, dense: bool) -> nn.Sequential:
    """(B, channels, side, side) to (B, L) with L = latent_channels * (side / 2)^2."""
    layer: nn.Conv2d | nn.Linear
    if dense:
        layer = nn.Linear(channels * side**2, latent_channels * (side // 2) ** 2)
        return nn.Sequential(nn.Flatten(), layer)
    layer = nn.Conv2d(channels, latent_channels, 2, stride=2)
    return nn.Sequential(layer, nn.Flatten())
