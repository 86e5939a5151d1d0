"""Initial weights: strict files, refusals, and Keras' MobileNetV1 number for number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file
from torch.nn import functional

from core.artifacts.files import sha256_file
from core.models.keras_mobilenet import BN_EPSILON, convert
from core.models.registry import build_detector
from core.models.weights.weights import WeightsOutOfReach

PUBLISHED = Path(__file__).parents[5] / "shared/data/weights/mobilenetv1_imagenet.npz"
WIDTHS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)


def write_keras(path: Path, seed: int = 0, last_pointwise: bool = False) -> dict[str, np.ndarray]:
    """An .npz with Keras' names and layouts and random numbers that keep the activations alive."""
    rng = np.random.default_rng(seed)
    arrays: dict[str, np.ndarray] = {}

    def layer(name: str, kernel: str, shape: tuple[int, ...], channels: int, fan_in: int) -> None:
        arrays[f"{name}/{kernel}"] = rng.normal(0, (2 / fan_in) ** 0.5, shape).astype(np.float32)
        arrays[f"{name}_bn/gamma"] = rng.uniform(0.8, 1.2, channels).astype(np.float32)
        arrays[f"{name}_bn/beta"] = rng.normal(0.3, 0.3, channels).astype(np.float32)
        arrays[f"{name}_bn/moving_mean"] = rng.normal(0, 0.2, channels).astype(np.float32)
        arrays[f"{name}_bn/moving_variance"] = rng.uniform(0.001, 1.5, channels).astype(np.float32)

    layer("conv1", "kernel", (3, 3, 3, 32), 32, 27)
    for number in range(1, 14):
        before, after = WIDTHS[number - 1], WIDTHS[number]
        layer(f"conv_dw_{number}", "depthwise_kernel", (3, 3, before, 1), before, 9)
        if number < 13 or last_pointwise:
            layer(f"conv_pw_{number}", "kernel", (1, 1, before, after), after, before)
    np.savez(path, **arrays)
    return arrays


def keras_forward(arrays: dict[str, np.ndarray], image: torch.Tensor) -> torch.Tensor:
    """Keras' MobileNetV1 written out: stride-2 convolutions pad right and bottom only, BatchNorm 1e-3, ReLU6."""

    arrays = {name: array.astype(np.float64) for name, array in arrays.items()}

    def norm(name: str, x: torch.Tensor) -> torch.Tensor:
        g, b, m, v = (
            torch.from_numpy(arrays[f"{name}_bn/{part}"])[:, None, None]
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return ((x - m) / torch.sqrt(v + 1e-3) * g + b).clamp(0, 6)

    def same(x: torch.Tensor, stride: int) -> torch.Tensor:
        return functional.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))

    kernel = torch.from_numpy(arrays["conv1/kernel"]).permute(3, 2, 0, 1)
    x = norm("conv1", functional.conv2d(same(image, 2), kernel, stride=2))
    for number, stride in enumerate(STRIDES, 1):
        kernel = torch.from_numpy(arrays[f"conv_dw_{number}/depthwise_kernel"]).permute(2, 3, 0, 1)
        x = norm(f"conv_dw_{number}", functional.conv2d(same(x, stride), kernel, stride=stride, groups=x.shape[1]))
        matrix = torch.from_numpy(arrays[f"conv_pw_{number}/kernel"])[0, 0]
        x = norm(f"conv_pw_{number}", torch.einsum("bchw,cd->bdhw", x, matrix))
    return x


def test_keras_mobilenet_agrees_with_a_written_out_forward(tmp_path):
    arrays = write_keras(tmp_path / "keras.npz", last_pointwise=True)
    detector = build_detector("mobilenetv1_filter", str(tmp_path / "keras.npz"), size=96).eval().double()
    image = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
    with torch.inference_mode():
        ours, theirs = detector.backbone.forward_features(image), keras_forward(arrays, image)
    assert theirs.std() > 0.05
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    assert detector.input_spec.mean == detector.input_spec.std == (0.5, 0.5, 0.5)
    assert detector.backbone.bn1.eps == BN_EPSILON


def test_timm_padding_would_not_agree(tmp_path):
    """The padding matters: without it the same weights give another answer."""
    arrays = write_keras(tmp_path / "keras.npz", last_pointwise=True)
    state = {f"backbone.{k}": v for k, v in convert(tmp_path / "keras.npz").items()}
    detector = build_detector("mobilenetv1_filter", size=96).eval().double()
    detector.load_state_dict(state, strict=False)
    image = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
    with torch.inference_mode():
        difference = (detector.backbone.forward_features(image) - keras_forward(arrays, image)).abs().max()
    assert difference > 0.05


