"""Every recipe takes one training step with its own network, loss, optimiser and batch statistics.

Full-size and small networks are slow tests: `pytest -m slow tests/contracts/test_recipes.py`, one at a time."""

from __future__ import annotations

import pytest
import torch

from core.models.registry import build_detector
from core.train.objectives import build_objective
from core.train.optim import build_optimizer, is_head, rate_factor, set_rates
from core.train.recipes import Recipe, recipes


def every_recipe() -> list:
    slow = (pytest.mark.slow, pytest.mark.timeout(900))
    return [pytest.param(r, id=r.name, marks=() if r.scale == "tiny" else slow) for r in recipes]


@pytest.mark.parametrize("recipe", every_recipe())
def test_one_training_step(recipe: Recipe):
    """Forward at the recipe's own size, finite parts, and a step that moves backbone and head at their own rates."""
    torch.manual_seed(0)
    detector = build_detector(recipe.detector, "none", **recipe.options).train()
    size = detector.input_spec.size
    inputs, labels = torch.randn(2, 3, size, size), torch.tensor([0.0, 1.0])
    optimizer = build_optimizer(detector, recipe, recipe.lr, recipe.weight_decay)
    set_rates(optimizer, rate_factor(recipe, step=5, steps_per_epoch=10, epochs=recipe.epochs))
    rates = {round(group["lr"] / recipe.lr, 6) for group in optimizer.param_groups}
    assert max(rates) <= 1
    before = {name: parameter.detach().clone() for name, parameter in detector.named_parameters()}
    output = detector(inputs)
    assert output.logits.shape == (2, 1)
    assert output.embedding.shape == (2, detector.embedding_size)
    losses = build_objective(recipe.objective, **recipe.objective_options)(output, inputs, labels)
    wanted = {"bce"} | ({"reconstruction"} if recipe.objective == "reconstruction" else set())
    assert wanted <= set(losses.parts)
    assert all(torch.isfinite(part) for part in losses.parts.values())
    losses.total.backward()
    optimizer.step()
    moved = {name for name, parameter in detector.named_parameters() if not torch.equal(parameter, before[name])}
    assert any(is_head(detector, name) for name in moved)
    assert any(not is_head(detector, name) for name in moved)
    assert all(torch.isfinite(parameter).all() for parameter in detector.parameters())
    with torch.inference_mode():
        assert torch.isfinite(detector.eval()(inputs[:1]).logits).all()
