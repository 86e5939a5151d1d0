"""The evidence of one detector on one face crop: pictures in a folder, and what each can and cannot show."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from core.documents.analysis import Evidence
from core.documents.decision import Verdict
from core.explain.cam import Side, grad_cam
from core.explain.captions import NO_EFFECT, NOT_LEARNED, wording
from core.explain.layers import cam_point
from core.explain.pictures import overlay, save_png
from core.explain.reconstruction import reconstruction
from core.explain.sanity import sanity
from core.explain.spectrum import spectrum_chart
from core.models.detector import Detector


def explain(
    detector: Detector, crop: np.ndarray, member: str, face: int, verdict: Verdict, folder: Path, method: str = ""
) -> list[Evidence]:
    """Make the evidence of one detector on one face crop.

    A heat map with its sanity check and, where the detector has an autoencoder, reconstruction and residual. The map
    argues for
    the side of the verdict: real for `real`, fake for any other verdict, for a person wants to see the suspicious
    places of an uncertain face.

    Args:
        detector: The detector.
        crop: (H, W, 3) uint8 RGB face crop.
        member: Name of the detector in the cascade.
        face: Number of the face in the file.
        verdict: Verdict on that face.
        folder: Where the PNGs are written; `Evidence.file` is the name in it.
        method: Kind of heat map, a name of `METHODS`; empty: the method of the detector's architecture.

    Returns:
        One piece for each picture, the heat map first.
    """
    side: Side = "real" if verdict == "real" else "fake"
    pieces = [_map_evidence(detector, crop, member, face, side, folder, method or cam_point(detector).method)]
    rebuilt = reconstruction(detector, crop)
    if rebuilt is not None:
        for kind, picture in (("reconstruction", rebuilt.picture), ("residual", rebuilt.residual())):
            pieces.append(_evidence(kind, member, face, picture, folder, values=rebuilt.values))
    return pieces


def explain_spectrum(crop: np.ndarray, face: int, folder: Path) -> Evidence:
    """Draw the radial power spectrum of a crop: evidence of the picture itself, of no member.

    Args:
        crop: (H, W, 3) uint8 RGB face crop.
        face: Number of the face in the file.
        folder: Where the PNG is written.

    Returns:
        The piece of evidence, without values.
    """
    return _evidence("spectrum", "", face, spectrum_chart(crop), folder, values={})


def _map_evidence(
    detector: Detector, crop: np.ndarray, member: str, face: int, side: Side, folder: Path, method: str
) -> Evidence:
    heat = grad_cam(detector, crop, side=side, method=method)
    checked = sanity(detector, crop, heat, side=side, method=method)
    piece = _evidence(method, member, face, overlay(crop, heat), folder, values=checked.values(), side=side)
    if checked.informative:
        return piece
    why = NO_EFFECT if not checked.matters else NOT_LEARNED
    return piece.model_copy(update={"title": f"{piece.title} (not informative)", "caveat": f"{why} {piece.caveat}"})


def _evidence(
    kind: str,
    member: str,
    face: int,
    picture: np.ndarray,
    folder: Path,
    *,
    values: dict[str, float],
    side: Side = "fake",
) -> Evidence:
    words = wording(kind, side)
    name = "_".join(part for part in (f"face{face}", re.sub(r"[^A-Za-z0-9.-]+", "-", member), kind) if part) + ".png"
    save_png(folder / name, picture)
    return Evidence(
        kind=kind,
        member=member,
        face=face,
        title=words.title,
        caption=words.caption,
        caveat=words.caveat,
        file=name,
        values=values,
    )
