"""The hybrid wiring, trained here: convolutional maps of image and reconstruction pass a Swin stage that runs."""

from __future__ import annotations

from typing import Any

import torch
from timm.models.swin_transformer import SwinTransformerStage
from torch import Tensor, nn

from core.documents.inputs import InputSpec
from core.models.detector import DetectorOutput
from core.models.genconvit.autoencoder import PlainAutoencoder, VariationalAutoencoder
from core.models.genconvit.base import GenConViT, error_summary, pixel_error, squared_error


class SwinOnMap(nn.Module):
    """A Swin stage over a convolutional map: 1x1 projection where widths differ, windowed attention, LayerNorm."""

    def __init__(self, channels: int, size: int, *, dim: int, window: int, depth: int, heads: int) -> None:
        super().__init__()
        if size % window:
            raise ValueError(f"a {size}x{size} map cannot be cut into windows of {window}: choose a divisor")
        self.project = nn.Conv2d(channels, dim, 1) if channels != dim else nn.Identity()
        self.stage = SwinTransformerStage(
            dim, dim, (size, size), depth, downsample=False, num_heads=heads, window_size=window
        )
        self.norm = nn.LayerNorm(dim)

    def forward(self, maps: Tensor) -> Tensor:
        """maps: (B, channels, size, size). Returns (B, dim, size, size)."""
        tokens = self.project(maps).permute(0, 2, 3, 1)
        return self.norm(self.stage(tokens)).permute(0, 3, 1, 2)


class HybridGenConViT(GenConViT):
    """Autoencoder + convolutional trunk + Swin stage, one of each, shared by image and reconstruction.

    Args:
        backbone: a timm network of feature maps; the last one (stride 32) is read.
        autoencoder: gives (reconstruction, latent maps, further intermediates).
        spec: the input; a 256 crop is resized to its size by the evaluation transform.
        dim: width of the Swin stage. window: side of its windows; must divide the map (size / 32).
        warm_up: so many first training steps, the autoencoder learns from its reconstruction alone. Without them the
            classifier's gradient, much the larger one, takes the decoder before it can draw, and it may stay dead.
    """

    # What a file with the trunk's weights alone leaves as it was built.
    head_prefixes: tuple[str, ...] = ("autoencoder.", "swin.", "head.", "steps_trained")
    autoencoder_prefixes = ("autoencoder.",)
    steps_trained: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        autoencoder: PlainAutoencoder | VariationalAutoencoder,
        spec: InputSpec,
        *,
        dim: int,
        window: int,
        depth: int = 2,
        heads: int = 6,
        hidden: int = 500,
        dropout: float = 0.1,
        warm_up: int = 300,
    ) -> None:
        super().__init__()
        self.input_spec = spec
        self.autoencoder = autoencoder
        self.warm_up = warm_up
        self.register_buffer("steps_trained", torch.zeros((), dtype=torch.int64))
        self.backbone: Any = backbone
        info: Any = self.backbone.feature_info
        channels, stride = info.channels()[-1], info.reduction()[-1]
        if spec.size % stride:
            raise ValueError(f"input size {spec.size} is no multiple of the trunk's stride, {stride}")
        self.swin = SwinOnMap(channels, spec.size // stride, dim=dim, window=window, depth=depth, heads=heads)
        self.head = nn.Sequential(nn.Linear(2 * dim, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, 1))
        self.set_parts(dim, autoencoder.latent_channels)

    def forward(self, inputs: Tensor) -> DetectorOutput:
        """Judge normalised pictures.

        Args:
            inputs: (B, 3, S, S) normalised.

        Returns:
            The output. aux: reconstruction, residual_error (B,), reconstruction_error (B, 2); VAE: mu, logvar.
        """
        reconstruction, latent, aux = self.autoencoder(inputs)
        # Both halves share each batch norm's statistics, in training as at evaluation: one batch, image first.
        maps = self.swin(self.backbone(torch.cat([inputs, self._shown(reconstruction)]))[-1])
        image, rebuilt = maps.chunk(2)
        branches = torch.cat([self.image_map(image).mean((2, 3)), rebuilt.mean((2, 3))], dim=1)
        embedding = torch.cat([branches, latent.mean((2, 3)), error_summary(inputs, reconstruction)], dim=1)
        errors = {
            "residual_error": squared_error(inputs, reconstruction),
            "reconstruction_error": pixel_error(inputs, reconstruction, self.input_spec),
        }
        return DetectorOutput(self.head(branches), embedding, {"reconstruction": reconstruction, **errors, **aux})

    def _shown(self, reconstruction: Tensor) -> Tensor:
        """What the classifier sees; during the warm-up no gradient comes back from it. Counts training steps."""
        if not self.training or not torch.is_grad_enabled():
            return reconstruction
        self.steps_trained += 1
        return reconstruction.detach() if self.steps_trained <= self.warm_up else reconstruction
