"""Keras MobileNetV1 (1.0/224, Apache-2.0) weights, as an .npz of named arrays, for timm's `mobilenetv1_100`.

Layer names are Keras': `conv1`, then `conv_dw_1` and `conv_pw_1` to 13, each with a `_bn`. The network must be built
with `pad_type="same"` (Keras pads a stride-2 convolution at the right and bottom only) and BatchNorm epsilon 1e-3;
its input is scaled to [-1, 1], that is mean = std = 0.5.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import torch

# Depthwise-separable layers of each of timm's five stages; Keras numbers them 1 to 13 straight through.
STAGES = (1, 2, 2, 6, 2)
BN_EPSILON = 1e-3


def convert(npz_path: Path) -> dict[str, torch.Tensor]:
    """Convert Keras weights to a state dict with timm's names.

    Args:
        npz_path: The .npz file of named arrays.

    Returns:
        Tensors by name. A layer that the file lacks (the last pointwise one may be) is left out.

    Raises:
        ValueError: The file is not an .npz, lacks the first layer, or holds an array that is no number.
    """
    try:
        arrays = np.load(npz_path, allow_pickle=False)
        names = set(arrays.files)
    except (OSError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{npz_path} is not an .npz of plain arrays: {error}") from error
    if "conv1/kernel" not in names:
        raise ValueError(f"{npz_path} holds no Keras MobileNetV1: the array conv1/kernel is missing")

    state: dict[str, torch.Tensor] = {}

    def put(keras: str, conv: str, norm: str) -> None:
        kernel = f"{keras}/depthwise_kernel" if "_dw_" in keras else f"{keras}/kernel"
        if kernel not in names:
            return
        # HWIO -> OIHW; a depthwise kernel is (H, W, channels, 1) -> (channels, 1, H, W).
        order = (2, 3, 0, 1) if "_dw_" in keras else (3, 2, 0, 1)
        state[f"{conv}.weight"] = _tensor(arrays[kernel].transpose(order))
        for theirs, ours in _BN.items():
            state[f"{norm}.{ours}"] = _tensor(arrays[f"{keras}_bn/{theirs}"])

    put("conv1", "conv_stem", "bn1")
    number = 0
    for stage, layers in enumerate(STAGES):
        for layer in range(layers):
            number += 1
            block = f"blocks.{stage}.{layer}"
            put(f"conv_dw_{number}", f"{block}.conv_dw", f"{block}.bn1")
            put(f"conv_pw_{number}", f"{block}.conv_pw", f"{block}.bn2")
    return state


_BN = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
