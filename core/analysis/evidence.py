"""Evidence of one face by the members that scored it, as PNGs beside the analysis document."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from core.bundles.load import LoadedMember
from core.documents.analysis import Evidence
from core.documents.decision import Verdict
from core.explain.evidence import explain, explain_spectrum
from core.explain.spec import heat_map_of

log = logging.getLogger(__name__)


def explain_face(
    members: Sequence[LoadedMember],
    crops: Sequence[np.ndarray],
    face: int,
    verdict: Verdict,
    out: Path,
    heat_maps: Sequence[str] = (),
) -> Iterator[tuple[list[Evidence], str | None]]:
    """What each member shows for its crop (H, W, 3) uint8 of the face, then the crop's spectrum: (evidence, warning).
    heat_maps: as in AnalyzeSpec.

    A member whose picture cannot be drawn costs the evidence, never the verdict: it is named in a warning.
    """
    for member, crop in zip(members, crops, strict=True):
        try:
            method = heat_map_of(member.name, list(heat_maps))
            yield explain(member.detector, crop, member.name, face, verdict, out, method), None
        except Exception as error:
            log.exception("evidence of %s failed", member.name)
            yield [], f"The evidence of {member.title} could not be drawn ({type(error).__name__})."
    if len(crops):
        yield [explain_spectrum(crops[0], face, out)], None
