"""Build thresholds.json: the policy's exits, their guarantees, and the figures at other thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from core.documents.policy import CascadePolicy, Exits
from core.metrics.metrics import ratio
from core.metrics.sweep import Sweep, sweep
from core.policies.choose import STACK, calibration_rows, require
from core.policies.guarantees import Side
from core.spec import Spec

SWEEP_CONFIDENCES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995, 0.999)


class ExitFigures(Spec):
    """One exit at one threshold, on items of val_calib as if every one of them came this far.

    A share over nothing is null.
    """

    threshold: float | None = Field(description="Exits as real at p_fake <= this, as fake at p_fake >= this.")
    exited: int = Field(ge=0, description="Items that exit here.")
    errors: int = Field(ge=0, description="Of these, on the wrong side.")
    exit_rate: float | None = Field(description="exited / all (filtration).")
    exit_fnr: float | None = Field(description="errors / all items of the class that must not exit here (leakage).")
    fnr_on_exits: float | None = Field(description="errors / exited.")
    exit_accuracy: float | None = Field(description="1 - errors / exited.")
    coverage: float | None = Field(description="Passed on / all.")


class ExitRecord(ExitFigures):
    """One exit of the policy with its guarantee and the sweep over other thresholds."""

    stage: str
    member: str
    side: Literal["real", "fake"]
    method: str
    target: float | None = Field(description="Highest share of groups in error asked for.")
    confidence: float | None = Field(description="Of the bound; null: no guarantee.")
    bound: float | None = Field(description="Upper bound on the share of groups in error.")
    n: int = Field(ge=0, description="Groups that the bound rests on.")
    feasible: bool
    note: str
    sweep: list[ExitFigures]


class ThresholdsDocument(Spec):
    """thresholds.json. The top level repeats stage 1's exit as real, which is what a reader asks for first."""

    format: Literal[1] = 1
    policy_id: str
    active_exit_policy: Literal["softmax", "gate", "scrc"]
    data_fingerprint: str
    exit_threshold: float | None
    fnr_on_exits: float | None
    leakage: float | None
    filtration: float | None
    coverage: float | None
    exit_accuracy: float | None
    target: float | None
    bound: float | None
    n: int = Field(ge=0)
    sweep: list[ExitFigures]
    stages: list[ExitRecord]


def exit_figures(s: Sweep, side: Side, threshold: float | None) -> ExitFigures:
    """Compute the figures of one exit.

    Args:
        s: Sorted scores with cumulative counts.
        side: real or fake.
        threshold: p_fake at which items exit; None: no item exits.

    Returns:
        Counts and shares.
    """
    if threshold is None:
        fakes = items = 0
    elif side == "real":
        fakes, items = (int(v) for v in s.at_or_below(threshold))
    else:
        fakes, items = (int(v) for v in s.at_or_below(np.nextafter(threshold, -1.0)))
        fakes, items = s.n_fake - fakes, s.n - items
    errors = fakes if side == "real" else items - fakes
    accuracy = ratio(items - errors, items)
    return ExitFigures(
        threshold=threshold,
        exited=items,
        errors=errors,
        exit_rate=ratio(items, s.n),
        exit_fnr=ratio(errors, s.n_fake if side == "real" else s.n_real),
        fnr_on_exits=ratio(errors, items),
        exit_accuracy=accuracy,
        coverage=ratio(s.n - items, s.n),
    )


def thresholds_document(policy: CascadePolicy, table: pd.DataFrame, members: Sequence[str]) -> ThresholdsDocument:
    """Build the document from a policy and the predictions that it was chosen on.

    Args:
        policy: The policy.
        table: predictions.parquet.
        members: Stage 1 first, then the experts.

    Returns:
        thresholds.json.
    """
    rows = calibration_rows(table)
    stages = [("stage1", members[0], policy.stage1)]
    stages += [(expert.name, expert.name, expert.exits) for expert in policy.experts]
    if f"p_{STACK}" in rows:
        stages.append(("stage3", STACK, policy.final))
    require(rows, [f"p_{member}" for _, member, _ in stages])
    records = []
    for stage, member, exits in stages:
        s = sweep(rows[f"p_{member}"].to_numpy(np.float64), rows["label"].to_numpy())
        sides: tuple[Side, ...] = ("real",) if stage == "stage1" and exits.fake_above is None else ("real", "fake")
        records += [_record(policy, stage, member, side, exits, s) for side in sides]
    first = records[0]
    return ThresholdsDocument(
        policy_id=policy.policy_id,
        active_exit_policy=policy.active_exit_policy,
        data_fingerprint=policy.data_fingerprint,
        exit_threshold=first.threshold,
        leakage=first.exit_fnr,
        filtration=first.exit_rate,
        stages=records,
        **{
            name: getattr(first, name)
            for name in ("fnr_on_exits", "coverage", "exit_accuracy", "target", "bound", "n", "sweep")
        },
    )


def _record(policy: CascadePolicy, stage: str, member: str, side: Side, exits: Exits, s: Sweep) -> ExitRecord:
    """One exit with its guarantee; an exit set by hand has method `manual` and guarantees nothing."""
    threshold = exits.real_below if side == "real" else exits.fake_above
    guarantee = next((g for g in policy.guarantees if g.stage == stage and g.side == side), None)
    around = [round(1 - c, 6) if side == "real" else c for c in SWEEP_CONFIDENCES]
    return ExitRecord(
        **exit_figures(s, side, threshold).model_dump(),
        stage=stage,
        member=member,
        side=side,
        method=guarantee.method if guarantee else "manual",
        target=guarantee.target if guarantee else None,
        confidence=guarantee.confidence if guarantee else None,
        bound=guarantee.bound if guarantee else None,
        n=guarantee.groups if guarantee else 0,
        feasible=guarantee.feasible if guarantee else threshold is not None,
        note=guarantee.note if guarantee else "",
        sweep=[exit_figures(s, side, t) for t in around],
    )
