"""Measure whether the source of a picture, and with it the label, can be predicted without looking at a face.

Two cheap sets of features (core/data/prepare/shortcut_features.py) and a logistic regression, cross-validated by group,
give three tables:

- source: within the pictures of one label, how often the source is named correctly, compared with
  always naming the most frequent.
- read: the AUROC for "fake" of a predictor that knows nothing but the predicted source: the share of fakes among the
  pictures of each source, weighted by the probability given to each source. Sources of both labels are
  predicted together.
- pairs: the AUROC for "fake" of the same features on every real source against every fake source. A detector whose
  AUROC on the pair lies below it has shown nothing on that pair.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from core.data.manifest.manifest import Manifest
from core.data.prepare.shortcut_features import features_of
from core.progress import Reporter

MOST_PICTURES = 2000
"""Most pictures that are used: a few seconds."""
MIN_PICTURES = 20
"""Pictures, in FOLDS groups, that a source needs to be cross-validated."""
FOLDS = 4
MOST_PAIRS = 36
WARN_AUROC = 0.75
"""AUROC of the label read from the source above which the card warns."""


def source_check(manifest: Manifest, seed: int, report: Reporter, most: int = MOST_PICTURES) -> dict[str, Any]:
    """Measure how well a thumbnail or a spectrum alone predicts sources and labels.

    At most `most` pictures are used, drawn evenly over source x label.

    Args:
        manifest: The rows.
        seed: Seed of the draw.
        report: Receives the progress.
        most: Most pictures.

    Returns:
        The document for the card: pictures used, sources, tables `source` and `pairs`, `read` (see above) and
        `warning`. With too few pictures `why` says so instead.
    """
    frame = manifest.frame[["path", "label", "dataset", "group"]]
    frame = frame[askable(frame)]
    frame = frame.iloc[sample(frame, most, seed)].reset_index(drop=True)
    report.progress(0.0, f"Measuring on {len(frame):,} pictures how well the source alone predicts the label")
    features, readable = features_of([manifest.file(path) for path in frame["path"]])
    frame = frame[readable].reset_index(drop=True)
    keep = askable(frame)
    features = {name: values[keep] for name, values in features.items()}
    frame = frame[keep].reset_index(drop=True)
    document: dict[str, Any] = {
        "items": len(frame),
        "unreadable": int((~readable).sum()),
        "sources": sorted(frame["dataset"].unique()),
    }
    if frame.empty:
        return {**document, "why": f"no source has {MIN_PICTURES} readable pictures of one label in {FOLDS} groups"}
    result = {
        **document,
        "source": [row for label in (0, 1) for row in within_label(frame, features, label)],
        "read": read_from_source(frame, features),
        "pairs": label_pairs(frame, features),
    }
    return {**result, "warning": sentence(result)}


def sample(frame: pd.DataFrame, most: int, seed: int) -> np.ndarray:
    """Draw rows evenly over source x label, as far as each lasts.

    Args:
        frame: Columns dataset and label.
        most: At most so many rows.
        seed: Seed of the draw.

    Returns:
        Positions, sorted.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(frame))
    turn = frame.iloc[order].groupby(["dataset", "label"]).cumcount().to_numpy()
    return np.sort(order[np.argsort(turn, kind="stable")[:most]])


def askable(frame: pd.DataFrame) -> np.ndarray:
    """Return which rows have enough pictures and groups in their source x label to be cross-validated.

    Args:
        frame: Columns dataset, label and group.

    Returns:
        (N,) bool.
    """
    if frame.empty:
        return np.zeros(0, bool)
    strata = frame.groupby(["dataset", "label"])["group"]
    return ((strata.transform("size") >= MIN_PICTURES) & (strata.transform("nunique") >= FOLDS)).to_numpy()


def within_label(frame: pd.DataFrame, features: dict[str, np.ndarray], label: int) -> list[dict[str, Any]]:
    """Measure how often the source is named correctly among the pictures of one label.

    Args:
        frame: Columns dataset, label and group; N rows.
        features: Name -> (N, D).
        label: 0 or 1.

    Returns:
        A row per set of features: accuracy, and chance (always naming the commonest); none with one source only.
    """
    rows = (frame["label"] == label).to_numpy()
    sources = frame.loc[rows, "dataset"].to_numpy(str)
    names, counts = np.unique(sources, return_counts=True)
    if len(names) < 2:
        return []
    groups = frame.loc[rows, "group"].to_numpy(str)
    rows_of_table = []
    for kind, values in features.items():
        chances = guesses(values[rows], sources, groups)
        if chances is not None:
            accuracy = float((names[chances.argmax(1)] == sources).mean())
            chance = float(counts.max() / counts.sum())
            rows_of_table.append(
                {"label": label, "features": kind, "sources": len(names), "accuracy": accuracy, "chance": chance}
            )
    return rows_of_table


