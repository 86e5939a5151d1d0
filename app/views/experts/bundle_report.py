"""Build a report on experts from the predictions of a bundle alone: no weights, no pictures, no job."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from app.scores.calibration_items import fitted_rows
from app.scores.detector import DRAWS
from app.scores.sources import ScoreSource, member_facts, predictions_of, saved_stages, stamp_of
from app.views.experts.reports import ExpertsReport
from core.evaluate.experts.complementarity import oracle, pairwise
from core.evaluate.experts.report import MEAN, STAGE3, alone, disagreements, mean_of, right_of
from core.evaluate.report import prevalence_note
from core.policies.choose import STACK

DATASET = "saved predictions"


def experts_of(source: ScoreSource) -> list[str]:
    """List the members of a source that score items themselves, in the order of the cascade."""
    return [name for name in saved_stages(source) if name != STACK]


def title_of(source: ScoreSource) -> str:
    """Name the report in a list."""
    return f"{source.label}, {len(experts_of(source))} experts on its saved predictions"


def report_of(source: ScoreSource) -> ExpertsReport:
    """Compute the report once while the predictions stand.

    The report covers the items that every expert scored and that no expert's calibrator was fitted on.

    Args:
        source: A bundle with predictions.

    Returns:
        The report, without embeddings, reconstructions and pictures.
    """
    document, samples = _computed(source, stamp_of(source))
    return ExpertsReport(source.folder, document, samples)


@lru_cache(maxsize=4)
def _computed(source: ScoreSource, written: float) -> tuple[dict[str, Any], pd.DataFrame]:
    names, table = experts_of(source), predictions_of(source)
    fitted = np.any([fitted_rows(source, name) for name in names], axis=0)
    scored = table[[f"p_{name}" for name in names]].notna().all(axis=1).to_numpy()
    frame = table[~fitted & scored].reset_index(drop=True)
    y, groups = frame["label"].to_numpy(np.int64), frame["group"].astype(str).to_numpy()
    p = {name: frame[f"p_{name}"].to_numpy(np.float64) for name in names}
    together = dict(p)
    if len(p) > 1:
        together[MEAN] = mean_of(p)
    if f"p_{STACK}" in frame and frame[f"p_{STACK}"].notna().all():
        together[STAGE3] = frame[f"p_{STACK}"].to_numpy(np.float64)
    notes = [note for note in [prevalence_note(y)] if note]
    if fitted.any():
        notes.append(f"{int(fitted.sum()):,} saved items are left out: the calibrator of an expert was fitted on them")
    right = right_of(p, y)
    document = {
        "members": [
            # "Stage 1: filter" -> "filter": the charts have little room for names
            {"name": name, "title": title.split(": ", 1)[-1], "run": source.label}
            for name, title in zip(names, member_facts(source, names).titles, strict=True)
        ],
        "dataset": DATASET,
        "split": ", ".join(sorted(frame["split"].unique())),
        "n": len(y),
        "n_fake": int(y.sum()),
        "n_real": int((1 - y).sum()),
        "groups": int(np.unique(groups).size),
        "notes": notes,
        "alone": alone(together, frame, draws=DRAWS),
        "pairs": pairwise(right, groups, draws=DRAWS),
        "together": oracle(right, groups, draws=DRAWS),
        "embeddings": {},
        "reconstructions": {},
    }
    return document, disagreements(p, frame).drop(columns="row")
