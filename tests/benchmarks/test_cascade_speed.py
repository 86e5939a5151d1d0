"""Speed of the cascade's tables: built, asked, searched; against the time that a page can spend. `-m benchmark`.

A row's peer is a time goal; its ratio says how much of it was used (1x: just met). Process-CPU medians. The query's
ratios against scikit-learn and NumPy are in test_science_speed.py."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from core.policies.boards.grid import cascade_grid
from core.policies.boards.joint_counts import joint_auroc, joint_figures, joint_tally
from core.policies.boards.joint_table import build_joint_table
from core.policies.boards.threshold_table import ThresholdTable
from core.policies.search.pareto import Limits, front

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]

MEMBERS = ("filter", "texture", "genconvit", "stack")
COSTS = [2.5, 4.2, 18.4, 0.0]
LIMITS = Limits(false_alarms=0.1, auroc_loss=0.02)


def seconds(of: Callable[[], object], repeats: int = 5) -> float:
    """Median process-CPU seconds of one call."""
    of()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        of()
        times.append(time.process_time() - start)
    return float(np.median(times))


def drawn(n: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Items of a common difficulty under four members, better and better."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n)
    shared = rng.normal(0, 1, n)
    return [1 / (1 + np.exp(-(rng.normal(0, 1.5, n) + shared + s * (y - 0.5)))) for s in (2.0, 3.0, 4.0, 6.0)], y


@pytest.mark.parametrize(("n", "goals"), [(1_000_000, (35, 100, 25)), (10_000_000, (1000, 1000, 250))])
def test_tables(record, n, goals):
    columns, y = drawn(n)

    def within(what: str, taken: float, goal: float) -> None:
        record(f"{what}, {n:.0e}".replace("e+0", "e"), f"goal {goal:g} ms", taken, goal / 1000, 1)
        assert taken < goal / 100, "ten times the goal"

    within("joint table of two members", seconds(lambda: build_joint_table(columns[:2], y, MEMBERS[:2]), 3), goals[0])
    within("joint table of four members", seconds(lambda: build_joint_table(columns, y, MEMBERS), 3), goals[1])
    within("threshold table of one detector", seconds(lambda: ThresholdTable.build(columns[3], y), 3), goals[2])
    joint = build_joint_table(columns, y, MEMBERS)
    cuts = [(60, 200)] * 4
    within(
        "joint query with AUROC",
        seconds(lambda: (joint_figures(joint_tally(joint, cuts), COSTS), joint_auroc(joint, cuts))),
        10,
    )
    grid = cascade_grid(joint)
    within(f"all {grid.size:,} combinations of exits", seconds(lambda: cascade_grid(joint), 3), 1000)
    within("Pareto front of these", seconds(lambda: front(grid, COSTS, "leakage", LIMITS)), 50)
