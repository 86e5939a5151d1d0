"""What its authors publish of GenConViT: figures to set beside our own, never to be taken for them. No torch."""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "Deressa et al., GenConViT; weights Deressa/GenConViT"
CAVEAT = (
    "Published by the authors for both networks averaged, each measured on the test part of data that they trained on; "
    "none of these figures was measured here."
)


@dataclass(frozen=True)
class PublishedFigure:
    """Accuracy and AUROC in [0, 1] on one data set."""

    dataset: str
    accuracy: float
    auroc: float


FIGURES = (
    PublishedFigure("DFDC", 0.985, 0.9994),
    PublishedFigure("FaceForensics++", 0.971, 0.996),
    PublishedFigure("DeepfakeTIMIT", 0.970, 0.997),
    PublishedFigure("Celeb-DF v2", 0.909, 0.981),
)


@dataclass(frozen=True)
class PublishedNetwork:
    """One published file. Parameters in millions: all that it stores, and those that its forward uses."""

    layout: str
    title: str
    detector: str
    hybrid: str
    file: str
    stored: float
    live: float


NETWORKS = (
    PublishedNetwork(
        "genconvit-ed",
        "GenConViT ED",
        "genconvit_ed_published",
        "genconvit_ed",
        "genconvit_ed_inference.pth",
        59.2,
        30.2,
    ),
    PublishedNetwork(
        "genconvit-vae",
        "GenConViT VAE",
        "genconvit_vae_published",
        "genconvit_vae",
        "genconvit_vae_inference.pth",
        695.0,
        344.5,
    ),
)


def published(layout: str) -> PublishedNetwork:
    """Find the published network of a layout.

    Args:
        layout: Name of the layout, for example `genconvit-ed`.

    Returns:
        The network.

    Raises:
        LookupError: Unknown layout; the message lists the known ones.
    """
    for network in NETWORKS:
        if network.layout == layout:
            return network
    raise LookupError(f"unknown layout {layout!r}; known: {', '.join(n.layout for n in NETWORKS)}")
