"""The report on experts: each one alone, every pair, embeddings, reconstructions, and where they disagree."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import core
from core.artifacts.files import atomic_path, read_json, write_json, write_text
from core.calibrate.log_odds import calibrated_log_odds
from core.evaluate.experts.complementarity import oracle, pairwise
from core.evaluate.experts.embedding_quality import embedding_quality
from core.evaluate.experts.reconstruction_quality import reconstruction_quality
from core.evaluate.experts.scores import ExpertScores
from core.evaluate.experts.spec import ExpertsSpec
from core.evaluate.report import prevalence_note
from core.metrics.all_metrics import all_metrics
from core.metrics.by_source import by_source
from core.metrics.slices import describe

REPORT = "experts_report.json"
PREDICTIONS = "predictions.parquet"
SAMPLES = "samples.parquet"
FACES, REBUILT = "faces", "reconstructions"
REPORTED_FIGURES = (
    *("auroc", "average_precision", "f1", "accuracy", "balanced_accuracy"),
    *("ece_binary_width", "brier", "nll"),
)
ITEM_COLUMNS = ("sample_id", "path", "label", "dataset", "group", "split", "method")
MEAN, STAGE3 = "mean", "stage3"
SOURCE_DRAWS = 400
"""Most bootstrap draws of a figure of one source: there are many sources, and their intervals are wide."""


def alone(
    p: Mapping[str, np.ndarray],
    frame: pd.DataFrame,
    *,
    draws: int = 1000,
    seed: int = 0,
    log_odds: Mapping[str, np.ndarray | None] | None = None,
) -> dict[str, dict[str, Any]]:
    """Compute the figures of each expert alone, on all items and by source.

    Args:
        p: By expert, (N,) calibrated p_fake in the order of the frame.
        frame: N rows with label, group and dataset.
        draws: Bootstrap draws of groups for the intervals; 0 for none.
        seed: Seed of the draws.
        log_odds: By expert, (N,) log-odds of p, by which items rank; None or absent where they are not known.

    Returns:
        By expert, `metrics`: REPORTED_FIGURES as {value, low, high, note}, and `by_source` of `core.metrics.by_source`.
    """
    y, groups = frame["label"].to_numpy(np.int64), frame["group"].astype(str).to_numpy()
    sources = frame["dataset"].astype(str).to_numpy()
    figures = {}
    for name, values in p.items():
        z = (log_odds or {}).get(name)
        whole = all_metrics(values, y, groups, draws=draws, seed=seed, log_odds=z)
        split = by_source(values, y, groups, sources, draws=min(draws, SOURCE_DRAWS), seed=seed, log_odds=z)
        figures[name] = {"metrics": {figure: whole[figure] for figure in REPORTED_FIGURES}, "by_source": split}
    return figures


def right_of(p: Mapping[str, np.ndarray], labels: np.ndarray) -> dict[str, np.ndarray]:
    """Tell which items each expert calls correctly at p_fake 0.5.

    Args:
        p: By expert, (N,) calibrated p_fake.
        labels: (N,) 0 = real, 1 = fake.

    Returns:
        By expert, (N,) bool.
    """
    return {name: (values >= 0.5) == (labels == 1) for name, values in p.items()}


def disagreements(p: Mapping[str, np.ndarray], frame: pd.DataFrame) -> pd.DataFrame:
    """List the items that one expert calls correctly and another does not, for every ordered pair of experts.

    Args:
        p: By expert, (N,) calibrated p_fake.
        frame: N rows with sample_id and label.

    Returns:
        A table with the columns right, wrong (names of experts), row (position in `frame`), sample_id, label, p_right,
        p_wrong and margin = |p_right - p_wrong|; the largest margin of each pair comes first.
    """
    labels = frame["label"].to_numpy(np.int64)
    right, ids, parts = right_of(p, labels), frame["sample_id"].to_numpy(), []
    for a in p:
        for b in p:
            rows = np.flatnonzero(right[a] & ~right[b])
            rows = rows[np.argsort(-np.abs(p[a][rows] - p[b][rows]), kind="stable")]
            parts.append(
                pd.DataFrame(
                    {
                        "right": a,
                        "wrong": b,
                        "row": rows,
                        "sample_id": ids[rows],
                        "label": labels[rows],
                        "p_right": p[a][rows],
                        "p_wrong": p[b][rows],
                        "margin": np.abs(p[a][rows] - p[b][rows]),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def write_report(
    folder: Path,
    spec: ExpertsSpec,
    document: dict[str, Any],
    frame: pd.DataFrame,
    scores: Mapping[str, ExpertScores],
    samples: pd.DataFrame,
) -> None:
    """Write predictions.parquet, samples.parquet, spec.json and experts_report.json into a folder.

    The report is written last: a folder that holds it is complete.

    Args:
        folder: Folder of the report.
        spec: Input of the comparison.
        document: The report, of `assemble`, with its members.
        frame: N rows of the manifest.
        scores: By expert, its scores of these rows.
        samples: The table of `disagreements`.
    """
    table = frame[list(ITEM_COLUMNS)].assign(
        **{f"p_{name}": of.p for name, of in scores.items()},
        **{f"log_odds_{name}": of.log_odds for name, of in scores.items()},
    )
    for name, part in ((PREDICTIONS, table), (SAMPLES, samples.drop(columns="row"))):
        with atomic_path(folder / name) as temporary:
            part.to_parquet(temporary, index=False)
    write_text(folder / "spec.json", spec.to_json())
    write_json(folder / REPORT, document)


def assemble(
    spec: ExpertsSpec,
    dataset: str,
    fingerprint: str,
    frame: pd.DataFrame,
    scores: Mapping[str, ExpertScores],
    stage3: np.ndarray | None = None,
) -> dict[str, Any]:
    """Build the report from scores, without its list of members.

    Args:
        spec: Input of the comparison.
        dataset: Name or folder of the data set.
        fingerprint: Names its items (`Manifest.fingerprint`).
        frame: N rows with sample_id, label, group and dataset.
        scores: By expert, its scores of these rows.
        stage3: (N,) p_fake of the stack that the spec names; None where it has no score of some of these items.

    Returns:
        experts_report.json but for `members`.
    """
    y, groups = frame["label"].to_numpy(np.int64), frame["group"].astype(str).to_numpy()
    sources = frame["dataset"].astype(str).to_numpy()
    p = {name: of.p for name, of in scores.items()}
    right = right_of(p, y)
    together, notes = dict(p), [note for note in [prevalence_note(y)] if note]
    if len(p) > 1:
        together[MEAN] = mean_of(p)
    if stage3 is not None:
        together[STAGE3] = stage3
    elif spec.stack:
        notes.append(f"{spec.stack} holds no stage-3 score of every item of {spec.split}: stage 3 is left out here.")
    draws, seed = spec.n_bootstrap, spec.seed
    return {
        "format": 1,
        "kind": "experts",
        "stack": spec.stack,
        "dataset": dataset,
        "split": spec.split,
        "data_fingerprint": fingerprint,
        **describe(y, groups),
        "unit": "item; intervals resample groups (videos or identities)",
        "threshold": 0.5,
        "alone": alone(
            together, frame, draws=draws, seed=seed, log_odds={name: of.calibrated for name, of in scores.items()}
        ),
        "pairs": pairwise(right, groups, draws=draws, seed=seed),
        "together": oracle(right, groups, draws=draws, seed=seed),
        "embeddings": {
            name: {
                part: embedding_quality(values, y, groups, sources, most=spec.embedding_items, draws=draws, seed=seed)
                for part, values in of.parts.items()
            }
            for name, of in scores.items()
        },
        "reconstructions": {
            name: reconstruction_quality(
                of.measures, y[of.rebuilt_rows], groups[of.rebuilt_rows], draws=draws, seed=seed
            )
            for name, of in scores.items()
            if of.measures is not None
        },
        "notes": notes,
        "code_version": core.__version__,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def mean_of(p: Mapping[str, np.ndarray]) -> np.ndarray:
    """Combine experts by the plain mean of their calibrated log-odds.

    Args:
        p: By expert, (N,) calibrated p_fake.

    Returns:
        (N,) p_fake.
    """
    return 1 / (1 + np.exp(-np.mean([calibrated_log_odds(values) for values in p.values()], axis=0)))


def read_report(folder: Path) -> dict[str, Any]:
    """Read experts_report.json of a folder.

    Args:
        folder: Folder of the report.

    Returns:
        The report.

    Raises:
        FileNotFoundError: The folder holds no report.
        ValueError: The file is another kind of document.
    """
    document = read_json(folder / REPORT)
    if document.get("kind") != "experts":
        raise ValueError(f"{folder / REPORT} is no report on experts")
    return document
