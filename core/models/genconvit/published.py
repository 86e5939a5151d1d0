"""The published wiring: exactly the layers that run in the published networks, under the published key names.

Published class 0 is fake. Here the log-odds of fake are logit 0 minus logit 1 (softmax of the two), and the two logits
stay in `aux["published_logits"]` (the published code averages their sigmoids over faces and networks). The variational
network takes z = mu, so it is deterministic; its layers for the variance, which scoring does not need, are not built.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import timm
import torch
from torch import Tensor, nn

from core.documents.inputs import InputSpec
from core.models.detector import DetectorOutput
from core.models.genconvit.autoencoder import (
    LEAK,
    PUBLISHED_ED,
    PUBLISHED_VAE,
    PUBLISHED_VAE_DECODER,
    FeatureStack,
    ed_encoder,
    up_decoder,
    vae_encoder,
)
from core.models.genconvit.base import GenConViT, error_summary, pixel_error, squared_error
from core.models.weights.state_dicts import unwrap

BACKBONE = "convnext_tiny"
CLASSES = 1000
HIDDEN = 500
LATENT_SIDE = 7
DEAD = ("embedder.", "backbone.patch_embed.", "convnext_backbone.patch_embed.", "fc3.")
DEAD_VAE = ("encoder.var.", "encoder.fc1.", "encoder.fc2.")


class PublishedGenConViT(GenConViT):
    """What ED and VAE share: one ConvNeXt with its 1000-way head on two pictures, then two dense layers."""

    dead_prefixes: tuple[str, ...] = DEAD
    head_prefixes = ("fc.", "fc2.")

    def __init__(self, crop_scale: float = 1.3) -> None:
        super().__init__()
        self.input_spec = InputSpec(size=224, crop_scale=crop_scale)
        self.fc = nn.Linear(2 * CLASSES, HIDDEN)
        self.fc2 = nn.Linear(HIDDEN, 2)

    def trunk_answers(self, trunk: nn.Module, inputs: Tensor, reconstruction: Tensor) -> tuple[Tensor, Tensor]:
        """Apply the trunk to the image and to its reconstruction.

        The image's maps pass the hook point `image_map`, where heat maps are read.

        Args:
            trunk: The ConvNeXt with its 1000-way head.
            inputs: (B, 3, 224, 224) normalised.
            reconstruction: (B, 3, H, W) normalised.

        Returns:
            (B, 1000) of the image and (B, 1000) of its reconstruction.
        """
        image = trunk.forward_head(self.image_map(trunk.forward_features(inputs)))  # type: ignore[operator]
        return image, trunk(reconstruction)

    def answer(
        self, logits: Tensor, answers: tuple[Tensor, Tensor], latent: Tensor, inputs: Tensor, picture: Tensor
    ) -> DetectorOutput:
        """Pack the output of one forward.

        Args:
            logits: (B, 2) published logits; class 0 is fake.
            answers: The trunk's answers to image and reconstruction, (B, 1000) each.
            latent: (B, C, h, w) latent maps.
            inputs: (B, 3, 224, 224) normalised.
            picture: (B, 3, 224, 224) reconstruction, normalised.

        Returns:
            Log-odds of fake (logit 0 minus logit 1), the embedding by parts, and the intermediates.
        """
        error = error_summary(inputs, picture)
        embedding = torch.cat([*answers, latent.mean((2, 3)), error], dim=1)
        aux = {
            "reconstruction": picture,
            "residual_error": squared_error(inputs, picture),
            "reconstruction_error": pixel_error(inputs, picture, self.input_spec),
            "published_logits": logits,
        }
        return DetectorOutput(logits[:, :1] - logits[:, 1:], embedding, aux)


class PublishedED(PublishedGenConViT):
    """Autoencoder wiring: the trunk's answers are joined reconstruction first. 30.2 M parameters."""

    def __init__(self, *, pretrained: bool = False, crop_scale: float = 1.3) -> None:
        super().__init__(crop_scale)
        self.encoder = FeatureStack(ed_encoder(PUBLISHED_ED, nn.ReLU()))
        self.decoder = FeatureStack(up_decoder(PUBLISHED_ED[::-1], nn.ReLU(), nn.ReLU()))
        self.backbone = timm.create_model(BACKBONE, pretrained=pretrained, num_classes=CLASSES)
        self.set_parts(CLASSES, PUBLISHED_ED[-1])

    def forward(self, inputs: Tensor) -> DetectorOutput:
        """inputs: (B, 3, 224, 224), ImageNet normalisation."""
        latent = self.encoder(inputs)
        picture = self.decoder(latent)
        image, rebuilt = self.trunk_answers(self.backbone, inputs, picture)
        hidden = self.fc(nn.functional.gelu(torch.cat([rebuilt, image], dim=1)))
        logits = self.fc2(nn.functional.gelu(hidden))
        return self.answer(logits, (image, rebuilt), latent, inputs, picture)