def test_file_without_the_last_layer_says_what_stays_random(tmp_path):
    write_keras(tmp_path / "keras.npz")
    detector = build_detector("mobilenetv1_texture", str(tmp_path / "keras.npz"), size=64)
    origin = detector.weights_origin
    assert origin["kind"] == "file"
    assert origin["sha256"] == sha256_file(tmp_path / "keras.npz")
    assert "backbone.blocks.4.1.conv_pw.weight" in origin["left_random"]
    assert not any("conv_dw" in name for name in origin["left_random"])
    assert detector.options["keras"] is True, "a bundle rebuilds the network with Keras' padding"


@pytest.mark.skipif(not PUBLISHED.is_file(), reason="the published file is not at hand; the drawn ones above are")
def test_published_keras_file_loads_whole():
    state = convert(PUBLISHED)
    assert len(state) == 5 * 26
    detector = build_detector("mobilenetv1_filter", str(PUBLISHED))
    left = [name for name in detector.weights_origin["left_random"] if not name.startswith("head.")]
    assert all(".1.conv_pw." in name or ".1.bn2." in name for name in left)


def test_own_file_goes_round(tmp_path):
    first = build_detector("efficientnet_tiny", size=32)
    save_file(first.state_dict(), tmp_path / "w.safetensors")
    second = build_detector("efficientnet_tiny", str(tmp_path / "w.safetensors"), size=32)
    assert all(torch.equal(v, second.state_dict()[k]) for k, v in first.state_dict().items())
    assert second.weights_origin["left_random"] == []


def test_bare_backbone_file_leaves_only_the_head_random(tmp_path):
    first = build_detector("efficientnet_tiny", size=32)
    save_file(first.backbone.state_dict() | {"classifier.weight": torch.zeros(1000, 256)}, tmp_path / "w.safetensors")
    second = build_detector("efficientnet_tiny", str(tmp_path / "w.safetensors"), size=32)
    assert second.weights_origin["left_random"] == ["head.2.bias", "head.2.weight"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("backbone.conv_stem.weight"), "1 tensor\\(s\\) missing: backbone.conv_stem.weight"),
        (lambda s: s.update({"backbone.extra": torch.zeros(1)}), "unknown: backbone.extra"),
        (lambda s: s.update({"backbone.conv_stem.weight": torch.zeros(1, 3, 3, 3)}), "of another shape"),
        (lambda s: s["backbone.bn1.bias"].fill_(float("nan")), "not finite: backbone.bn1.bias"),
    ],
    ids=["missing", "unknown", "shape", "nan"],
)
def test_file_that_does_not_fit_is_refused(tmp_path, change, message):
    state = {k: v.clone() for k, v in build_detector("efficientnet_tiny", size=32).state_dict().items()}
    change(state)
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=message):
        build_detector("efficientnet_tiny", str(tmp_path / "w.safetensors"), size=32)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match="neither `pretrained`, `none` nor a file"):
        build_detector("efficientnet_tiny", str(tmp_path / "absent.safetensors"))
    (tmp_path / "w.pth").write_bytes(b"\x80\x02")
    with pytest.raises(ValueError, match=r"must be a \.safetensors"):
        build_detector("efficientnet_tiny", str(tmp_path / "w.pth"))
    (tmp_path / "w.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=r"not a whole \.safetensors"):
        build_detector("efficientnet_tiny", str(tmp_path / "w.safetensors"))
    np.savez(tmp_path / "other.npz", a=np.zeros(2))
    with pytest.raises(ValueError, match="conv1/kernel is missing"):
        build_detector("mobilenetv1_filter", str(tmp_path / "other.npz"))
    with pytest.raises(ValueError, match="only the MobileNetV1"):
        build_detector("efficientnet_tiny", str(tmp_path / "other.npz"))
    np.savez(tmp_path / "objects.npz", **{"conv1/kernel": np.array([{}], dtype=object)})
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        build_detector("mobilenetv1_filter", str(tmp_path / "objects.npz"))


def test_pretrained_weights_out_of_reach_are_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsOutOfReach, match=r"mobilenetv4_conv_small.*HF_HOME.*weights `none`"):
        build_detector("mobilenetv4_small", "pretrained")


def test_a_silent_hub_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(WeightsOutOfReach):
        build_detector("mobilenetv4_small", "pretrained")
    assert constants.HF_HUB_OFFLINE is False


def test_a_broken_npz_is_refused_by_name(tmp_path):
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(ValueError, match=r"broken\.npz is not an \.npz of plain arrays"):
        convert(tmp_path / "broken.npz")
