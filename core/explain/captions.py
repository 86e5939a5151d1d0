"""What each kind of evidence shows, and what it cannot show: one table, so that every screen says the same."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wording:
    """title and caption may hold {side}: `fake` or `real`, the side that the map argues for."""

    title: str
    caption: str
    caveat: str


NO_EFFECT = (
    "Not informative here: blurring the hottest region moves this detector's score no more than blurring other "
    "regions of the same size and shape, so do not read the map."
)
NOT_LEARNED = (
    "Not informative here: a copy of this detector with randomised weights draws much the same map of this picture, so "
    "the map shows the picture's layout and not what was learned. Do not read it."
)

METHOD_TITLES = {
    "grad_cam": "Grad-CAM",
    "grad_cam_plus_plus": "Grad-CAM++",
    "hires_cam": "HiResCAM",
    "layer_cam": "LayerCAM",
}


def _map_wording(title: str) -> Wording:
    return Wording(
        f"{title}: what argues for {{side}}",
        "Bright places raise this detector's score for {side} the most. Checked on this very picture: the hottest 15 % "
        "were blurred, and the change of the score compared with that for other regions of the same shape; and the map "
        "compared with that of a copy of the detector whose weights are randomised.",
        "It shows where the score is sensitive, not what was manipulated. It is as coarse as the network's last map, "
        "and a bright place may be right for a wrong reason.",
    )


WORDINGS = {
    **{method: _map_wording(title) for method, title in METHOD_TITLES.items()},
    "reconstruction": Wording(
        "Reconstruction by the autoencoder",
        "This face as the detector's autoencoder computes it again from a short code. The detector judges "
        "the face and this picture together.",
        "A poor reconstruction does not mean a fake: the autoencoder keeps coarse shape and colour and loses detail "
        "of any "
        "face.",
    ),
    "residual": Wording(
        "Residual: face minus reconstruction",
        "The absolute difference between the face and its reconstruction, amplified. Bright places are reconstructed "
        "badly.",
        "Edges, hair and glasses are bright in real faces too. By itself it does not separate real from fake.",
    ),
    "spectrum": Wording(
        "Radial power spectrum",
        "Mean power of the picture's fine and coarse detail, over all directions. Bumps or a sudden fall at the right "
        "can come from resampling or from a generator's upsampling.",
        "Compression, a small original and a phone's sharpening change the same part of the curve. No verdict here "
        "uses it.",
    ),
}


def wording(kind: str, side: str = "fake") -> Wording:
    """Return the title, caption and caveat of a kind of evidence.

    Args:
        kind: A key of `WORDINGS`, for example `grad_cam`.
        side: The side that a map argues for, `fake` or `real`.

    Returns:
        The sentences with the side filled in.

    Raises:
        LookupError: The kind has no sentences.
    """
    if kind not in WORDINGS:
        raise LookupError(f"no wording for evidence {kind!r}; known: {', '.join(WORDINGS)}")
    entry = WORDINGS[kind]
    return Wording(entry.title.format(side=side), entry.caption.format(side=side), entry.caveat)
