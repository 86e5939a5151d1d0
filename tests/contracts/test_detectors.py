"""What every registered detector holds, at the smallest size that it offers."""

from __future__ import annotations

import pytest
import torch

from core.artifacts.checkpoint import save_weights
from core.models.inference.cost import gflops
from core.models.inference.run import load_trained
from core.models.registry import DetectorEntry, build_detector, detectors


def entries() -> list:
    """Every entry; those without a tiny size are slow."""
    slow = pytest.mark.slow
    return [pytest.param(e, id=e.name, marks=() if e.tiny is not None else slow) for e in detectors]


@pytest.fixture(scope="module", params=entries())
def entry(request) -> DetectorEntry:
    return request.param


@pytest.fixture(scope="module")
def detector(entry):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = build_detector(entry.name, weights="none", **(entry.tiny or {}))
    return made


@pytest.fixture(scope="module")
def pictures(detector):
    size = detector.input_spec.size
    return torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def test_one_forward_gives_logits_and_embedding(detector, pictures):
    output = detector.eval()(pictures)
    assert output.logits.shape == (3, 1)
    assert output.log_odds.shape == (3,)
    assert output.embedding.shape == (3, detector.embedding_size)
    assert torch.isfinite(output.logits).all()
    assert torch.isfinite(output.embedding).all()
    assert all(torch.isfinite(value).all() for value in output.aux.values())
    assert output.embedding.std(0).max() > 0, "the embedding does not depend on the picture"


@torch.inference_mode()
def test_evaluation_is_deterministic_and_items_are_independent(detector, pictures):
    detector.eval()
    whole = detector(pictures).log_odds
    assert torch.equal(whole, detector(pictures).log_odds)
    alone = torch.cat([detector(picture[None]).log_odds for picture in pictures])
    torch.testing.assert_close(alone, whole, rtol=1e-3, atol=1e-4)


def test_parts_are_named_rows_of_the_batch(detector, pictures):
    """What embedding files hold: `embedding` always, each part (B, D) with D the same for every batch."""
    with torch.inference_mode():
        detector.eval()
        parts, alone = detector.parts(detector(pictures)), detector.parts(detector(pictures[:1]))
        output = detector(pictures)
    assert torch.equal(parts["embedding"], output.embedding)
    assert {name: (3, values.shape[1]) for name, values in alone.items()} == {n: v.shape for n, v in parts.items()}
    for name, values in parts.items():
        assert torch.isfinite(values).all(), name
        assert values.std(0).max() > 0, f"{name} does not depend on the picture"
    if "reconstruction" in output.aux:
        assert list(parts) == ["embedding", "image", "reconstruction", "latent", "reconstruction_error"]


def test_gradient_reaches_the_picture(detector, pictures):
    inputs = pictures.clone().requires_grad_()
    detector.eval()(inputs).logits.sum().backward()
    assert inputs.grad is not None
    assert torch.isfinite(inputs.grad).all()
    assert (inputs.grad.flatten(1).abs().amax(1) > 0).all()
    detector.zero_grad(set_to_none=True)


def test_weights_make_the_round_trip_through_a_file(entry, detector, pictures, tmp_path):
    """Saved and loaded as a run's weights are, the network says the same, and wants the same preprocessing."""
    save_weights(tmp_path / "weights.safetensors", detector)
    document = {"detector": entry.name, "options": detector.options}
    again = load_trained(tmp_path / "weights.safetensors", document)
    assert torch.equal(again.scores(pictures[:1]), detector.eval().scores(pictures[:1]))
    assert again.input_spec == detector.input_spec


def test_cam_layer_gives_a_map_that_varies(detector, pictures):
    maps = []
    handle = detector.cam_layer().register_forward_hook(lambda module, inputs, output: maps.append(output))
    try:
        with torch.inference_mode():
            detector.eval()(pictures)
    finally:
        handle.remove()
    assert maps, "the forward does not pass through cam_layer"
    found = maps[0]
    assert found.ndim == 4
    assert found.shape[0] == 3
    assert min(found.shape[2:]) >= 2, "a map of one cell says nothing about where"
    assert found.float().std((2, 3)).max() > 0


def test_gradient_reaches_the_first_layer(detector, pictures):
    detector.train()
    detector.zero_grad()
    output = detector(pictures)
    # An autoencoder learns from its reconstruction alone where the classifier's gradient is kept out of it.
    sum(part.square().sum() for part in (output.logits, *output.aux.values()) if part.requires_grad).backward()
    name, first = next((n, p) for n, p in detector.named_parameters() if p.ndim == 4)
    assert first.grad is not None, name
    assert torch.isfinite(first.grad).all()
    assert first.grad.abs().max() > 0
    detector.zero_grad(set_to_none=True)


def test_head_is_a_part_and_not_the_whole(detector):
    heads = [n for n, _ in detector.named_parameters() if n.startswith(detector.head_prefixes)]
    assert 0 < len(heads) < len(list(detector.named_parameters()))


def test_entry_says_what_it_is(entry, detector):
    assert detector.name == entry.name
    assert detector.weights_origin == {"kind": "random"}
    words = {"full": "Full size", "small": "Small", "tiny": "Tiny"}
    assert entry.summary.startswith(words[entry.scale]), "the summary states the scale first"
    assert gflops(detector) > 0


def test_options_rebuild_the_same_network(entry, detector):
    with torch.random.fork_rng():
        again = build_detector(entry.name, weights="none", **detector.options)
    assert {k: v.shape for k, v in again.state_dict().items()} == {k: v.shape for k, v in detector.state_dict().items()}
    assert again.input_spec == detector.input_spec


def test_unknown_names_and_options_are_refused():
    with pytest.raises(LookupError, match="unknown detector 'nothing'; known: mobilenetv4_hybrid_medium"):
        build_detector("nothing")
    with pytest.raises(ValueError, match="has no option depth; it has: size"):
        build_detector("efficientnet_tiny", depth=3)
