"""Even labels by a sampler or by weights in the loss: equal in expectation, never both."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from core.data.loading.dataset import EpochSampler
from core.models.detector import DetectorOutput
from core.train.balance import class_weights, objective_options_of, sampler_of
from core.train.objectives import build_objective
from core.train.recipes import Recipe, recipes
from core.train.spec import TrainSpec

LABELS = np.array([0] * 90 + [1] * 10)
RECIPE = recipes.get("stage1_tiny")


def spec(balance: str, **values: object) -> TrainSpec:
    return TrainSpec(dataset="d", recipe="stage1_tiny", balance=balance, **values)


def gradient(objective, log_odds: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Of the loss with respect to the one bias that shifts all log-odds."""
    bias = torch.zeros((), requires_grad=True)
    output = DetectorOutput((log_odds + bias)[:, None], log_odds[:, None])
    objective(output, log_odds, labels).total.backward()
    return bias.grad


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(1, 400))
def test_weights_are_those_of_scikit_learn(reals, fakes):
    labels = np.array([0] * reals + [1] * fakes)
    peer = compute_class_weight("balanced", classes=np.array([0, 1]), y=labels)
    assert class_weights(labels) == pytest.approx(tuple(peer))
    assert np.mean(np.array(class_weights(labels))[labels]) == pytest.approx(1.0)


def test_self_blended_reals_count_as_fakes():
    assert class_weights(LABELS, 0.5) == pytest.approx((100 / 90, 100 / 110))


@pytest.mark.parametrize(("labels", "blend"), [([0, 0], 0.0), ([1, 1], 0.0), ([0, 1], 1.0)])
def test_weights_of_one_label_are_refused(labels, blend):
    with pytest.raises(ValueError, match="class weights need both labels"):
        class_weights(np.array(labels), blend)


@pytest.mark.parametrize(("name", "options"), [("bce", {}), ("focal", {"gamma": 2.0})])
def test_weights_give_the_gradient_that_the_sampler_expects(name, options):
    """The mean gradient of a balanced draw is half of each label's: the weighted loss over all items has the same."""
    generator = torch.Generator().manual_seed(0)
    log_odds = torch.randn(len(LABELS), generator=generator)
    labels = torch.tensor(LABELS, dtype=torch.float32)
    plain = build_objective(name, **options)
    sampled = sum(gradient(plain, log_odds[labels == c], labels[labels == c]) for c in (0, 1)) / 2
    weighted = gradient(build_objective(name, **options, class_weights=class_weights(LABELS)), log_odds, labels)
    assert weighted == pytest.approx(float(sampled), abs=1e-6)
    assert gradient(plain, log_odds, labels) != pytest.approx(float(sampled), abs=1e-2)


def test_weighted_loss_against_torch():
    log_odds, labels = torch.tensor([0.3, -1.2, 2.0]), torch.tensor([0.0, 1.0, 1.0])
    output = DetectorOutput(log_odds[:, None], log_odds[:, None])
    ours = build_objective("bce", class_weights=(0.5, 1.5))(output, log_odds, labels).total
    pairs = torch.stack([torch.zeros(3), log_odds], dim=1)
    peer = functional.cross_entropy(pairs, labels.long(), weight=torch.tensor([0.5, 1.5]), reduction="sum") / 3
    assert float(ours) == pytest.approx(float(peer), rel=1e-6)


def test_one_choice_sets_the_sampler_or_the_weights():
    for balance in ("none", "label", "source"):
        assert sampler_of(balance) == balance
        assert "class_weights" not in objective_options_of(spec(balance), RECIPE, LABELS)
    assert sampler_of("class_weights") == "none"
    options = objective_options_of(spec("class_weights"), RECIPE, LABELS)
    assert options["class_weights"] == pytest.approx([100 / 180, 5.0])
    build_objective(RECIPE.objective, **options)


@pytest.mark.parametrize("balance", ["label", "source", "class_weights"])
@pytest.mark.parametrize("own", [{"alpha": 0.25}, {"class_weights": [1.0, 2.0]}])
def test_a_loss_that_weighs_labels_itself_is_not_balanced_again(balance, own):
    weighing = Recipe(**{**RECIPE.model_dump(), "objective": "focal", "objective_options": own})
    with pytest.raises(ValueError, match=r"weights the labels in its focal loss already.*choose balance none"):
        objective_options_of(spec(balance), weighing, LABELS)
    assert objective_options_of(spec("none"), weighing, LABELS) == own


def test_focal_refuses_alpha_beside_weights():
    with pytest.raises(ValueError, match="alpha or class_weights, not both"):
        build_objective("focal", alpha=0.25, class_weights=(1.0, 2.0))


def test_source_sampler_is_even_over_source_and_label():
    """Four sources of 100 to 700 pictures, one of them with both labels: every source x label is drawn alike."""
    sizes = {(0, "a"): 700, (0, "b"): 200, (1, "b"): 100, (1, "c"): 300}
    labels = np.concatenate([np.full(n, label) for (label, _), n in sizes.items()])
    sources = np.concatenate([np.full(n, name) for (_, name), n in sizes.items()])
    order = EpochSampler(labels, sources, np.arange(len(labels)), "source", 0).order()
    drawn = {key: int(((labels[order] == key[0]) & (sources[order] == key[1])).sum()) for key in sizes}
    assert set(drawn.values()) == {325}
