"""What every GenConViT wiring shares: the parts of its embedding, the error of its reconstruction, its CAM layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.documents.inputs import InputSpec
from core.models.detector import Detector, DetectorOutput

ERROR_SIZE = 4


class GenConViT(Detector):
    """Image and reconstruction go through one classifier trunk.

    The embedding is the concatenation of the parts in `part_sizes`, in order: `image` and `reconstruction` (the trunk's
    pooled answer to each), `latent` (the autoencoder's code, averaged over the map) and `error` (see `error_summary`).
    """

    part_sizes: dict[str, int]

    def __init__(self) -> None:
        super().__init__()
        # A hook point: the trunk's maps of the image alone, also where image and reconstruction share a batch.
        self.image_map = nn.Identity()

    def set_parts(self, branch: int, latent: int) -> None:
        """State the sizes of the embedding's parts, and so its own.

        Args:
            branch: Size of the trunk's pooled answer, the same for image and reconstruction.
            latent: Size of the autoencoder's averaged code.
        """
        self.part_sizes = {"image": branch, "reconstruction": branch, "latent": latent, "error": ERROR_SIZE}
        self.embedding_size = sum(self.part_sizes.values())

    def embedding_parts(self) -> dict[str, slice]:
        """Where each named part lies in the embedding."""
        parts, start = {}, 0
        for name, size in self.part_sizes.items():
            parts[name] = slice(start, start + size)
            start += size
        return parts

    def parts(self, output: DetectorOutput) -> dict[str, Tensor]:
        """Split the embedding into its named parts.

        Args:
            output: What one forward gave.

        Returns:
            `embedding`; apart from it `image` and `reconstruction` (the trunk's branch on each), `latent`, and
            `reconstruction_error` (B, 2), see `pixel_error`.
        """
        named = {name: output.embedding[:, place] for name, place in self.embedding_parts().items() if name != "error"}
        return {"embedding": output.embedding, **named, "reconstruction_error": output.aux["reconstruction_error"]}

    def cam_layer(self) -> nn.Module:
        """The image's (B, C, h, w) maps, just before they are pooled."""
        return self.image_map


def squared_error(inputs: Tensor, reconstruction: Tensor) -> Tensor:
    """Compute the mean squared error of each reconstruction.

    Args:
        inputs: (B, C, H, W) normalised pixels.
        reconstruction: (B, C, H, W) normalised pixels.

    Returns:
        (B,) in normalised pixels squared.
    """
    return (inputs - reconstruction).float().square().flatten(1).mean(1)


@torch.no_grad()
def pixel_error(inputs: Tensor, reconstruction: Tensor, spec: InputSpec) -> Tensor:
    """Measure each reconstruction against its picture, both as pixels in [0, 1].

    A reconstruction outside the range of pixels is cut off first, as it is when it is shown.

    Args:
        inputs: (B, 3, H, W) normalised pixels.
        reconstruction: (B, 3, H, W) normalised pixels.
        spec: Mean and standard deviation of the normalisation.

    Returns:
        (B, 2): mean squared error, and PSNR in dB, at most 100.
    """
    mean, std = (inputs.new_tensor(values).view(1, 3, 1, 1).float() for values in (spec.mean, spec.std))
    shown = (reconstruction.float() * std + mean).clamp(0, 1)
    error = (inputs.float() * std + mean - shown).square().flatten(1).mean(1)
    return torch.stack([error, -10 * torch.log10(error.clamp_min(1e-10))], dim=1)


def error_summary(inputs: Tensor, reconstruction: Tensor) -> Tensor:
    """Summarise the reconstruction error for the classifier.

    Args:
        inputs: (B, 3, H, W) normalised pixels.
        reconstruction: (B, 3, H, W) normalised pixels.

    Returns:
        (B, 4): log of the mean squared error of the red, green and blue channel, and of all three.
    """
    channels = (inputs - reconstruction).float().square().mean((2, 3))
    errors = torch.cat([channels, channels.mean(1, keepdim=True)], dim=1)
    return torch.log(errors + 1e-6)
