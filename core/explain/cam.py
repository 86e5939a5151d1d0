"""Class-activation maps with the grad-cam package: where a detector's log-odds are sensitive, for one face crop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from core.data.loading.transforms import eval_transform
from core.explain.layers import METHODS, CamPoint, cam_point
from core.models.detector import Detector

Side = Literal["fake", "real"]


class _Logits(nn.Module):
    """The detector as the package wants it: a tensor of logits out, (B, 1).

    What the package would do to every module and parameter, `untouched` has done, and undoes.
    """

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, inputs: Tensor) -> Tensor:
        return self.detector(inputs).logits

    def eval(self) -> _Logits:
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        pass


@contextmanager
def untouched(detector: Detector) -> Iterator[None]:
    """Put a detector into evaluation and give it back exactly as it was.

    Inside, no parameter needs a gradient. Afterwards modes, gradients and `requires_grad` are restored.

    Args:
        detector: The detector that a map is made of.

    Yields:
        Nothing.
    """
    training = [module for module in detector.modules() if module.training]
    parameters = [(parameter, parameter.requires_grad, parameter.grad) for parameter in detector.parameters()]
    for parameter, _, _ in parameters:
        parameter.grad = None
        parameter.requires_grad_(False)
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for parameter, needed, gradient in parameters:
            parameter.requires_grad_(needed)
            parameter.grad = gradient
        for module in training:
            module.training = True


def prepare(detector: Detector, crop: np.ndarray) -> Tensor:
    """Turn one crop into the input of a detector, by the evaluation transform.

    Args:
        detector: The detector; the result lies on its device.
        crop: (H, W, 3) uint8 RGB.

    Returns:
        (1, 3, S, S) float32, normalised as in evaluation.

    Raises:
        ValueError: The crop is not a picture, or the detector does not look at one picture.
    """
    if crop.ndim != 3 or crop.shape[2] != 3 or crop.dtype != np.uint8:
        raise ValueError(f"a crop is (H, W, 3) uint8 RGB; this is {crop.shape} {crop.dtype}")
    if detector.input_spec.kind not in ("face", "face_context"):
        raise ValueError(f"maps are made for detectors of single pictures, not of input {detector.input_spec.kind!r}")
    device = next(detector.parameters()).device
    return eval_transform(detector.input_spec)(crop)[None].to(device)


def grad_cam(detector: Detector, crop: np.ndarray, *, side: Side = "fake", method: str = "") -> np.ndarray:
    """Draw what raises the log-odds of one side, at the resolution of the crop.

    Gradients run from the log-odds back to the layer of `cam_point` and no further, so that a map costs little more
    than one forward (Selvaraju et al. 2017).

    Args:
        detector: The detector; it is left as it was.
        crop: (H, W, 3) uint8 RGB.
        side: `fake` or `real`; `real` takes the negative log-odds.
        method: A name of `METHODS`; empty: the method of the detector's architecture.

    Returns:
        (H, W) float32 in [0, 1]; all zero where nothing in the map argues for `side`.

    Raises:
        ValueError: Wrong crop, side or method, or a layer that gives no map.
    """
    if side not in ("fake", "real"):
        raise ValueError(f"a map argues for fake or for real, not for {side!r}")
    found = cam_maps(detector, prepare(detector, crop), [1.0 if side == "fake" else -1.0], method)
    return resize_map(found[0], crop.shape[:2])


def cam_maps(detector: Detector, inputs: Tensor, signs: list[float], method: str = "") -> np.ndarray:
    """Draw one map for each prepared input.

    Args:
        detector: The detector; it is left as it was.
        inputs: (B, 3, S, S) float32, normalised.
        signs: One number for each input: 1 argues for fake, -1 for real.
        method: A name of `METHODS`; empty: the method of the detector's architecture.

    Returns:
        (B, S, S) float32 in [0, 1]; the largest value of each map is 1, or the map is all zero.

    Raises:
        ValueError: Unknown method, or a layer that gives no map.
    """
    point, found = cam_point(detector), None
    method = method or point.method
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; known: {', '.join(METHODS)}")
    targets = [lambda logits, sign=sign: sign * logits[0] for sign in signs]
    with torch.inference_mode(False), torch.no_grad(), untouched(detector):
        cut = point.layer.register_forward_hook(partial(_start_gradient, point))
        try:
            with METHODS[method](_Logits(detector), [point.layer], reshape_transform=point.reshape) as cam:
                found = cam(input_tensor=inputs, targets=targets)
        finally:
            cut.remove()
    if found is None:  # the package swallows IndexError on leaving its context
        raise ValueError(f"the layer {type(point.layer).__name__} gave no map of {type(detector).__name__}")
    peaks = found.reshape(len(found), -1).max(1)[:, None, None]  # the package adds 1e-7: a faint map would stay faint
    return np.divide(found, peaks, out=np.zeros_like(found), where=peaks > 0)


def _start_gradient(point: CamPoint, module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
    """Gradients begin at this map: what lies before it is a constant, computed without any bookkeeping.

    Recording stays on for the rest of the forward and ends with the caller's `no_grad`.
    """
    shape = (output if point.reshape is None else point.reshape(output)).shape
    if len(shape) != 4:
        raise ValueError(f"a map is (B, C, h, w); {type(module).__name__} gives {tuple(shape)}")
    torch.set_grad_enabled(True)
    return output.detach().requires_grad_().clone()


def resize_map(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resize a map by bilinear interpolation.

    Args:
        values: (h, w) in [0, 1].
        shape: Wanted height and width, pixels.

    Returns:
        (height, width) float32 in [0, 1].
    """
    tensor = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))[None, None]
    resized = torch.nn.functional.interpolate(tensor, size=shape, mode="bilinear", align_corners=False)
    return resized[0, 0].clamp(0, 1).numpy()
