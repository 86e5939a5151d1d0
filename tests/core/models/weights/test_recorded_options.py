"""Weights that lie in a bundle or a run are built as they were trained, without the user repeating the options."""

from pathlib import Path

import torch

from core.artifacts.files import write_json
from core.bundles.bundle import open_bundle
from core.bundles.load import load_bundle
from core.models.registry import build_detector
from core.models.weights.weights import recorded_options

BUNDLE = Path(__file__).resolve().parents[4] / "assets" / "demo_bundle"
FILTER = BUNDLE / "stage1" / "weights.safetensors"


def test_a_bundle_members_weights_start_a_training_as_they_were():
    again = build_detector("mobilenetv1_filter", str(FILTER)).eval()
    member = load_bundle(open_bundle(BUNDLE), "cpu").members[0].detector
    assert again.input_spec == member.input_spec
    pixels = torch.randn(2, 3, 160, 160, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(again.scores(pixels), member.scores(pixels))
    other_padding = build_detector("mobilenetv1_filter", str(FILTER), keras=False).eval()
    assert not torch.allclose(other_padding.scores(pixels), member.scores(pixels), atol=1e-3)


def test_the_caller_has_the_last_word():
    assert build_detector("mobilenetv1_filter", str(FILTER), size=96).input_spec.size == 96


def test_a_lone_file_and_another_detectors_file_say_nothing(tmp_path):
    assert recorded_options(tmp_path / "weights.safetensors", "mobilenetv1_filter") == {}
    assert recorded_options(FILTER, "mobilenetv1_texture") == {}
    write_json(tmp_path / "run.json", {"detector": "x", "options": {"size": 32}})
    assert recorded_options(tmp_path / "best_model.safetensors", "x") == {"size": 32}
