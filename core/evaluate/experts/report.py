"""`experts`: each expert alone, every pair, their embeddings and reconstructions, and the items they quarrel over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import core
from core.artifacts.files import atomic_path, read_json, write_json, write_text
from core.artifacts.workspace import Workspace
from core.evaluate.experts.complementarity import oracle, pairwise
from core.evaluate.experts.embedding_quality import embedding_quality, sample_rows
from core.evaluate.experts.reconstruction_quality import reconstruction_quality
from core.evaluate.experts.scores import (
    ExpertScores,
    describe,
    expert_runs,
    keep_faces,
    keep_reconstructions,
    score_expert,
    stage3_scores,
)
from core.evaluate.experts.spec import ExpertsSpec
from core.evaluate.report import describe as counts
from core.evaluate.report import prevalence_note
from core.metrics.all_metrics import all_metrics
from core.metrics.by_source import by_source
from core.progress import Reporter, Within

REPORT = "experts_report.json"
PREDICTIONS = "predictions.parquet"
SAMPLES = "samples.parquet"
FACES, REBUILT = "faces", "reconstructions"
KEPT = ("auroc", "average_precision", "f1", "accuracy", "balanced_accuracy", "ece_binary_width", "brier", "nll")
CARRIED = ("sample_id", "path", "label", "dataset", "group", "split", "method")
MEAN, STAGE3 = "mean", "stage3"


def alone(
    p: Mapping[str, np.ndarray],
    frame: pd.DataFrame,
    *,
    draws: int = 1000,
    seed: int = 0,
    log_odds: Mapping[str, np.ndarray | None] | None = None,
) -> dict[str, dict[str, Any]]:
    """By expert: KEPT figures as {value, low, high, note} and `by_source`. p: (N,) calibrated p_fake in the frame's
    order; log_odds: those of p, where known, to rank by.
    """
    y, groups = frame["label"].to_numpy(np.int64), frame["group"].astype(str).to_numpy()
    sources = frame["dataset"].astype(str).to_numpy()
    found = {}
    for name, values in p.items():
        z = (log_odds or {}).get(name)
        whole = all_metrics(values, y, groups, draws=draws, seed=seed, log_odds=z)
        split = by_source(values, y, groups, sources, draws=min(draws, 400), seed=seed, log_odds=z)
        found[name] = {"metrics": {figure: whole[figure] for figure in KEPT}, "by_source": split}
    return found


def right_of(p: Mapping[str, np.ndarray], labels: np.ndarray) -> dict[str, np.ndarray]:
    """(N,) bool by expert: called rightly at p_fake 0.5."""
    return {name: (values >= 0.5) == (labels == 1) for name, values in p.items()}


def disagreements(p: Mapping[str, np.ndarray], frame: pd.DataFrame) -> pd.DataFrame:
    """Items that `right` calls rightly and `wrong` wrongly, for every ordered pair; the widest apart first.

    Columns: right, wrong, row (position in `frame`), sample_id, label, p_right, p_wrong, margin.
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


def measure(spec: ExpertsSpec, workspace: Workspace, folder: Path, report: Reporter) -> dict[str, Any]:
    """Write experts_report.json (last), predictions.parquet, samples.parquet, faces/ and reconstructions/ into
    `folder`.

    Returns the report. Raises FileNotFoundError (run, calibrator, data set), ValueError (no such split, weights that
    have changed, a run named twice).
    """
    from core.data.manifest.open import open_dataset

    members = expert_runs(spec, workspace)
    dataset = members[0].run.dataset(spec.dataset)
    manifest = open_dataset(dataset, workspace).select(spec.split)
    frame = manifest.frame
    most = spec.reconstruction_items
    rebuilt_rows = sample_rows(len(frame), most, spec.seed) if most else np.empty(0, np.int64)
    heard: dict[str, ExpertScores] = {}
    for i, member in enumerate(members):
        step = Within(report, 0.8 * i / len(members), 0.8 * (i + 1) / len(members))
        step.progress(0.0, f"hearing {member.name}")
        heard[member.name] = score_expert(member, manifest, rebuilt_rows, spec, workspace, step)
    report.progress(0.82, "figures and their intervals")
    p = {name: said.p for name, said in heard.items()}
    document = assemble(spec, dataset, manifest.fingerprint(), frame, heard, workspace)
    document["members"] = [describe(member) for member in members]
    report.progress(0.95, "keeping the samples they quarrel over")
    samples = disagreements(p, frame)
    wanted = np.unique(samples.groupby(["right", "wrong"]).head(spec.pictures)["row"].to_numpy(np.int64))
    keep_faces(manifest, wanted, folder / FACES)
    for member in members:
        if heard[member.name].measures is not None and len(wanted):
            keep_reconstructions(member, manifest, wanted, folder / REBUILT / member.name, spec, workspace)
    write_report(folder, spec, document, frame, heard, samples)
    report.progress(1.0, f"{len(members)} experts on {spec.split}")
    return document


