"""GenConViT's objective: 0.9 classification + 0.1 reconstruction (+ 0.01 KL for the VAE), as named parts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from core.models.detector import DetectorOutput
from core.train.objectives import EVEN, Losses, Objective, bce, objectives


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


objectives.add("reconstruction", reconstruction)
