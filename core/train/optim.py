"""Optimiser, its parameter groups, and learning rates as a pure function of the step."""

from __future__ import annotations

import math

import torch
from torch import nn

from core.models.detector import Detector
from core.train.recipes import Recipe


def is_head(detector: Detector, name: str) -> bool:
    """Tell whether a parameter or module belongs to the detector's head.

    Args:
        detector: The network.
        name: Name of the parameter or module.

    Returns:
        True for the head.
    """
    return name.startswith(detector.head_prefixes)


def part_of(detector: Detector, name: str) -> str:
    """Tell which part of the detector a parameter belongs to.

    Args:
        detector: The network.
        name: Name of the parameter.

    Returns:
        `autoencoder`, `head` or `backbone`.
    """
    if name.startswith(detector.autoencoder_prefixes):
        return "autoencoder"
    return "head" if is_head(detector, name) else "backbone"


def build_optimizer(detector: Detector, recipe: Recipe, lr: float, weight_decay: float) -> torch.optim.Optimizer:
    """Build the optimiser: a group for each part, with and without weight decay (none on norms and biases).

    Every group keeps its own full rate as `peak`; `set_rates` scales it at each step.

    Args:
        detector: The network.
        recipe: Kind of optimiser, and the scales of backbone and autoencoder.
        lr: Full learning rate of the head.
        weight_decay: Weight decay of weight arrays.

    Returns:
        The optimiser.
    """
    scales = {"backbone": recipe.backbone_lr_scale, "head": 1.0, "autoencoder": recipe.autoencoder_lr_scale}
    groups: dict[tuple[str, bool], list[nn.Parameter]] = {}
    for name, parameter in detector.named_parameters():
        groups.setdefault((part_of(detector, name), parameter.ndim > 1), []).append(parameter)
    rows = []
    for (part, decays), parameters in groups.items():
        peak = lr * scales[part]
        decay = weight_decay if decays else 0.0
        rows.append({"params": parameters, "lr": peak, "peak": peak, "weight_decay": decay})
    kinds = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}
    return kinds[recipe.optimizer](rows)


def rate_factor(recipe: Recipe, step: int, steps_per_epoch: int, epochs: int) -> float:
    """Compute the share of the peak learning rate at a step.

    Linear warm-up, then cosine to 1 % of the peak, steps, or constant.

    Args:
        recipe: The schedule.
        step: Number of the step, counted from 0 over all epochs.
        steps_per_epoch: Steps in an epoch.
        epochs: Epochs in all.

    Returns:
        A factor in (0, 1].
    """
    warmup = round(recipe.warmup_epochs * steps_per_epoch)
    if step < warmup:
        return (step + 1) / warmup
    if recipe.schedule == "step":
        return float(recipe.step_factor ** (step // (recipe.step_epochs * steps_per_epoch)))
    if recipe.schedule == "cosine":
        share = (step - warmup) / max(1, epochs * steps_per_epoch - warmup)
        return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
    return 1.0


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set the rate of every group to a share of its own peak.

    Args:
        optimizer: The optimiser.
        factor: The share.
    """
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor


def set_frozen(detector: Detector, frozen: bool) -> None:
    """Freeze the backbone (no gradient, BatchNorm as in evaluation), or set everything to training.

    Args:
        detector: The network.
        frozen: Whether the backbone is frozen.
    """
    detector.train()
    for name, parameter in detector.named_parameters():
        parameter.requires_grad_(is_head(detector, name) or not frozen)
    if frozen:
        for name, module in detector.named_modules():
            if name and not is_head(detector, name + "."):
                module.training = False
