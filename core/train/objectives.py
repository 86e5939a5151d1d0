"""What training minimises: a total and its named parts. Reconstruction or KL are parts here, not another loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from core.models.detector import DetectorOutput
from core.registry import Registry


@dataclass
class Losses:
    """total: () what is differentiated. parts: named () values for the log, unweighted."""

    total: Tensor
    parts: dict[str, Tensor] = field(default_factory=dict)


Objective = Callable[[DetectorOutput, Tensor, Tensor], Losses]
"""`objective(output, inputs, labels) -> Losses`. inputs: (B, 3, S, S) normalised; labels: (B,) float, 1 = fake."""

objectives: Registry[Callable[..., Objective]] = Registry("objective")
"""Name -> factory: `objectives.get("bce")(label_smoothing=0.1)` is an Objective."""


def build_objective(name: str, **options: Any) -> Objective:
    """An objective by its registered name. Raises LookupError for an unknown name, TypeError for an unknown option."""
    return objectives.get(name)(**options)


EVEN = (1.0, 1.0)


def bce(label_smoothing: float = 0.0, class_weights: Sequence[float] = EVEN) -> Objective:
    """Binary cross-entropy on log-odds; targets move by `label_smoothing` / 2; class_weights: of real and of fake."""
    real, fake = class_weights

    def objective(output: DetectorOutput, inputs: Tensor, labels: Tensor) -> Losses:
        targets = labels * (1 - label_smoothing) + label_smoothing / 2
        weight = torch.where(labels > 0.5, fake, real)
        loss = functional.binary_cross_entropy_with_logits(output.log_odds.float(), targets, weight=weight)
        return Losses(loss, {"bce": loss})

    return objective


def focal(gamma: float = 2.0, alpha: float | None = None, class_weights: Sequence[float] = EVEN) -> Objective:
    """Focal loss (Lin et al. 2017, eq. 4): -(1 - p_t)^gamma log p_t, times the weight of the label.

    alpha: the paper's (eq. 5), fakes weigh alpha and reals 1 - alpha. class_weights: of real and of fake, instead.
    Raises ValueError for both: the labels would be weighted twice."""
    if alpha is not None and tuple(class_weights) != EVEN:
        raise ValueError("focal loss takes alpha or class_weights, not both: they weigh the same labels twice")
    real, fake = class_weights if alpha is None else (1 - alpha, alpha)

    def objective(output: DetectorOutput, inputs: Tensor, labels: Tensor) -> Losses:
        log_odds = output.log_odds.float()
        cross_entropy = functional.binary_cross_entropy_with_logits(log_odds, labels, reduction="none")
        p_true = torch.exp(-cross_entropy)
        weight = torch.where(labels > 0.5, fake, real)
        loss = (weight * (1 - p_true) ** gamma * cross_entropy).mean()
        return Losses(loss, {"focal": loss})

    return objective


objectives.add("bce", bce)
objectives.add("focal", focal)
