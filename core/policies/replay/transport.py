"""Show thresholds that were frozen on one data set on others, and AUROC across data sets.

Every rate has its numerator, its denominator and a 95 % interval over groups (`core.policies.replay.rates`); every
AUROC one by DeLong. Where there are too few groups there is none, and a note says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.documents.policy import CascadePolicy
from core.metrics.bootstrap import group_codes
from core.metrics.delong import delong
from core.metrics.metrics import auroc
from core.policies.choose import STACK, require
from core.policies.replay.rates import Rate, group_rate
from core.policies.replay.simulate import simulate

RATES = ("exit_rate", "leakage", "false_alarms", "precision", "uncertain", "found", "spared")


@dataclass(frozen=True)
class Place:
    """One data set under frozen thresholds.

    Attributes:
        name: Name of the data set; "all" for all together.
        n: Items.
        n_fake: Fakes.
        groups: Groups.
        rates: By the names of RATES. exit_rate: released as real by stage 1 / all (filtration). leakage: fakes called
            real / fakes. false_alarms: reals called fake / reals. precision: fakes / all called fake, at this data
            set's own share of fakes. uncertain: no verdict / all. found: fakes called fake / fakes. spared: reals
            called real / reals.
    """

    name: str
    n: int
    n_fake: int
    groups: int
    rates: Mapping[str, Rate]


def transport(
    policy: CascadePolicy, table: pd.DataFrame, *, stage1: str | None = None, by: str = "dataset", draws: int = 1000,
    seed: int = 0,
) -> list[Place]:  # fmt: skip
    """Replay a frozen policy on every data set, the largest first, and on all together.

    Args:
        policy: The policy.
        table: Columns p_<member>, label, group and `by`.
        stage1: Name of the stage-1 member; None: found in the table.
        by: Column of the data set.
        draws: Bootstrap draws of whole groups.
        seed: Seed of the draws.

    Returns:
        One entry a data set, then "all" where there are several.

    Raises:
        ValueError: A column is missing, or there are no items.
    """
    require(table, ["label", "group", by])
    if table.empty:
        raise ValueError("there are no items to show the thresholds on")
    way = simulate(table, policy, stage1)
    of = table[by].astype(str).to_numpy()
    names = list(pd.Series(of).value_counts().index)
    places = [_place(str(name), table, way, of == name, draws, seed) for name in names]
    return [*places, _place("all", table, way, np.ones(len(table), bool), draws, seed)] if len(names) > 1 else places


def _place(name: str, table: pd.DataFrame, way: pd.DataFrame, rows: np.ndarray, draws: int, seed: int) -> Place:
    fake = table["label"].to_numpy()[rows] == 1
    verdict = way["verdict"].to_numpy()[rows]
    as_real, as_fake = verdict == "real", verdict == "fake"
    early = as_real & (way["decided_by"].to_numpy()[rows] == "stage1")
    every = np.ones(fake.size, bool)
    pairs = {
        "exit_rate": (early, every),
        "leakage": (as_real, fake),
        "false_alarms": (as_fake, ~fake),
        "precision": (fake, as_fake),
        "uncertain": (~as_real & ~as_fake, every),
        "found": (as_fake, fake),
        "spared": (as_real, ~fake),
    }
    codes, groups = group_codes(table["group"].astype(str).to_numpy()[rows], fake.size)
    rates = {
        rate: group_rate(hit, among, codes, groups, draws, np.random.default_rng(seed))
        for rate, (hit, among) in pairs.items()
    }
    return Place(name, fake.size, int(fake.sum()), groups, rates)


def place_rows(places: Sequence[Place]) -> pd.DataFrame:
    """List the rates as a table.

    Args:
        places: Results of `transport`.

    Returns:
        One row a place and rate: dataset, rate, value, low, high, numerator, denominator, groups, note.
    """
    return pd.DataFrame(
        [{"dataset": place.name, "rate": name, **vars(rate)} for place in places for name, rate in place.rates.items()]
    )


@dataclass(frozen=True)
class Cell:
    """AUROC of the fakes of one source against the reals of another.

    Attributes:
        fakes: Source of the fakes.
        reals: Source of the reals.
        auroc: The AUROC.
        low: Lower end of the 95 % interval; None with too few groups.
        high: Upper end.
        n_fake: Fakes.
        n_real: Reals.
        groups: Groups of both.
        note: Why there is no interval, or how far to trust it.
    """

    fakes: str
    reals: str
    auroc: float
    low: float | None
    high: float | None
    n_fake: int
    n_real: int
    groups: int
    note: str = ""


def auroc_matrix(table: pd.DataFrame, score: str, by: str = "dataset") -> list[Cell]:
    """Compute the AUROC of every source of fakes against every source of reals.

    Args:
        table: Columns `score`, label, group and `by`.
        score: Column of the score.
        by: Column of the source.

    Returns:
        One cell a pair of sources.
    """
    require(table, [score, "label", "group", by])
    s, y = table[score].to_numpy(np.float64), table["label"].to_numpy()
    of, groups = table[by].astype(str).to_numpy(), pd.factorize(table["group"].astype(str))[0]
    cells = []
    for fakes in np.unique(of[y == 1]):
        for reals in np.unique(of[y == 0]):
            rows = ((of == fakes) & (y == 1)) | ((of == reals) & (y == 0))
            area, low, high, note = auroc_interval(s[rows], y[rows], groups[rows])
            n_fake = int(y[rows].sum())
            n_real, own = int(rows.sum()) - n_fake, np.unique(groups[rows]).size
            cells.append(Cell(str(fakes), str(reals), area, low, high, n_fake, n_real, own, note))
    return cells


def auroc_interval(s: np.ndarray, y: np.ndarray, groups: np.ndarray) -> tuple[float, float | None, float | None, str]:
    """Compute an AUROC with DeLong's 95 % interval by groups, the exact one at 0 and 1.

    Args:
        s: (N,) scores.
        y: (N,), 1 = fake.
        groups: (N,) groups.

    Returns:
        (AUROC, low, high, note); without limits where a class has too few groups, and the note says so.

    Raises:
        ValueError: There is one class only.
    """
    test = delong(s, y, groups=groups)
    if test is not None:
        return test.auroc, test.low, test.high, test.note
    area = auroc(s, y)
    if area is None:
        raise ValueError("an AUROC needs reals and fakes")
    return area, None, None, "No interval: a class has only one group."


def last_score(table: pd.DataFrame) -> str:
    """Name the column that ranks best by construction: p_stack, else that of the last member.

    Args:
        table: Predictions.

    Returns:
        The column.

    Raises:
        ValueError: There is no p_<member> column.
    """
    columns = [c for c in table.columns if c.startswith("p_")]
    if not columns:
        raise ValueError("the predictions hold no p_<member> column")
    return f"p_{STACK}" if f"p_{STACK}" in columns else columns[-1]
