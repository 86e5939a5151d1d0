"""The GenConViT networks by name: sizes in one table, each built on demand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import timm
from torch import Tensor

from core.documents.inputs import InputSpec
from core.models import keras_mobilenet
from core.models.detector import Detector
from core.models.genconvit.autoencoder import (
    PUBLISHED_ED,
    PUBLISHED_VAE,
    PUBLISHED_VAE_DECODER,
    PlainAutoencoder,
    VariationalAutoencoder,
)
from core.models.genconvit.hybrid import HybridGenConViT
from core.models.genconvit.published import PublishedED, PublishedGenConViT, PublishedVAE, live_state
from core.models.registry import DetectorEntry, register
from core.models.weights.weights import fetch, read_safetensors


@dataclass(frozen=True)
class HybridRow:
    """One size of the hybrid wiring. `decoder`: channels of the variational decoder; empty: the plain autoencoder.

    `model` is timm's name of the trunk. `keras`: a Keras MobileNetV1 file can initialise it.
    """

    name: str
    title: str
    summary: str
    scale: Literal["full", "small", "tiny"]
    model: str
    size: int
    channels: tuple[int, ...]
    dim: int
    window: int
    heads: int
    hidden: int
    decoder: tuple[int, ...] = ()
    keras: bool = False


CONVNEXT = "convnext_tiny.in12k_ft_in1k"
MOBILENET = "mobilenetv1_100.ra4_e3600_r224_in1k"
TEST_NETWORK = "test_convnext.r160_in1k"

KERAS_LACKS = ("backbone.blocks.4.1.conv_pw", "backbone.blocks.4.1.bn2")
"""The Keras file ends before its last pointwise layer: that layer is new to the task, like a head."""

TABLE = (
    HybridRow(
        "genconvit_ed",
        "GenConViT ED",
        "Full size: ConvNeXt-tiny, a Swin stage and an autoencoder, 43 M parameters, 10.6 G multiply-adds.",
        "full",
        CONVNEXT,
        224,
        PUBLISHED_ED,
        dim=768,
        window=7,
        heads=24,
        hidden=500,
    ),
    HybridRow(
        "genconvit_vae",
        "GenConViT VAE",
        "Full size: as ED with a variational autoencoder, 43 M parameters, 10.4 G multiply-adds.",
        "full",
        CONVNEXT,
        224,
        PUBLISHED_VAE,
        dim=768,
        window=7,
        heads=24,
        hidden=500,
        decoder=PUBLISHED_VAE_DECODER,
    ),
    HybridRow(
        "genconvit_ed_small",
        "GenConViT ED (small)",
        "Small: MobileNetV1, a Swin stage and a thin autoencoder, 4.6 M parameters, 0.7 G multiply-adds.",
        "small",
        MOBILENET,
        160,
        (3, 12, 24, 48, 96, 128),
        dim=192,
        window=5,
        heads=6,
        hidden=192,
        keras=True,
    ),
    HybridRow(
        "genconvit_vae_small",
        "GenConViT VAE (small)",
        "Small: as the small ED with a thin variational autoencoder.",
        "small",
        MOBILENET,
        160,
        (3, 12, 24, 48, 96),
        dim=192,
        window=5,
        heads=6,
        hidden=192,
        decoder=(128, 48, 24, 12, 3),
        keras=True,
    ),
    HybridRow(
        "genconvit_ed_tiny",
        "GenConViT ED (tiny)",
        "Tiny: timm's test network in the hybrid wiring, for tests and trials; its scores mean nothing.",
        "tiny",
        TEST_NETWORK,
        96,
        (3, 8, 8, 16, 16, 24),
        dim=48,
        window=3,
        heads=3,
        hidden=32,
    ),
    HybridRow(
        "genconvit_vae_tiny",
        "GenConViT VAE (tiny)",
        "Tiny: as the tiny ED with a variational autoencoder, for tests and trials; its scores mean nothing.",
        "tiny",
        TEST_NETWORK,
        96,
        (3, 8, 8, 16, 16),
        dim=48,
        window=3,
        heads=3,
        hidden=32,
        decoder=(24, 16, 8, 8, 3),
    ),
)


def build_hybrid(
    row: HybridRow,
    pretrained: bool = False,
    size: int = 0,
    crop_scale: float = 1.3,
    dropout: float = 0.1,
    keras: bool = False,
    latent: Literal["conv", "dense"] = "conv",
) -> HybridGenConViT:
    """Build a row of the table.

    Args:
        row: The row.
        pretrained: Take the trunk's weights from the hub.
        size: Side of the input in pixels; 0: the row's own.
        crop_scale: Enlargement of the face box before the square crop.
        dropout: Probability of dropout before the last layer, in [0, 1).
        keras: Use Keras' padding and BatchNorm epsilon, which Keras' weights need.
        latent: Of a variational autoencoder: `conv`, or `dense` for the published dense layers (630 M more weights at
        full size).

    Returns:
        The network in training mode, on the CPU.

    Raises:
        ValueError: `pretrained` together with `keras`.
        WeightsOutOfReach: The hub's weights cannot be had.
    """
    if pretrained and keras:
        raise ValueError(f"{row.name}: `keras` padding goes with Keras' weights, not with the hub's")
    arguments: dict[str, Any] = {"pad_type": "same", "bn_eps": keras_mobilenet.BN_EPSILON} if keras else {}
    create = partial(
        timm.create_model, row.model, pretrained=pretrained, features_only=True, out_indices=(-1,), **arguments
    )
    trunk: Any = fetch(row.model, create) if pretrained else create()
    record: Any = timm.get_pretrained_cfg(row.model)
    spec = InputSpec(size=size or row.size, mean=record.mean, std=record.std, crop_scale=crop_scale)
    autoencoder: PlainAutoencoder | VariationalAutoencoder
    if row.decoder:
        autoencoder = VariationalAutoencoder(row.channels, row.decoder, spec, dense=latent == "dense")
    else:
        autoencoder = PlainAutoencoder(row.channels, spec)
    window = min(row.window, spec.size // trunk.feature_info.reduction()[-1])
    detector = HybridGenConViT(
        trunk,
        autoencoder,
        spec,
        dim=row.dim,
        window=window,
        heads=row.heads,
        hidden=row.hidden,
        dropout=dropout,
    )
    if keras:
        detector.head_prefixes = (*detector.head_prefixes, *KERAS_LACKS)
    return detector


def _trunk_from_keras(row: HybridRow, detector: Detector, path: Path) -> dict[str, Tensor] | None:
    """Weights of the trunk out of a Keras .npz, under our names; None for any other file."""
    if path.suffix != ".npz":
        return None
    if not row.keras:
        raise ValueError(f"{path}: only the small GenConViT, whose trunk is MobileNetV1, reads a Keras .npz")
    return {f"backbone.{key}": value for key, value in keras_mobilenet.convert(path).items()}


def _keras_options(row: HybridRow, path: Path) -> dict[str, Any]:
    return {"keras": True} if row.keras and path.suffix == ".npz" else {}


def _published_from_file(detector: Detector, path: Path) -> dict[str, Tensor]:
    """The live tensors of a .safetensors file in the published key layout."""
    assert isinstance(detector, PublishedGenConViT)
    return live_state(detector, read_safetensors(path))[0]


def build_published_ed(pretrained: bool = False, crop_scale: float = 1.3) -> PublishedED:
    """Build the published ED.

    Args:
        pretrained: Take the trunk's ImageNet weights from the hub.
        crop_scale: Enlargement of the face box before the square crop.

    Returns:
        The network in training mode, on the CPU.
    """
    return fetch(CONVNEXT, partial(PublishedED, pretrained=pretrained, crop_scale=crop_scale))  # type: ignore[return-value]


def build_published_vae(pretrained: bool = False, crop_scale: float = 1.3) -> PublishedVAE:
    """Build the published VAE.

    Args:
        pretrained: Take the trunk's ImageNet weights from the hub.
        crop_scale: Enlargement of the face box before the square crop.

    Returns:
        The network in training mode, on the CPU.
    """
    return fetch(CONVNEXT, partial(PublishedVAE, pretrained=pretrained, crop_scale=crop_scale))  # type: ignore[return-value]


for _row in TABLE:
    register(
        DetectorEntry(
            _row.name,
            _row.title,
            _row.summary,
            _row.scale,
            partial(build_hybrid, _row),
            from_file=partial(_trunk_from_keras, _row),
            file_options=partial(_keras_options, _row),
            tiny={"size": 64},
        )
    )

register(
    DetectorEntry(
        "genconvit_ed_published",
        "GenConViT ED, published wiring",
        "Full size: the layers of the published ED weights and nothing else, 30.2 M parameters.",
        "full",
        build_published_ed,
        from_file=_published_from_file,
    )
)
register(
    DetectorEntry(
        "genconvit_vae_published",
        "GenConViT VAE, published wiring",
        "Full size: the layers of the published VAE weights and nothing else, 344.5 M parameters.",
        "full",
        build_published_vae,
        from_file=_published_from_file,
    )
)
