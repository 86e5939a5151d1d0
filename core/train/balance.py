"""Even labels by one means alone: a sampler that draws them evenly, or weights in the loss, never both.

Both aim at the same expected gradient, so that both together would weigh the rarer label twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from core.train.recipes import Recipe
from core.train.spec import TrainSpec

CLASS_WEIGHTS = "class_weights"
WEIGHTING = ("alpha", CLASS_WEIGHTS)
"""Options of an objective that weigh one label against the other."""


def sampler_of(balance: str) -> str:
    """Name the sampler of a training.

    Args:
        balance: `balance` of the TrainSpec.

    Returns:
        A sampler's name; with weights in the loss every picture is drawn once, so it is `none`.
    """
    return "none" if balance == CLASS_WEIGHTS else balance


def objective_options_of(spec: TrainSpec, recipe: Recipe, labels: np.ndarray) -> dict[str, Any]:
    """Settle the options of a training's objective.

    Args:
        spec: The filled spec.
        recipe: Its recipe.
        labels: (N,) labels of the training rows, 1 = fake.

    Returns:
        The recipe's options and, for `class_weights`, the weights of the labels.

    Raises:
        ValueError: The recipe's loss weighs the labels itself, and `balance` would do so again.
    """
    options = dict(recipe.objective_options)
    own = [name for name in WEIGHTING if name in options]
    if own and spec.balance != "none":
        means = "the loss would be weighted twice" if spec.balance == CLASS_WEIGHTS else "a sampler would weight them "
        "again"
        raise ValueError(
            f"the recipe {recipe.name!r} weights the labels in its {recipe.objective} loss already ({', '.join(own)}); "
            f"with balance {spec.balance!r} {means}: choose balance none, or a recipe without {own[0]}"
        )
    if spec.balance == CLASS_WEIGHTS:
        options[CLASS_WEIGHTS] = list(class_weights(labels, float(spec.self_blend or 0)))
    return options


def class_weights(labels: np.ndarray, blend_share: float = 0.0) -> tuple[float, float]:
    """Compute the weight of a real and of a fake item, N / (2 n_c).

    Both labels weigh alike, and the mean weight is 1.

    Args:
        labels: (N,) of 0 and 1.
        blend_share: Share of real items that are shown as self-blended fakes and count as such, in [0, 1].

    Returns:
        Weight of a real and weight of a fake item.

    Raises:
        ValueError: A label would never be shown.
    """
    total, fakes = len(labels), float((labels == 1).sum())
    shown = (total - fakes) * (1 - blend_share)
    if not 0 < shown < total:
        raise ValueError(
            "class weights need both labels: no real picture would be used (self_blend 1)"
            if shown == 0 and fakes < total
            else "class weights need both labels among the training items"
        )
    return total / (2 * shown), total / (2 * (total - shown))
