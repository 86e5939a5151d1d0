"""Recipes: which network, which loss, which schedule. A table; no torch here, so that pages can read it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from core.registry import Registry
from core.spec import Spec


class Recipe(Spec):
    """Everything that a TrainSpec may leave empty, and what only a recipe says."""

    name: str
    title: str
    claim: str = Field(description="What it is for and what to expect.")
    cost: str = Field(description="What it takes, in words.")
    scale: Literal["full", "small", "tiny"]
    detector: str
    options: dict[str, Any] = Field({}, description="Options of the detector's builder.")
    weights: str = Field("pretrained", description="Initial weights it is meant for.")
    objective: str = "bce"
    objective_options: dict[str, Any] = {}
    optimizer: Literal["adamw", "adam"] = "adamw"
    lr: float = 1e-4
    weight_decay: float = 1e-5
    backbone_lr_scale: float = Field(1.0, description="Learning rate of the backbone over that of the head.")
    autoencoder_lr_scale: float = Field(
        1.0, description="Learning rate of the autoencoder, where there is one, over that of the head."
    )
    freeze_epochs: int = Field(0, description="First epochs that train the head alone.")
    schedule: Literal["cosine", "step", "constant"] = "cosine"
    warmup_epochs: float = 0.0
    step_epochs: int = Field(10, description="`step`: epochs between two drops.")
    step_factor: float = Field(0.1, description="`step`: what a drop multiplies by.")
    epochs: int = 50
    batch_size: int = 32
    patience: int = 15
    clip_norm: float = Field(1.0, description="Most gradient norm; 0: unlimited.")
    ema_decay: float = Field(0.0, description="Decay of averaged weights; 0: none.")
    augmentation: str = "guide"
    self_blend: float = Field(0.0, ge=0, le=1, description="Share of real pictures that become self-blended fakes.")

    @property
    def command(self) -> str:
        return f"aware train --dataset NAME --recipe {self.name}"


recipes: Registry[Recipe] = Registry("recipe")

_ED = {"objective": "reconstruction", "objective_options": {"classification": 0.9, "reconstruction": 0.1}}
_VAE = {
    "objective": "reconstruction",
    # The paper's .01; KL counts in nats an input value, the unit of the mean squared error beside it.
    "objective_options": {"classification": 0.9, "reconstruction": 0.1, "kl": 0.01},
}
_GENCONVIT = {
    "scale": "full",
    "optimizer": "adam",
    "lr": 1e-4,
    "weight_decay": 1e-4,
    "schedule": "step",
    "step_epochs": 10,
    "step_factor": 0.1,
    "batch_size": 16,
}
_SMALL = {
    "scale": "small",
    "weights": "none",
    "lr": 1e-3,
    "weight_decay": 0.02,
    "warmup_epochs": 0.5,
    "epochs": 20,
    "patience": 8,
    "ema_decay": 0.999,
    "augmentation": "robust",
}
_TINY = {
    "scale": "tiny",
    "weights": "none",
    "lr": 3e-3,
    "weight_decay": 1e-4,
    "epochs": 3,
    "batch_size": 16,
    "patience": 3,
    "augmentation": "minimal",
    "claim": "A quick trial of every step. Its scores mean nothing.",
    "cost": "Seconds on one core.",
}

TABLE: tuple[dict[str, Any], ...] = (
    {
        "name": "stage1",
        "title": "Stage 1: MobileNetV4 Hybrid Medium",
        "claim": "The fast filter at full size: finds pictures that are plainly real. Needs ImageNet weights.",
        "cost": "A GPU: minutes an epoch on 100,000 faces. Two cores: about 4 minutes an epoch on 1,000 faces.",
        "scale": "full",
        "detector": "mobilenetv4_hybrid_medium",
    },
    {
        "name": "efficientnetv2_b3",
        "title": "Expert: EfficientNetV2-B3",
        "claim": "The cheaper expert at full size. Needs ImageNet weights.",
        "cost": "A GPU; about 1.7 times stage 1.",
        "scale": "full",
        "detector": "efficientnetv2_b3",
        "lr": 5e-5,
        "weight_decay": 1e-4,
        "batch_size": 28,
    },
    {
        "name": "genconvit_ed",
        "title": "Expert: GenConViT ED",
        "claim": "The more expensive expert at full size: classifies a face together with its reconstruction.",
        "cost": "A GPU; about 7 times stage 1.",
        "detector": "genconvit_ed",
        **_GENCONVIT,
        **_ED,
    },
    {
        "name": "genconvit_vae",
        "title": "Expert: GenConViT VAE",
        "claim": "As ED, with a variational code: the reconstruction is drawn from a distribution of faces.",
        "cost": "A GPU; about 7 times stage 1.",
        "detector": "genconvit_vae",
        **_GENCONVIT,
        **_VAE,
    },
    {
        **_SMALL,
        "name": "stage1_small",
        "title": "Stage 1, small: MobileNetV1 filter",
        "claim": "A light filter for two cores, augmented for cameras and uploads that the data does not hold.",
        "cost": "Two cores: about two minutes an epoch on 4,000 faces.",
        "detector": "mobilenetv1_filter",
        "self_blend": 0.2,
    },
    {
        **_SMALL,
        "name": "texture_small",
        "title": "Expert, small: MobileNetV1 with texture",
        "claim": "A larger picture, and an early stage that sees fine texture: resampling, blending edges, noise.",
        "cost": "Two cores: about five minutes an epoch on 4,000 faces.",
        "detector": "mobilenetv1_texture",
        "self_blend": 0.3,
    },
    {
        **_SMALL,
        **_ED,
        "name": "genconvit_ed_small",
        "title": "Expert, small: GenConViT ED",
        "claim": "The full-size wiring in small: a face and its reconstruction, convolution and attention.",
        "cost": "Two cores: minutes an epoch on 4,000 faces.",
        "detector": "genconvit_ed_small",
        "lr": 5e-4,
        "backbone_lr_scale": 0.3,
        # It starts from nothing and has ten epochs: at the head's rate it draws worse than 32-pixel blocks of colour,
        # and with a tenth of the loss the classifier's gradient spoils it at a higher one.
        "autoencoder_lr_scale": 4.0,
        "objective_options": {"classification": 0.9, "reconstruction": 1.0},
        "self_blend": 0.2,
    },
    {
        **_SMALL,
        **_VAE,
        "name": "genconvit_vae_small",
        "title": "Expert, small: GenConViT VAE",
        "claim": "As the small ED with a variational code: it finds what a smooth model of faces cannot reconstruct.",
        "cost": "Two cores: minutes an epoch on 4,000 faces.",
        "detector": "genconvit_vae_small",
        "lr": 5e-4,
        "backbone_lr_scale": 0.3,
        # As for the small ED.
        "autoencoder_lr_scale": 4.0,
        "objective_options": {"classification": 0.9, "reconstruction": 1.0, "kl": 0.01},
        "self_blend": 0.2,
    },
    {
        **_SMALL,
        "name": "mobilenetv4_small",
        "title": "Stage 1, small: MobileNetV4 Conv Small",
        "claim": "The nearest small sibling of the full-size stage 1. Needs ImageNet weights.",
        "cost": "Two cores: about two minutes an epoch on 4,000 faces.",
        "weights": "pretrained",
        "detector": "mobilenetv4_small",
        "self_blend": 0.2,
    },
    {
        **_SMALL,
        "name": "efficientnetv2_b0_small",
        "title": "Expert, small: EfficientNetV2-B0",
        "claim": "The small sibling of EfficientNetV2-B3. Needs ImageNet weights.",
        "cost": "Two cores: about five minutes an epoch on 4,000 faces.",
        "weights": "pretrained",
        "detector": "efficientnetv2_b0_small",
        "lr": 5e-4,
        "self_blend": 0.2,
    },
    {**_TINY, "name": "stage1_tiny", "title": "Trial: stage 1", "detector": "efficientnet_tiny"},
    {**_TINY, "name": "texture_tiny", "title": "Trial: texture expert", "detector": "efficientnet_tiny_texture"},
    {**_TINY, **_ED, "name": "genconvit_ed_tiny", "title": "Trial: GenConViT ED", "detector": "genconvit_ed_tiny"},
    {
        **_TINY,
        **_VAE,
        "name": "genconvit_vae_tiny",
        "title": "Trial: GenConViT VAE",
        "detector": "genconvit_vae_tiny",
    },
)

for _row in TABLE:
    recipes.add(_row["name"], Recipe(**_row))
