"""`evidence`: do an expert's heat maps point at an artefact whose place is known? Marked on planted real faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

import core
from core.data.manifest.manifest import Manifest
from core.explain.cam import grad_cam, prepare
from core.explain.plants import PLANTS, Plant, hit, mass_ratio
from core.explain.randomised import randomised_copy
from core.explain.sanity import sanity
from core.explain.spec import EvidenceSpec
from core.media.pictures import read_picture
from core.metrics.intervals import bootstrap_sums, group_codes, percentile
from core.models.detector import Detector
from core.progress import Reporter

REPORT = "evidence_report.json"
FIGURES = ("mass", "mass_unplanted", "mass_randomised", "hits", "area", "informative", "shift", "gain")


@dataclass(frozen=True)
class Face:
    """A real face, the donor of its blend, and its group (person or video)."""

    crop: np.ndarray
    donor: np.ndarray
    group: str


def real_faces(manifest: Manifest, items: int, seed: int) -> list[Face]:
    """Draw real faces, each with the real face of another group as donor of its blend.

    Args:
        manifest: Rows of one split.
        items: Most faces to draw.
        seed: Seed of the draw.

    Returns:
        At most `items` faces, in the order of the manifest.

    Raises:
        ValueError: There are not two groups of real faces.
    """
    frame = manifest.frame[manifest.frame["label"] == 0].reset_index(drop=True)
    groups = frame["group"].astype(str).to_numpy()
    if len(set(groups)) < 2:
        raise ValueError("planting needs real faces of two groups; choose another data set or split")
    rng = np.random.default_rng(seed)
    faces = []
    for row in np.sort(rng.permutation(len(frame))[:items]):
        other = rng.choice(np.flatnonzero(groups != groups[row]))
        faces.append(Face(_read(manifest, frame, row), _read(manifest, frame, int(other)), groups[row]))
    return faces


def _read(manifest: Manifest, frame: pd.DataFrame, row: int) -> np.ndarray:
    return read_picture(manifest.file(frame["path"][row])).rgb


def judge_maps(
    name: str, title: str, detector: Detector, faces: Sequence[Face], spec: EvidenceSpec, report: Reporter
) -> dict[str, Any]:
    """Mark the heat maps of one expert on planted faces.

    Args:
        name: Name of the expert.
        title: Its title, for progress messages.
        detector: The expert; it is left as it was, in evaluation mode.
        faces: Real faces with their donors.
        spec: Plants, methods, draws and seed.
        report: Receives the progress.

    Returns:
        The expert's part of the report, JSON-ready: one row for each plant and method (see `summary`).
    """
    rows = []
    combinations = [(plant, method) for plant in spec.plants for method in spec.methods]
    for done, (plant, method) in enumerate(combinations):
        records = []
        for i, face in enumerate(faces):
            planted = PLANTS[plant](face.crop, face.donor, np.random.default_rng([spec.seed, i]))
            records.append(mark(detector, face.crop, planted, method))
            share = (done + (i + 1) / len(faces)) / len(combinations)
            report.progress(share, f"{title}: {plant}, {i + 1} of {len(faces)}")
        groups = np.array([face.group for face in faces])
        found = summary(pd.DataFrame(records), groups, draws=spec.n_bootstrap, seed=spec.seed)
        rows.append({"plant": plant, "method": method, **found, "reading": reading(found)})
    return {"name": name, "title": title, "detector": detector.name, "rows": rows}


def mark(detector: Detector, crop: np.ndarray, planted: Plant, method: str) -> dict[str, float]:
    """Measure the maps of one planted face; every map argues for fake.

    Args:
        detector: The expert.
        crop: (H, W, 3) uint8, the face without its plant.
        planted: The face with its plant, and where the plant is.
        method: Kind of heat map.

    Returns:
        mass: see `mass_ratio`. mass_unplanted: the same place in the map of the face without its plant.
        mass_randomised: the same place in the map of the detector's randomised copy. hits: see `hit`. area: share of
        the picture that is planted.
        informative: 1 when the map passes its sanity check. shift: log-odds that the plant adds. gain: mass -
        mass_unplanted.
    """
    heat = grad_cam(detector, planted.picture, method=method)
    before = grad_cam(detector, crop, method=method)
    other = grad_cam(randomised_copy(detector), planted.picture, method=method)
    scores = [float(detector.scores(prepare(detector, picture))[0]) for picture in (planted.picture, crop)]
    mass, unplanted = mass_ratio(heat, planted.mask), mass_ratio(before, planted.mask)
    return {
        "mass": mass,
        "mass_unplanted": unplanted,
        "mass_randomised": mass_ratio(other, planted.mask),
        "hits": hit(heat, planted.mask),
        "area": planted.area,
        "informative": float(sanity(detector, planted.picture, heat, method=method).informative),
        "shift": scores[0] - scores[1],
        "gain": mass - unplanted,
    }


def summary(records: pd.DataFrame, groups: np.ndarray, *, draws: int, seed: int) -> dict[str, Any]:
    """Average each figure over faces, with an interval over groups.

    Args:
        records: (N, FIGURES) one row for each face, of `mark`.
        groups: (N,) groups of the faces.
        draws: Number of bootstrap draws.
        seed: Seed of the draws.

    Returns:
        items, groups, empty (faces whose map is empty; they count in no mean), and for each of FIGURES {value, low,
        high}, 95 %.
    """
    figures = {name: _mean(records[name].to_numpy(np.float64), groups, draws, seed) for name in FIGURES}
    return {"items": len(records), "groups": len(set(groups)), "empty": int(records["mass"].isna().sum()), **figures}


def _mean(values: np.ndarray, groups: np.ndarray, draws: int, seed: int) -> dict[str, float | None]:
    known = np.isfinite(values)
    values, groups = values[known], groups[known]
    if not values.size:
        return {"value": None, "low": None, "high": None}
    codes, count = group_codes(groups, values.size)
    between = None
    if count > 1:
        columns = np.stack([values, np.ones_like(values)], axis=1)
        sums = bootstrap_sums(columns, codes, count, draws, np.random.default_rng(seed))
        between = percentile(sums[:, 0] / sums[:, 1])
    low, high = between if between else (None, None)
    return {"value": float(values.mean()), "low": low, "high": high}


def reading(found: dict[str, Any]) -> str:
    """Say in one sentence what the figures of one row allow.

    Args:
        found: A row of `summary`.

    Returns:
        One sentence.
    """
    mass, gain, shift = (found[name] for name in ("mass", "gain", "shift"))
    if mass["value"] is None:
        return "No map has a place that raises the score for fake."
    above = mass["low"] is not None and mass["low"] > 1
    caused = gain["low"] is not None and gain["low"] > 0
    moved = f"the plant moves the log-odds by {shift['value']:+.2f}"
    if above and caused:
        return f"The maps point at the plant, {mass['value']:.1f} times chance, and because of it ({moved})."
    if above:
        return f"Above chance, but not above the same place without the plant: the plant is not the reason ({moved})."
    if caused:
        return f"The plant changes the map, but its place gets no more than chance ({moved})."
    return f"The maps do not point at the plant ({moved})."


def document(spec: EvidenceSpec, manifest: Manifest, dataset: str, experts: list[dict[str, Any]]) -> dict[str, Any]:
    """Assemble the report as it is stored.

    Args:
        spec: What was asked for.
        manifest: The rows that the faces were drawn from.
        dataset: Name of the data set.
        experts: One part for each expert, of `judge_maps`.

    Returns:
        A JSON-ready document.
    """
    return {
        "format": 1,
        "kind": "evidence",
        "dataset": dataset,
        "split": spec.split,
        "data_fingerprint": manifest.fingerprint(),
        "seed": spec.seed,
        "unit": "real face with one plant; intervals resample groups (people, videos)",
        "experts": experts,
        "code_version": core.__version__,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
