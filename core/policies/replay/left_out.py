"""Compare a run that never saw a source or a method of forgery in training with a run that did.

Two ways lead here. A run may lack a whole source of fakes (`sources` of its run.json), or it was trained on a protocol,
NAME@leave-out-method-x (core/data/manifest/protocols.py), whose training rows hold no fake of a method. Both are
compared on the same items, none of which either has trained on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from core.artifacts.workspace import Workspace
from core.data.manifest.open import dataset_place, open_dataset, split_reference
from core.data.manifest.protocols import COLUMN, load_protocol
from core.metrics.delong import delong_difference
from core.policies.replay.transport import auroc_interval

Kind = Literal["source", "method"]
Span = tuple[float | None, float | None]


@dataclass(frozen=True)
class Unseen:
    """What a run never saw.

    Attributes:
        kind: source or method.
        values: Names of the sources or methods.
        pinned: Left out by a protocol, so that its test split may hold items that other runs have trained on.
    """

    kind: Kind
    values: tuple[str, ...]
    pinned: bool = False


@dataclass(frozen=True)
class LeftOut:
    """One source or method that a run never saw in training, scored by it and by a run that did, on the same items.

    Attributes:
        source: Name of the source or method.
        run: The run that never saw it.
        reference: The run that did.
        seen: AUROC of its fakes against all reals of the table, by `reference`.
        unseen: The same by `run`.
        loss: seen - unseen.
        low: Lower end of the 95 % interval of `loss` by groups; None with too few groups of a class.
        high: Upper end.
        n_fake: Fakes.
        n_real: Reals.
        fake_groups: Groups of fakes.
        kind: source or method.
        seen_span: 95 % interval of `seen`.
        unseen_span: 95 % interval of `unseen`.
        note: Why there is no interval, or how far to trust it.
    """

    source: str
    run: str
    reference: str
    seen: float
    unseen: float
    loss: float
    low: float | None
    high: float | None
    n_fake: int
    n_real: int
    fake_groups: int
    kind: Kind = "source"
    seen_span: Span = (None, None)
    unseen_span: Span = (None, None)
    note: str = ""


def left_out(
    run: str, unseen: pd.DataFrame, reference: str, seen: pd.DataFrame, values: Collection[str], kind: Kind = "source"
) -> list[LeftOut]:
    """Measure what leaving `values` out of training costs on their fakes.

    Args:
        run: Name of the run that never saw them.
        unseen: Its scores: columns sample_id, label, group, p_fake and the kind's own (dataset or method).
        reference: Name of the run that saw them.
        seen: Its scores, with the same columns; items that both scored count.
        values: Sources or methods.
        kind: source or method.

    Returns:
        One row for each value with fakes that both scored.

    Raises:
        ValueError: A run scored an item twice.
    """
    for name, table in ((run, unseen), (reference, seen)):
        if table["sample_id"].duplicated().any():
            raise ValueError(f"run {name!r} scored an item twice: evaluate it again")
    by = COLUMN[kind]
    both = unseen.merge(seen[["sample_id", "p_fake"]], on="sample_id", suffixes=("", "_seen"))
    rows_by_value = []
    for value in sorted(set(values) & set(both.loc[both["label"] == 1, by].astype(str))):
        rows = both[(both["label"] == 0) | (both[by].astype(str) == value)]
        y, groups = rows["label"].to_numpy(), rows["group"].astype(str).to_numpy()
        if not (y == 0).any():
            continue
        with_, without = rows["p_fake_seen"].to_numpy(np.float64), rows["p_fake"].to_numpy(np.float64)
        a, a_low, a_high, why = auroc_interval(with_, y, groups)
        b, b_low, b_high, _ = auroc_interval(without, y, groups)
        gap = delong_difference(with_, without, y, groups)
        half = None if gap is None else gap.half
        rows_by_value.append(
            LeftOut(
                value, run, reference, a, b, a - b,
                None if half is None else a - b - half, None if half is None else a - b + half,
                int(y.sum()), int((y == 0).sum()), int(np.unique(groups[y == 1]).size),
                kind, (a_low, a_high), (b_low, b_high),
                why if gap is None else gap.note,
            )
        )  # fmt: skip
    return rows_by_value


def unseen_sources(run: Mapping[str, Any], table: pd.DataFrame, by: str = "dataset") -> list[str]:
    """List the sources of the table's fakes that a run did not train on.

    Args:
        run: Its run.json (`sources`: items a source).
        table: Scores; columns label and `by`.
        by: Column of the source.

    Returns:
        Names; none when the run does not state its sources.
    """
    known = run.get("sources") or {}
    fakes = sorted(set(table.loc[table["label"] == 1, by].astype(str)))
    return [name for name in fakes if name not in known] if known else []


def unseen_of(run: Mapping[str, Any], table: pd.DataFrame, workspace: Workspace) -> Unseen | None:
    """Find what of the table's fakes a run never saw: what its protocol leaves out, else sources that it lacks.

    Args:
        run: Its run.json.
        table: Scores; columns label and dataset.
        workspace: Where data sets and protocols lie.

    Returns:
        None when the run saw all, or its protocol is gone.
    """
    base, name = split_reference(str(run.get("dataset", "")), workspace)
    if not name:
        sources = unseen_sources(run, table)
        return Unseen("source", tuple(sources)) if sources else None
    try:
        protocol = load_protocol(dataset_place(base, workspace).parent, name)
    except FileNotFoundError:
        return None
    return Unseen(protocol.kind, protocol.left_out, pinned=True)


def comparable(run: Mapping[str, Any], unseen: Unseen, seen: pd.DataFrame, workspace: Workspace) -> pd.DataFrame | None:
    """Return the rows on which a run may stand for "trained on it".

    Without a protocol these are all rows; with one only those of `test` in the run's own data set, on which it learnt
    nothing.

    Args:
        run: run.json of the run that scored `seen`.
        unseen: What the other run never saw.
        seen: Scores of `run`.
        workspace: Where data sets lie.

    Returns:
        None when the run did not train on `unseen` either, or that cannot be known because its data set is gone.
    """
    if not unseen.pinned:
        return seen if set(unseen.values) <= set(run.get("sources") or {}) else None
    try:
        own = open_dataset(str(run.get("dataset", "")), workspace).frame
    except (FileNotFoundError, ValueError):
        return None
    learnt = own[(own["split"] == "train") & (own["label"] == 1)]
    learnt = learnt[~learnt["dataset"].isin(run.get("excluded_datasets") or [])]
    if not set(unseen.values) <= set(learnt[COLUMN[unseen.kind]].astype(str)):
        return None
    return seen[seen["sample_id"].isin(set(own.loc[own["split"] == "test", "sample_id"]))]
