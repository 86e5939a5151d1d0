"""Rates, groups, freezing, objectives and the recipe table."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torchvision.ops import sigmoid_focal_loss

from core.models.detector import DetectorOutput
from core.models.registry import build_detector, detectors
from core.train.fit import fill
from core.train.objectives import build_objective, objectives
from core.train.optim import build_optimizer, rate_factor, set_frozen
from core.train.recipes import recipes
from core.train.spec import TrainSpec


@pytest.fixture(scope="module")
def detector():
    return build_detector("efficientnet_tiny", size=32)


def output_of(log_odds) -> DetectorOutput:
    logits = torch.as_tensor(log_odds, dtype=torch.float32)[:, None]
    return DetectorOutput(logits, torch.zeros(len(logits), 2))


def test_cosine_against_torch():
    recipe = recipes.get("stage1")
    assert recipe.warmup_epochs == 0
    parameter = torch.nn.Parameter(torch.zeros(1))
    peer = torch.optim.SGD([parameter], lr=1.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(peer, T_max=40, eta_min=0.01)
    for step in range(40):
        assert rate_factor(recipe, step, 8, 5) == pytest.approx(peer.param_groups[0]["lr"], abs=1e-12)
        peer.step()
        schedule.step()


def test_steps_against_torch():
    recipe = recipes.get("genconvit_ed")
    peer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(peer, 10, 0.1)
    for epoch in range(35):
        assert rate_factor(recipe, epoch * 3 + 2, 3, 50) == pytest.approx(peer.param_groups[0]["lr"])
        peer.step()
        schedule.step()


def test_warm_up_rises_to_the_peak_and_the_rate_falls_after():
    recipe = recipes.get("stage1_small").model_copy(update={"warmup_epochs": 2.0})
    rates = [rate_factor(recipe, step, 10, 8) for step in range(80)]
    assert rates[:20] == pytest.approx(np.arange(1, 21) / 20)
    assert all(a >= b for a, b in itertools.pairwise(rates[19:]))
    assert rates[-1] < 0.02


def test_groups_hold_every_parameter_once_with_its_rate(detector):
    recipe = recipes.get("stage1_tiny").model_copy(update={"backbone_lr_scale": 0.1})
    optimizer = build_optimizer(detector, recipe, 1e-2, 0.3)
    held = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in detector.parameters())
    rate = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    for name, parameter in detector.named_parameters():
        assert rate[id(parameter)] == pytest.approx(1e-2 if name.startswith("head.") else 1e-3), name
        assert decay[id(parameter)] == (0.3 if parameter.ndim > 1 else 0.0), name


def test_an_autoencoder_has_its_own_rate():
    tiny = build_detector("genconvit_ed_tiny")
    recipe = recipes.get("genconvit_ed_small")
    assert recipe.autoencoder_lr_scale > 1
    optimizer = build_optimizer(tiny, recipe, 1e-3, 0.1)
    rate = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    wanted = {"autoencoder": 1e-3 * recipe.autoencoder_lr_scale, "backbone": 1e-3 * recipe.backbone_lr_scale}
    for name, parameter in tiny.named_parameters():
        assert rate[id(parameter)] == pytest.approx(wanted.get(name.split(".")[0], 1e-3)), name


def test_frozen_backbone_moves_neither_weights_nor_statistics(detector):
    set_frozen(detector, True)
    before = {k: v.clone() for k, v in detector.backbone.state_dict().items()}
    optimizer = build_optimizer(detector, recipes.get("stage1_tiny"), 0.1, 0.1)
    detector(torch.randn(4, 3, 32, 32)).logits.square().sum().backward()
    optimizer.step()
    assert all(torch.equal(before[k], v) for k, v in detector.backbone.state_dict().items())
    assert detector.head[2].weight.grad is not None
    set_frozen(detector, False)
    assert all(p.requires_grad for p in detector.parameters())
    assert all(module.training for module in detector.modules())


def test_bce_smoothing_and_weight():
    log_odds, labels = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([1.0, 0.0, 1.0])
    plain = build_objective("bce")(output_of(log_odds), log_odds, labels)
    assert plain.total == pytest.approx(float(np.mean(np.log1p(np.exp([-2.0, -1.0, -0.5])))), rel=1e-6)
    assert plain.parts.keys() == {"bce"}
    smooth = build_objective("bce", label_smoothing=0.2)(output_of(log_odds), log_odds, labels)
    p = 1 / (1 + np.exp(-log_odds.numpy()))
    t = np.array([0.9, 0.1, 0.9])
    assert smooth.total == pytest.approx(float(-(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()), rel=1e-6)
    double = build_objective("bce", class_weights=(1.0, 2.0))(output_of(log_odds), log_odds, labels)
    peer = torch.nn.functional.binary_cross_entropy_with_logits(log_odds, labels, pos_weight=torch.tensor(2.0))
    assert double.total == pytest.approx(float(peer), rel=1e-6)


def test_focal_against_torchvision():
    log_odds = torch.linspace(-6, 6, 25)
    labels = (torch.arange(25) % 3 == 0).float()
    ours = build_objective("focal", gamma=2.0, alpha=0.25)(output_of(log_odds), log_odds, labels).total
    peer = sigmoid_focal_loss(log_odds, labels, alpha=0.25, gamma=2.0, reduction="mean")
    torch.testing.assert_close(ours, peer)


@pytest.mark.parametrize("recipe", list(recipes), ids=lambda recipe: recipe.name)
def test_recipe_names_things_that_exist(recipe):
    entry = detectors.get(recipe.detector)
    assert entry.scale == recipe.scale
    assert recipe.objective in objectives
    build_objective(recipe.objective, **recipe.objective_options)
    assert recipe.title
    assert recipe.claim.endswith(".")
    assert recipe.cost.endswith(".")
    filled = fill(TrainSpec(dataset="d", recipe=recipe.name), recipe)
    assert filled.epochs == recipe.epochs
    assert filled.augmentation == recipe.augmentation
    assert all(value is not None for name, value in filled if name not in ("size", "crop_scale"))


def test_recipes_of_the_guide():
    stage1 = recipes.get("stage1")
    assert (stage1.epochs, stage1.batch_size, stage1.lr, stage1.weight_decay) == (50, 32, 1e-4, 1e-5)
    assert (stage1.patience, stage1.optimizer, stage1.schedule) == (15, "adamw", "cosine")
    assert stage1.augmentation == "guide"
    b3 = recipes.get("efficientnetv2_b3")
    assert (b3.batch_size, b3.lr, b3.weight_decay, b3.schedule, b3.epochs) == (28, 5e-5, 1e-4, "cosine", 50)
    for name in ("genconvit_ed", "genconvit_vae"):
        recipe = recipes.get(name)
        assert (recipe.optimizer, recipe.lr, recipe.weight_decay, recipe.batch_size) == ("adam", 1e-4, 1e-4, 16)
        assert (recipe.schedule, recipe.step_epochs, recipe.step_factor) == ("step", 10, 0.1)
        assert recipe.objective_options["classification"] == 0.9
        assert recipe.objective_options["reconstruction"] == 0.1
    assert recipes.get("genconvit_vae").objective_options["kl"] == 0.01


def test_b3_eats_what_its_weights_expect():
    """The published EfficientNetV2 weights want pixels in [-1, 1], not ImageNet's mean and deviation."""
    spec = build_detector("efficientnetv2_b3", size=64).input_spec
    assert spec.mean == (0.5, 0.5, 0.5)
    assert spec.std == (0.5, 0.5, 0.5)


def test_what_the_spec_says_wins_over_the_recipe():
    filled = fill(TrainSpec(dataset="d", recipe="stage1", lr=0.5, epochs=2), recipes.get("stage1"))
    assert (filled.lr, filled.epochs, filled.batch_size) == (0.5, 2, 32)
