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
    """Build an objective by its name.

    Args:
        name: Registered name.
        options: Its options.

    Returns:
        The objective.

    Raises:
        LookupError: Unknown name.
        TypeError: Unknown option.
    """
    return objectives.get(name)(**options)


EVEN = (1.0, 1.0)


def bce(label_smoothing: float = 0.0, class_weights: Sequence[float] = EVEN) -> Objective:
    """Build binary cross-entropy on log-odds.

    Args:
        label_smoothing: Targets move towards 0.5 by half of it, in [0, 1).
        class_weights: Weight of a real and of a fake item.

    Returns:
        An objective with the part `bce`.
    """
    real, fake = class_weights

    def objective(output: DetectorOutput, inputs: Tensor, labels: Tensor) -> Losses:
        targets = labels * (1 - label_smoothing) + label_smoothing / 2
        weight = torch.where(labels > 0.5, fake, real)
        loss = functional.binary_cross_entropy_with_logits(output.log_odds.float(), targets, weight=weight)
        return Losses(loss, {"bce": loss})

    return objective


def focal(gamma: float = 2.0, alpha: float | None = None, class_weights: Sequence[float] = EVEN) -> Objective:
    """Build the focal loss -(1 - p_t)^gamma log p_t (Lin et al. 2017, eq. 4), times the weight of the label.

    Args:
        gamma: Focusing exponent, not negative.
        alpha: The paper's weight (eq. 5): fakes weigh alpha, reals 1 - alpha. None: `class_weights` weigh.
        class_weights: Weight of a real and of a fake item.

    Returns:
        An objective with the part `focal`.

    Raises:
        ValueError: Both alpha and class_weights are given: the labels would be weighted twice.
    """
    if alpha is not None and tuple(class_weights) != EVEN:
        raise ValueError("focal loss takes alpha or class_weights, not both: they weight the same labels twice")
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
    """Compute the KL divergence of N(mu, exp(logvar)) from N(0, 1), in nats per input value.

    Kingma and Welling 2014, appendix B.
    It is summed over L, averaged over B and divided by `values`: the evidence bound in the unit of a mean squared
    error. Averaged over L instead, 0.01 KL outweighs 0.1 MSE so far that the code collapses.

    Args:
        mu: (B, L) means.
        logvar: (B, L) logarithms of variances.
        values: Input values of an item, 3 H W.

    Returns:
        A scalar.
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
    """Build GenConViT's objective: cross-entropy, squared error of the reconstruction and, for a VAE, KL divergence.

    The picture is rebuilt whatever its label. Parts are logged unweighted: `bce`, `reconstruction` (normalised pixels
    squared), `kl` (nats per input value). The objective raises ValueError for a detector that gives no reconstruction.

    Args:
        classification: Weight of the cross-entropy.
        reconstruction: Weight of the squared error.
        kl: Weight of the KL divergence.
        label_smoothing: See `bce`.
        class_weights: Weight of a real and of a fake item in the cross-entropy.

    Returns:
        An objective with these parts.
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
