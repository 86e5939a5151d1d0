"""The table of layers: a map of every architecture that varies over the picture, and hooks that leave no trace."""

from types import SimpleNamespace

import numpy as np
import pytest
import timm
import torch

from core.documents.inputs import InputSpec
from core.explain.cam import cam_maps, grad_cam, prepare
from core.explain.captions import METHOD_TITLES
from core.explain.layers import ARCHITECTURES, METHODS, cam_point, tokens
from core.explain.spec import MAP_METHODS, PLANT_KINDS
from core.models.registry import build_detector, detectors
from core.models.timm_experts import TimmDetector

SMALL = {
    "MobileNetV3": ("mobilenetv4_conv_small_035", {}),
    "EfficientNet": ("test_efficientnet", {}),
    "ByobNet": ("test_byobnet", {}),
    "ConvNeXt": ("test_convnext", {}),
    "SwinTransformer": (
        "swin_tiny_patch4_window7_224",
        {"img_size": 64, "window_size": 2, "embed_dim": 8, "depths": (1, 1, 1), "num_heads": (1, 2, 4)},
    ),
    "VisionTransformer": ("test_vit", {"img_size": 64}),
    "Eva": (
        "vit_small_patch16_dinov3",
        {"img_size": 64, "patch_size": 8, "embed_dim": 48, "depth": 2, "num_heads": 2},
    ),
}


def small(family):
    """A small untrained detector of one architecture, 64 px."""
    torch.manual_seed(0)
    name, arguments = SMALL[family]
    backbone = timm.create_model(name, num_classes=0, **arguments)
    spec = InputSpec(size=64, mean=(0.5,) * 3, std=(0.25,) * 3)
    return TimmDetector(backbone, spec, (), "unused", 0.0).eval()


def picture(seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((8, 8, 1), np.uint8))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", ARCHITECTURES)
def test_every_architecture_gives_a_map_that_is_not_constant(family, method):
    """The trap: a layer behind the pooling gives an all-zero map and no error."""
    detector = small(family)
    assert type(detector.backbone).__name__ == family
    inputs = prepare(detector, picture())
    fake, real = cam_maps(detector, inputs.repeat(2, 1, 1, 1), [1.0, -1.0], method)
    assert np.maximum(fake, real).std() > 0.01
    other = cam_maps(detector, prepare(detector, picture(1)).repeat(2, 1, 1, 1), [1.0, -1.0], method)
    assert np.abs(np.maximum(*other) - np.maximum(fake, real)).max() > 0.01


@pytest.mark.parametrize("family", ["SwinTransformer", "VisionTransformer", "Eva"])
def test_reshaped_maps_keep_their_places(family):
    """The reshaped map, one cell a patch, is timm's own map of that block (forward_intermediates)."""
    detector, found = small(family), []
    inputs, point = prepare(detector, picture()), cam_point(detector)
    handle = point.layer.register_forward_hook(lambda module, given, output: found.append((given[0], output)))
    with torch.inference_mode():
        last = len(detector.backbone.feature_info)
        maps = detector.backbone.forward_intermediates(
            inputs, indices=[last - 2 if family != "SwinTransformer" else last - 1], norm=False, intermediates_only=True
        )[0]
    handle.remove()
    # A ViT's norm1 hears the block before: its input is that block's map. Swin's stage gives its map itself.
    ours = point.reshape(found[0][0] if family != "SwinTransformer" else found[0][1])
    assert torch.equal(ours, maps)


def test_tokens_drop_the_prefix_and_go_row_by_row():
    values = torch.arange(2 + 6 * 6, dtype=torch.float32).view(1, -1, 1)
    maps = tokens(values, SimpleNamespace(num_prefix_tokens=2))
    assert torch.equal(maps[0, 0], torch.arange(2, 38, dtype=torch.float32).view(6, 6))


def test_names_agree_everywhere():
    from core.explain.plants import PLANTS

    assert tuple(METHODS) == MAP_METHODS == tuple(METHOD_TITLES)
    assert tuple(PLANTS) == PLANT_KINDS


TINY = [entry.name for entry in detectors if entry.scale == "tiny"]


def gradients(detector, inputs):
    """Log-odds, and the gradient of their sum for every parameter."""
    detector.zero_grad(set_to_none=True)
    log_odds = detector(inputs).log_odds
    log_odds.sum().backward()
    found = {name: p.grad.clone() for name, p in detector.named_parameters() if p.grad is not None}
    detector.zero_grad(set_to_none=True)
    return log_odds.detach(), found


@pytest.mark.parametrize("name", TINY)
def test_hooks_leave_outputs_and_gradients_as_they_were(name):
    """Bit for bit: log-odds before, while the hooks are on, and after; every parameter's gradient before and after."""
    torch.manual_seed(0)
    detector = build_detector(name).eval()
    inputs, during = prepare(detector, picture()), []
    log_odds, before = gradients(detector, inputs)
    listen = detector.register_forward_hook(lambda module, given, output: during.append(output.log_odds.detach()))
    grad_cam(detector, picture())
    listen.remove()
    assert len(during) == 1
    assert torch.equal(during[0], log_odds)
    again, after = gradients(detector, inputs)
    assert torch.equal(again, log_odds)
    assert before.keys() == after.keys()
    assert before
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert not any(module._forward_hooks or module._backward_hooks for module in detector.modules())


@pytest.mark.parametrize("name", TINY)
def test_the_gradient_that_a_map_reads_is_autograds_own(name, monkeypatch):
    torch.manual_seed(0)
    detector, kept, read = build_detector(name).eval(), [], []
    keep = cam_point(detector).layer.register_forward_hook(lambda module, given, output: kept.append(output))
    log_odds = detector(prepare(detector, picture())).log_odds
    (expected,) = torch.autograd.grad(log_odds.sum(), kept[0])
    keep.remove()

    class Reads(METHODS["grad_cam"]):
        def get_cam_weights(self, input_tensor, target_layers, targets, activations, grads):
            read.append(grads)
            return super().get_cam_weights(input_tensor, target_layers, targets, activations, grads)

    monkeypatch.setitem(METHODS, "grad_cam", Reads)
    grad_cam(detector, picture())
    assert np.array_equal(read[0], expected.numpy())
