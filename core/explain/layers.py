"""Where and how a heat map is read, by architecture: one table of layer, shape and method.

Sources: Selvaraju et al. 2017 (Grad-CAM: the last map before pooling); pytorch-grad-cam's notes on Swin and ViT.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from pytorch_grad_cam import GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM
from torch import Tensor, nn

from core.models.detector import Detector
from core.models.timm_experts import TimmDetector

METHODS: dict[str, Any] = {
    "grad_cam": GradCAM,
    "grad_cam_plus_plus": GradCAMPlusPlus,
    "hires_cam": HiResCAM,
    "layer_cam": LayerCAM,
}
"""Every one of them reads one layer's maps and the gradient of the log-odds there."""

Reshape = Callable[..., Tensor]
"""(maps, backbone) -> (B, C, h, w)."""


def nhwc(maps: Tensor, backbone: Any) -> Tensor:
    """Move channels to the front: timm's Swin keeps them last.

    Args:
        maps: (B, h, w, C).
        backbone: The timm backbone; not used.

    Returns:
        (B, C, h, w).
    """
    return maps.permute(0, 3, 1, 2)


def tokens(maps: Tensor, backbone: Any) -> Tensor:
    """Turn the tokens of a transformer into maps; class and register tokens have no place in the picture.

    Args:
        maps: (B, prefix + h * w, C), with h = w.
        backbone: The timm backbone; its `num_prefix_tokens` are dropped.

    Returns:
        (B, C, h, w).
    """
    places = maps[:, int(backbone.num_prefix_tokens) :]
    side = math.isqrt(places.shape[1])
    return places.reshape(len(places), side, side, -1).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Architecture:
    """layer: dotted path inside the timm backbone. method: of METHODS, unless another is asked for."""

    layer: str
    reshape: Reshape | None = None
    method: str = "grad_cam"


ARCHITECTURES = {
    # MobileNetV4. Its conv_head sits behind the pooling: a map of one cell.
    "MobileNetV3": Architecture("blocks.-1"),
    # EfficientNetV2, and MobileNetV1, whose conv_head is the identity. Its conv_head sits before the pooling.
    "EfficientNet": Architecture("conv_head"),
    "ByobNet": Architecture("final_conv"),
    "ConvNeXt": Architecture("stages.-1"),
    "SwinTransformer": Architecture("layers.-1", nhwc),
    # The head reads the class token, which takes in the patches only through attention. The last block's attention
    # reads the output of this norm; patch outputs after it do not reach the score.
    "VisionTransformer": Architecture("blocks.-1.norm1", tokens),
    "Eva": Architecture("blocks.-1.norm1", tokens),
}
"""By class of the timm backbone (DINOv3's ViT is an `Eva` in timm)."""


@dataclass(frozen=True)
class CamPoint:
    """layer: the module to listen at. reshape: its output to (B, C, h, w); None: it is that already."""

    layer: nn.Module
    reshape: Callable[[Tensor], Tensor] | None
    method: str


def cam_point(detector: Detector) -> CamPoint:
    """Find where the heat map of a detector is read.

    A detector that is one plain backbone of a known architecture has a row in `ARCHITECTURES`. Any other detector names
    its own (B, C, h, w) layer by `cam_layer()` (GenConViT: the map of the image, apart from that of the
    reconstruction).

    Args:
        detector: The detector.

    Returns:
        The layer, how its output is reshaped, and the method.
    """
    row = ARCHITECTURES.get(type(detector.backbone).__name__) if isinstance(detector, TimmDetector) else None
    if row is None:
        return CamPoint(detector.cam_layer(), None, "grad_cam")
    backbone, reshape = detector.backbone, row.reshape  # type: ignore[union-attr]
    wrapped = None if reshape is None else partial(reshape, backbone=backbone)
    return CamPoint(module_at(backbone, row.layer), wrapped, row.method)


def module_at(root: Any, path: str) -> nn.Module:
    """Find a module by its dotted path.

    Args:
        root: The module to start from.
        path: Attribute names joined by dots; numbers index sequences, also from the end.

    Returns:
        The module at that path.
    """
    for step in path.split("."):
        root = root[int(step)] if step.lstrip("-").isdigit() else getattr(root, step)
    return root
