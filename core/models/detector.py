"""The detector contract: one forward gives logits, embedding and named intermediates. No loss, metric or I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from core.documents.inputs import InputSpec


@dataclass
class DetectorOutput:
    """What one forward gives.

    logits: (B, 1), log-odds of fake (label 1), uncalibrated. embedding: (B, D), pooled, before the head.
    aux: named intermediates, e.g. `reconstruction` (B, 3, H, W) in normalised pixels, `mu`, `logvar` (B, L).
    """

    logits: Tensor
    embedding: Tensor
    aux: dict[str, Tensor] = field(default_factory=dict)

    @property
    def log_odds(self) -> Tensor:
        """(B,) float, log-odds of fake."""
        return self.logits.squeeze(1)


class Detector(nn.Module):
    """Base of every detector. Sub-classes set `input_spec`, `embedding_size` and implement `forward`.

    `build_detector` sets `name`, `options` (what rebuilds the same network) and `weights_origin` (where the initial
    weights came from). Parameters whose name starts with one of `head_prefixes` are new to the task: they take the
    full learning rate while the rest, the backbone, may take less or be frozen at first. Those under
    `autoencoder_prefixes` start from random weights and may take a higher one.
    """

    input_spec: InputSpec
    embedding_size: int
    name: str = ""
    options: dict[str, Any]
    weights_origin: dict[str, Any]
    head_prefixes: tuple[str, ...] = ("head.",)
    autoencoder_prefixes: tuple[str, ...] = ()

    def forward(self, inputs: Tensor) -> DetectorOutput:
        """Score a batch of (B, 3, size, size) float inputs, normalised by `input_spec`. Each detector defines it."""
        raise NotImplementedError

    def parts(self, output: DetectorOutput) -> dict[str, Tensor]:
        """Split what the detector says of each item into named parts.

        Args:
            output: What one forward gave.

        Returns:
            (B, D_part) tensors by name; `embedding` is always one of them.
        """
        return {"embedding": output.embedding}

    def cam_layer(self) -> nn.Module:
        """Return the layer, before the pooling, whose (B, C, h, w) output a class-activation map reads."""
        raise NotImplementedError

    @torch.inference_mode()
    def scores(self, inputs: Tensor) -> Tensor:
        """Score inputs without gradients.

        Args:
            inputs: (B, 3, S, S) float, normalised by `input_spec`.

        Returns:
            (B,) log-odds of fake, uncalibrated.
        """
        return self(inputs).log_odds
