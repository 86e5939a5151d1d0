"""Initial weights out of files: the published layout, and ImageNet's for the small trunk."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core.models.genconvit.entries import KERAS_LACKS
from core.models.registry import build_detector


def test_published_file_without_its_dead_keys(tmp_path):
    torch.manual_seed(0)
    source = build_detector("genconvit_ed_published")
    dead = {"embedder.norm.weight": torch.zeros(3), "fc3.bias": torch.zeros(3)}
    save_file({**source.state_dict(), **dead}, tmp_path / "ed.safetensors")
    loaded = build_detector("genconvit_ed_published", str(tmp_path / "ed.safetensors"))
    assert all(torch.equal(value, source.state_dict()[key]) for key, value in loaded.state_dict().items())
    assert loaded.weights_origin["left_random"] == []
    save_file({**source.state_dict(), "other.bias": torch.zeros(3)}, tmp_path / "strange.safetensors")
    with pytest.raises(ValueError, match=r"unknown other\.bias"):
        build_detector("genconvit_ed_published", str(tmp_path / "strange.safetensors"))


def keras_arrays(trunk):
    """The trunk's tensors as Keras keeps them: other names, kernels (H, W, in, out), no last pointwise layer."""
    arrays, number = {}, 0
    renamed = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}

    def put(name, conv, norm, kernel, order):
        arrays[f"{name}/{kernel}"] = conv.weight.detach().numpy().transpose(order)
        for ours, theirs in renamed.items():
            arrays[f"{name}_bn/{theirs}"] = getattr(norm, ours).detach().numpy()

    put("conv1", trunk.conv_stem, trunk.bn1, "kernel", (2, 3, 1, 0))
    for stage in trunk.blocks:
        for block in stage:
            number += 1
            put(f"conv_dw_{number}", block.conv_dw, block.bn1, "depthwise_kernel", (2, 3, 0, 1))
            if number < 13:
                put(f"conv_pw_{number}", block.conv_pw, block.bn2, "kernel", (2, 3, 1, 0))
    return arrays


def test_small_trunk_takes_keras_weights(tmp_path):
    torch.manual_seed(0)
    source = build_detector("genconvit_ed_small", keras=True)
    np.savez(tmp_path / "mobilenet.npz", **keras_arrays(source.backbone))
    loaded = build_detector("genconvit_ed_small", str(tmp_path / "mobilenet.npz"))
    assert loaded.options["keras"] is True
    assert torch.equal(loaded.backbone.conv_stem.weight, source.backbone.conv_stem.weight)
    assert torch.equal(loaded.backbone.blocks[4][1].conv_dw.weight, source.backbone.blocks[4][1].conv_dw.weight)
    fresh = loaded.weights_origin["left_random"]
    assert "backbone.blocks.4.1.conv_pw.weight" in fresh  # said, not hidden: the file has no such layer
    assert all(key.startswith(("autoencoder.", "swin.", "head.", "steps_trained", *KERAS_LACKS)) for key in fresh)
    with pytest.raises(ValueError, match="only the small GenConViT"):
        build_detector("genconvit_ed_tiny", str(tmp_path / "mobilenet.npz"))