def write_report(
    folder: Path,
    spec: ExpertsSpec,
    document: dict[str, Any],
    frame: pd.DataFrame,
    heard: Mapping[str, ExpertScores],
    samples: pd.DataFrame,
) -> None:
    """The tables, the spec, and the report last: a folder with it is whole."""
    table = frame[list(CARRIED)].assign(
        **{f"p_{name}": said.p for name, said in heard.items()},
        **{f"log_odds_{name}": said.log_odds for name, said in heard.items()},
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
    heard: Mapping[str, ExpertScores],
    workspace: Workspace,
) -> dict[str, Any]:
    """The report without its members. Numpy only."""
    y, groups = frame["label"].to_numpy(np.int64), frame["group"].astype(str).to_numpy()
    sources = frame["dataset"].astype(str).to_numpy()
    p = {name: said.p for name, said in heard.items()}
    right = right_of(p, y)
    together, notes = dict(p), [note for note in [prevalence_note(y)] if note]
    if len(p) > 1:
        together[MEAN] = mean_of(p)
    if spec.stack:
        scores = stage3_scores(spec.stack, spec.split, frame["sample_id"], workspace)
        if scores is None:
            notes.append(
                f"{spec.stack} holds no stage-3 score of every item of {spec.split}: stage 3 is left out here."
            )
        else:
            together[STAGE3] = scores
    draws, seed = spec.n_bootstrap, spec.seed
    return {
        "format": 1,
        "kind": "experts",
        "stack": spec.stack,
        "dataset": dataset,
        "split": spec.split,
        "data_fingerprint": fingerprint,
        **counts(y, groups),
        "unit": "item; intervals resample groups (videos or identities)",
        "threshold": 0.5,
        "alone": alone(
            together, frame, draws=draws, seed=seed, log_odds={name: said.calibrated for name, said in heard.items()}
        ),
        "pairs": pairwise(right, groups, draws=draws, seed=seed),
        "together": oracle(right, groups, draws=draws, seed=seed),
        "embeddings": {
            name: {
                part: embedding_quality(values, y, groups, sources, most=spec.embedding_items, draws=draws, seed=seed)
                for part, values in said.parts.items()
            }
            for name, said in heard.items()
        },
        "reconstructions": {
            name: reconstruction_quality(
                said.measures, y[said.rebuilt_rows], groups[said.rebuilt_rows], draws=draws, seed=seed
            )
            for name, said in heard.items()
            if said.measures is not None
        },
        "notes": notes,
        "code_version": core.__version__,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def mean_of(p: Mapping[str, np.ndarray]) -> np.ndarray:
    """(N,) p_fake of the plain mean of calibrated log-odds."""
    kept = [np.clip(values, 1e-7, 1 - 1e-7) for values in p.values()]
    return 1 / (1 + np.exp(-np.mean([np.log(q) - np.log1p(-q) for q in kept], axis=0)))


def read_report(folder: Path) -> dict[str, Any]:
    """experts_report.json of a folder. Raises FileNotFoundError, ValueError when it is another kind of document."""
    document = read_json(folder / REPORT)
    if document.get("kind") != "experts":
        raise ValueError(f"{folder / REPORT} is no report on experts")
    return document
