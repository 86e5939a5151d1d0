"""Detectors made of one timm backbone: a table. A row states its scale; preprocessing comes from timm's own record."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import timm
import torch
from torch import Tensor, nn

from core.documents.inputs import InputSpec
from core.models import keras_mobilenet
from core.models.detector import Detector, DetectorOutput
from core.models.registry import DetectorEntry, register
from core.models.weights.weights import fetch


@dataclass(frozen=True)
class TimmRow:
    """One detector built on a timm backbone.

    Attributes:
        name: Registered name.
        title: What people read.
        summary: One sentence.
        scale: full, small or tiny.
        model: timm's full name with its pretrained tag.
        size: Side of the input, pixels.
        taps: Stages (timm's feature indices) whose maps are pooled and put before the final embedding.
        cam: Dotted path of the map that a heat map reads.
        arguments: Further arguments of timm's builder.
        keras: Whether a Keras MobileNetV1 file can initialise it.
    """

    name: str
    title: str
    summary: str
    scale: Literal["full", "small", "tiny"]
    model: str
    size: int
    taps: tuple[int, ...] = ()
    cam: str = "blocks.-1"
    arguments: dict[str, Any] = field(default_factory=dict)
    keras: bool = False


TABLE = (
    TimmRow(
        "mobilenetv4_hybrid_medium",
        "MobileNetV4 Hybrid Medium",
        "Full size: the fast filter of stage 1, 9.8 M parameters, convolutions and attention.",
        "full",
        "mobilenetv4_hybrid_medium.ix_e550_r256_in1k",
        256,
    ),
    TimmRow(
        "efficientnetv2_b3",
        "EfficientNetV2-B3",
        "Full size: the cheaper stage-2 expert, 12.9 M parameters.",
        "full",
        "tf_efficientnetv2_b3.in21k_ft_in1k",
        256,
    ),
    TimmRow(
        "mobilenetv1_filter",
        "MobileNetV1 filter (small)",
        "Small: 3.2 M parameters, a light first stage for two CPU cores.",
        "small",
        "mobilenetv1_100.ra4_e3600_r224_in1k",
        160,
        keras=True,
    ),
    TimmRow(
        "mobilenetv1_texture",
        "MobileNetV1 texture (small)",
        "Small: the same family on a larger picture; an early stage (fine texture) is pooled beside the last.",
        "small",
        "mobilenetv1_100.ra4_e3600_r224_in1k",
        256,
        taps=(1,),
        keras=True,
    ),
    TimmRow(
        "mobilenetv4_small",
        "MobileNetV4 Conv Small (small)",
        "Small: 2.5 M parameters, the sibling of the full-size stage 1.",
        "small",
        "mobilenetv4_conv_small.e3600_r256_in1k",
        192,
    ),
    TimmRow(
        "efficientnetv2_b0_small",
        "EfficientNetV2-B0 (small)",
        "Small: 5.9 M parameters, the sibling of the full-size EfficientNetV2-B3.",
        "small",
        "tf_efficientnetv2_b0.in1k",
        192,
    ),
    TimmRow(
        "efficientnet_tiny",
        "EfficientNet (tiny)",
        "Tiny: timm's test network, for tests and trials; its scores mean nothing.",
        "tiny",
        "test_efficientnet.r160_in1k",
        64,
    ),
    TimmRow(
        "efficientnet_tiny_texture",
        "EfficientNet with texture (tiny)",
        "Tiny: timm's test network with an early stage beside the last, for tests and trials.",
        "tiny",
        "test_efficientnet.r160_in1k",
        64,
        taps=(1,),
    ),
    TimmRow(
        "byobnet_tiny",
        "ByobNet (tiny)",
        "Tiny: timm's test network of another family, for tests and trials.",
        "tiny",
        "test_byobnet.r160_in1k",
        64,
        cam="final_conv",
    ),
)


class TimmDetector(Detector):
    """A timm backbone, its pooled features (and those of earlier `taps`), dropout, one linear output."""

    backbone: Any

    def __init__(self, backbone: Any, spec: InputSpec, taps: tuple[int, ...], cam: str, dropout: float) -> None:
        super().__init__()
        self.backbone = backbone
        self.input_spec = spec
        self.taps, self._cam = taps, cam
        info = backbone.feature_info
        tapped = sum(info[tap]["num_chs"] for tap in taps)
        self.embedding_size = int(backbone.head_hidden_size) + tapped
        # An early stage's means and the last stage's live on different scales; a norm lets one head read both.
        self.head = nn.Sequential(
            nn.BatchNorm1d(self.embedding_size) if taps else nn.Identity(),
            nn.Dropout(dropout),
            nn.Linear(self.embedding_size, 1),
        )

    def forward(self, inputs: Tensor) -> DetectorOutput:
        if self.taps:
            features, maps = self.backbone.forward_intermediates(inputs, indices=list(self.taps))
            pooled = [layer.mean((2, 3)) for layer in maps]
        else:
            features, pooled = self.backbone.forward_features(inputs), []
        embedding = torch.cat([*pooled, self.backbone.forward_head(features, pre_logits=True)], dim=1)
        return DetectorOutput(self.head(embedding), embedding)

    def cam_layer(self) -> nn.Module:
        """The layer of the backbone that the table names for heat maps."""
        module: Any = self.backbone
        for step in self._cam.split("."):
            module = module[int(step)] if step.lstrip("-").isdigit() else getattr(module, step)
        return module


def build_timm(
    row: TimmRow, pretrained: bool = False, size: int = 0, crop_scale: float = 1.3, dropout: float = 0.0
) -> TimmDetector:
    """Build a row of the table.

    Args:
        row: The row.
        pretrained: Take the hub's weights.
        size: Side of the input in pixels; 0: the row's own.
        crop_scale: Enlargement of the face box before the square crop.
        dropout: Probability of dropout before the head, in [0, 1).

    Returns:
        The detector in training mode, on the CPU.
    """
    return _build(row, pretrained, size, crop_scale, dropout, keras=False)


def build_keras_timm(
    row: TimmRow,
    pretrained: bool = False,
    size: int = 0,
    crop_scale: float = 1.3,
    dropout: float = 0.0,
    keras: bool = False,
) -> TimmDetector:
    """Build a row of the table that can take Keras' weights.

    Args:
        row: The row.
        pretrained: Take the hub's weights.
        size: Side of the input in pixels; 0: the row's own.
        crop_scale: Enlargement of the face box before the square crop.
        dropout: Probability of dropout before the head, in [0, 1).
        keras: Use Keras' padding and BatchNorm epsilon, which Keras' weights need.

    Returns:
        The detector in training mode, on the CPU.
    """
    return _build(row, pretrained, size, crop_scale, dropout, keras)


def _build(row: TimmRow, pretrained: bool, size: int, crop_scale: float, dropout: float, keras: bool) -> TimmDetector:
    if pretrained and keras:
        raise ValueError(f"{row.name}: `keras` padding goes with Keras' weights, not with the hub's")
    arguments = dict(row.arguments)
    if keras:
        arguments.update(pad_type="same", bn_eps=keras_mobilenet.BN_EPSILON)
    create = partial(timm.create_model, row.model, pretrained=pretrained, num_classes=0, **arguments)
    backbone: Any = fetch(row.model, create) if pretrained else create()
    record = backbone.pretrained_cfg
    spec = InputSpec(size=size or row.size, mean=record["mean"], std=record["std"], crop_scale=crop_scale)
    return TimmDetector(backbone, spec, row.taps, row.cam, dropout)


def _from_file(row: TimmRow, detector: Detector, path: Path) -> dict[str, Tensor] | None:
    """Weights of the bare backbone (Keras .npz, or timm's own .safetensors layout) under our names."""
    from core.models.weights.weights import read_safetensors

    if path.suffix == ".npz":
        if not row.keras:
            raise ValueError(f"{path}: only the MobileNetV1 detectors read a Keras .npz")
        state = keras_mobilenet.convert(path)
        own = detector.state_dict()
        # The published file ends before the last pointwise layer: it keeps its random start, and run.json says so.
        last = [k for k in own if k.startswith(("backbone.blocks.4.1.conv_pw", "backbone.blocks.4.1.bn2"))]
        return {**{k: own[k] for k in last}, **{f"backbone.{k}": v for k, v in state.items()}}
    state = read_safetensors(path)
    if any(key.startswith("backbone.") for key in state):
        return state
    return {f"backbone.{k}": v for k, v in state.items() if not k.startswith(("classifier.", "head.fc.", "fc."))}


def _file_options(row: TimmRow, path: Path) -> dict[str, Any]:
    return {"keras": True} if row.keras and path.suffix == ".npz" else {}


for _row in TABLE:
    register(
        DetectorEntry(
            _row.name,
            _row.title,
            _row.summary,
            _row.scale,
            partial(build_keras_timm if _row.keras else build_timm, _row),
            from_file=partial(_from_file, _row),
            file_options=partial(_file_options, _row),
            tiny={"size": 64},
        )
    )