def read_from_source(frame: pd.DataFrame, features: dict[str, np.ndarray]) -> dict[str, float]:
    """Measure how well the predicted source alone predicts the label.

    Args:
        frame: Columns dataset, label and group; N rows.
        features: Name -> (N, D).

    Returns:
        Set of features -> AUROC for fake; empty with one source or one label.
    """
    sources, labels = frame["dataset"].to_numpy(str), frame["label"].to_numpy()
    names = np.unique(sources)
    if len(names) < 2 or len(np.unique(labels)) < 2:
        return {}
    groups = frame["group"].to_numpy(str)
    shares = np.array([labels[sources == name].mean() for name in names])
    aurocs = {}
    for kind, values in features.items():
        chances = guesses(values, sources, groups)
        if chances is not None:
            aurocs[kind] = float(roc_auc_score(labels, chances @ shares))
    return aurocs


def label_pairs(frame: pd.DataFrame, features: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Measure how well the features separate real from fake on each pair of sources.

    Args:
        frame: Columns dataset, label and group; N rows.
        features: Name -> (N, D).

    Returns:
        A row per pair of a real and a fake source: AUROC for fake of each set of features (None where it could not be
        cross-validated), and how many pictures. With many sources the MOST_PAIRS pairs with most pictures.
    """
    table = []
    for real, fake, rows in sorted(_pairs(frame), key=lambda pair: -int(pair[2].sum()))[:MOST_PAIRS]:
        labels, groups = frame.loc[rows, "label"].to_numpy(), frame.loc[rows, "group"].to_numpy(str)
        row: dict[str, Any] = {"real": real, "fake": fake, "items": int(rows.sum())}
        for kind, values in features.items():
            chances = guesses(values[rows], labels, groups)
            row[kind] = None if chances is None else float(roc_auc_score(labels, chances[:, 1]))
        table.append(row)
    return sorted(table, key=lambda row: -max(row[kind] or 0 for kind in features))


def _pairs(frame: pd.DataFrame) -> Iterator[tuple[str, str, np.ndarray]]:
    """Every real source with every fake one; where a source has both labels, with itself alone."""
    sources = {label: set(frame.loc[frame["label"] == label, "dataset"]) for label in (0, 1)}
    both = sources[0] & sources[1]
    for real in sorted(sources[0]):
        for fake in sorted(sources[1]):
            if real == fake or not both & {real, fake}:
                of_real = (frame["dataset"] == real) & (frame["label"] == 0)
                of_fake = (frame["dataset"] == fake) & (frame["label"] == 1)
                yield real, fake, (of_real | of_fake).to_numpy()


def guesses(values: np.ndarray, classes: np.ndarray, groups: np.ndarray) -> np.ndarray | None:
    """Predict the class of each row by a model that saw nothing of its group.

    Logistic regression on standardised features, all classes weighted equally, cross-validated over FOLDS folds.

    Args:
        values: (N, D) features.
        classes: (N,) names of C classes.
        groups: (N,) groups.

    Returns:
        (N, C) probability of each class in sorted order; None when a fold would lack a class.
    """
    names = np.unique(classes)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    chances = np.zeros((len(classes), len(names)))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=200, class_weight="balanced"))
    for learn, ask in folds.split(values, classes, groups):
        if len(np.unique(classes[learn])) < len(names):
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # 200 steps of a baseline are enough
            model.fit(values[learn], classes[learn])
        chances[ask] = model.predict_proba(values[ask])
    return chances


def sentence(document: dict[str, Any]) -> str:
    """Warn where the label can be read from the source.

    Args:
        document: As `source_check` returns it.

    Returns:
        The warning of a card; "" where there is none.
    """
    read = document["read"]
    if not read or max(read.values()) < WARN_AUROC:
        return ""
    kind = max(read, key=read.__getitem__)
    rows = [row for row in document["source"] if row["features"] == kind]
    named = ", ".join(
        f"{row['accuracy']:.0%} of {'fake' if row['label'] else 'real'} pictures against {row['chance']:.0%} by chance"
        for row in rows
    )
    return (
        f"The source predicts the label: a {kind} alone predicts which source a picture is from"
        f"{f' ({named})' if named else ''}, and the predicted source reaches an AUROC of {read[kind]:.2f} for fake. A "
        "detector may learn the source instead of the manipulation. Report each pair of sources, and compare each with "
        "its baseline."
    )