class LatentEncoder(FeatureStack):
    """The published encoder's live half: convolutional features and the dense layer of the mean."""

    def __init__(self) -> None:
        super().__init__(vae_encoder(PUBLISHED_VAE))
        self.mu = nn.Linear(PUBLISHED_VAE[-1] * (2 * LATENT_SIDE) ** 2, PUBLISHED_VAE_DECODER[0] * LATENT_SIDE**2)

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, 3, 224, 224) to mu, (B, 12544)."""
        return self.mu(self.features(inputs).flatten(1))


class PublishedVAE(PublishedGenConViT):
    """Variational wiring: 112-pixel reconstruction, answers joined image first. 344.5 M parameters."""

    dead_prefixes = DEAD + DEAD_VAE

    def __init__(self, *, pretrained: bool = False, crop_scale: float = 1.3) -> None:
        super().__init__(crop_scale)
        self.encoder = LatentEncoder()
        self.decoder = FeatureStack(up_decoder(PUBLISHED_VAE_DECODER, nn.LeakyReLU(LEAK), nn.LeakyReLU(LEAK)))
        self.convnext_backbone = timm.create_model(BACKBONE, pretrained=pretrained, num_classes=CLASSES)
        self.set_parts(CLASSES, PUBLISHED_VAE_DECODER[0])

    def forward(self, inputs: Tensor) -> DetectorOutput:
        """inputs: (B, 3, 224, 224), ImageNet normalisation. The reconstruction is returned at 224."""
        mu = self.encoder(inputs)
        latent = mu.view(-1, PUBLISHED_VAE_DECODER[0], LATENT_SIDE, LATENT_SIDE)
        small = self.decoder(latent)
        image, rebuilt = self.trunk_answers(self.convnext_backbone, inputs, small)
        hidden = self.fc(nn.functional.relu(torch.cat([image, rebuilt], dim=1)))
        logits = self.fc2(nn.functional.relu(hidden))
        picture = nn.functional.interpolate(small, size=inputs.shape[-2:], mode="bilinear", align_corners=False)
        output = self.answer(logits, (image, rebuilt), latent, inputs, picture)
        output.aux["mu"] = mu
        return output


def live_state(detector: PublishedGenConViT, state: Mapping[str, Any]) -> tuple[dict[str, Tensor], list[str]]:
    """Take the live tensors of a state dict in the published key layout.

    Args:
        detector: The published network that they are for.
        state: A state dict, raw or wrapped.

    Returns:
        The live tensors by name, and the names of the dead keys that are left out.

    Raises:
        ValueError: Keys are missing, unknown or of another shape; the message names them.
    """
    tensors = unwrap(state)
    dead = sorted(key for key in tensors if key.startswith(detector.dead_prefixes))
    live = {key: value for key, value in tensors.items() if not key.startswith(detector.dead_prefixes)}
    expected = detector.state_dict()
    problems = [f"missing {key}" for key in expected if key not in live]
    problems += [f"unknown {key}" for key in live if key not in expected]
    problems += [
        f"{key}: shape {tuple(live[key].shape)}, expected {tuple(expected[key].shape)}"
        for key in expected
        if key in live and live[key].shape != expected[key].shape
    ]
    if problems:
        shown = "; ".join(problems[:8]) + (f"; and {len(problems) - 8} more" if len(problems) > 8 else "")
        raise ValueError(
            f"these are no published weights of {type(detector).__name__}: {shown}. "
            "ED weights load into genconvit_ed_published, VAE weights into genconvit_vae_published"
        )
    return live, dead
