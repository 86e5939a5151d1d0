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
    Raises ValueError for both: the labels would be weighted twice.
    """
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


def kl_divergence(mu: Tensor, logvar: Tensor, values: int) -> Tensor:
    """Scalar: KL of N(mu, exp(logvar)) from N(0, 1) (Kingma and Welling 2014, appendix B), in nats an input value.

    mu, logvar: (B, L). Summed over L, averaged over B, divided by `values` = 3 H W: the evidence bound in the unit of a
    mean squared error. Averaged over L instead, 0.01 KL outweighs 0.1 MSE so far that the code collapses.
    """
    mu, logvar = mu.float(), logvar.float()
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(1).mean() / values


def reconstruction(
    classification: float = 0.9,
    reconstruction: float = 0.1,
    kl: float = 0.01,
    label_smoothing: float = 0.0,
    class_weights: Sequence[float] = EVEN,
) -> Objective:
    """Binary cross-entropy, mean squared error of the reconstruction and, for a VAE, KL; each with its weight.

    class_weights: of real and of fake pictures in the cross-entropy; the picture itself is rebuilt whatever its label.

    Parts are logged unweighted: `bce`, `reconstruction` (normalised pixels squared), `kl` (nats an input value).
    Raises ValueError when the detector gives no reconstruction.
    """
    cross_entropy = bce(label_smoothing, class_weights)

    def objective(output: DetectorOutput, inputs: Tensor, labels: Tensor) -> Losses:
        if "reconstruction" not in output.aux:
            raise ValueError("this detector gives no reconstruction: choose the objective bce or focal for it")
        error = torch.nn.functional.mse_loss(output.aux["reconstruction"].float(), inputs.float())
        parts = {**cross_entropy(output, inputs, labels).parts, "reconstruction": error}
        total = classification * parts["bce"] + reconstruction * error
        if "logvar" in output.aux:
            parts["kl"] = kl_divergence(output.aux["mu"], output.aux["logvar"], inputs[0].numel())
            total = total + kl * parts["kl"]
        return Losses(total, parts)

    return objective


objectives.add("bce", bce)
objectives.add("focal", focal)
objectives.add("reconstruction", reconstruction)
