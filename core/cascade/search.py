"""The cheapest policy that keeps its promises: found over all exits of all stages, certified, explained.

A policy is judged as a whole: a group of fakes is missed when any of its items is called real at any stage, a group of
reals is accused when any of its items is called fake. Both risks are binomial over groups, and a policy is certified
when both "the risk exceeds its limit" are refuted at delta (an intersection-union test: no correction between the two).

Picking the best of many policies by the data that prove it would break the promise. Two ways keep it:

split       Pareto testing (Laufer-Goldshtein et al. 2023): half of the groups pick, from the whole grid, a path of ever
            cheaper policies at ever larger budgets of error; the other half test them in that order and stop at the
            first that fails (fixed-sequence testing). The path is fixed given the first half, so at most delta.
sequences   Paths laid down before any data are seen (the first k stages let go, all at the same level, with or without
            fake exits), each tested in sequence at delta / paths (union bound) on all groups.

Of all certified policies the cheapest may be taken, since all hold at once. AUROC loss and the undecided share are
limits on what was observed, not promises; AUROC loss comes with its interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.stats import binom, norm

from core.cascade.exits import groups_needed, too_few
from core.cascade.grid import Grid, cascade_grid
from core.cascade.joint import JointTable
from core.cascade.pareto import Limits, cheapest
from core.cascade.search_spec import SearchSpec
from core.cascade.types import Exits
from core.evaluate.delong import delong_difference
from core.evaluate.intervals import upper_bound
from core.evaluate.metrics import auroc

BUDGETS = np.linspace(0.0, 1.6, 33)
"""Shares of the limits that the choosing half may spend, in the order of the path."""
DRAWN_BACK = np.linspace(0.1, 0.9, 9)
"""How far (in bins, which are even in log-odds) the exits of the path's first policy are open in those before it."""
LEVELS = 48
"""Levels of a path laid down in advance, even in log-odds from 3e-4 to .45."""

Cuts = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Items:
    """Scores of some items. p: (N, M) calibrated p_fake, the last stage last; y: (N,) 1 = fake; codes: (N,) group."""

    p: np.ndarray
    y: np.ndarray
    codes: np.ndarray

    @classmethod
    def of_frame(cls, frame: pd.DataFrame, members: Sequence[str]) -> Items:
        """From columns p_<member>, label and group."""
        p = np.column_stack([frame[f"p_{name}"].to_numpy(np.float64) for name in members])
        codes = np.unique(frame["group"].astype(str).to_numpy(), return_inverse=True)[1]
        return cls(p, frame["label"].to_numpy(np.int64), codes)

    def of(self, rows: np.ndarray) -> Items:
        """Some of them."""
        return Items(self.p[rows], self.y[rows], self.codes[rows])

    @cached_property
    def groups(self) -> tuple[int, int]:
        """(groups with a real, groups with a fake)."""
        return np.unique(self.codes[self.y == 0]).size, np.unique(self.codes[self.y == 1]).size

    def halves(self, seed: int) -> tuple[Items, Items]:
        """Groups with a fake, and the others, each dealt out evenly at random."""
        rng, first = np.random.default_rng(seed), np.zeros(int(self.codes.max()) + 1, bool)
        fake = np.unique(self.codes[self.y == 1])
        for pool in (fake, np.setdiff1d(self.codes, fake)):
            first[rng.permutation(pool)[: pool.size // 2]] = True
        rows = first[self.codes]
        return self.of(rows), self.of(~rows)


@dataclass(frozen=True)
class Outcome:
    """What a policy did to some items. missed, accused: groups in error. score: (N,) p_fake of the deciding stage."""

    missed: int
    accused: int
    cost: float
    uncertain: float
    score: np.ndarray


def replay(items: Items, exits: Sequence[Exits], costs: Sequence[float]) -> Outcome:
    """Send the items through the exits, a stage after the other."""
    here = np.ones(items.y.size, bool)
    real, fake, score = np.zeros_like(here), np.zeros_like(here), items.p[:, -1].copy()
    spent = 0.0
    for m, exit_ in enumerate(exits):
        p = items.p[:, m]
        spent += costs[m] * float(here.mean())
        down = here & (p <= exit_.real_below) if exit_.real_below is not None else np.zeros_like(here)
        up = here & (p >= exit_.fake_above) if exit_.fake_above is not None else np.zeros_like(here)
        score = np.where(down | up, p, score)
        real, fake, here = real | down, fake | up, here & ~down & ~up
    missed = np.unique(items.codes[real & (items.y == 1)]).size
    accused = np.unique(items.codes[fake & (items.y == 0)]).size
    return Outcome(missed, accused, spent, float(here.mean()), score)


@dataclass(frozen=True)
class Promise:
    """A risk at its limit. errors of groups were seen where it was proved; bound: exact upper bound at `confidence`;
    p_value: of "the risk exceeds the target"."""

    what: str
    target: float
    errors: int
    groups: int
    confidence: float

    @property
    def bound(self) -> float:
        return float(upper_bound(self.errors, self.groups, self.confidence))

    @property
    def p_value(self) -> float:
        return float(binom.cdf(self.errors, self.groups, self.target)) if self.groups else 1.0

    @property
    def kept(self) -> bool:
        return self.p_value <= 1 - self.confidence

    def groups_for(self) -> int:
        """Groups that would certify the target with these errors."""
        low, high = max(self.errors, 1), max(self.errors, 1)
        while binom.cdf(self.errors, high, self.target) > 1 - self.confidence:
            low, high = high, 2 * high
        while low < high:
            middle = (low + high) // 2
            ok = binom.cdf(self.errors, middle, self.target) <= 1 - self.confidence
            low, high = (low, middle) if ok else (middle + 1, high)
        return high

    def sentence(self) -> str:
        """What was seen, what is promised."""
        return (
            f"{self.what}: {self.errors} of {self.groups} groups, so at most {self.bound:.2%} at confidence "
            f"{self.confidence:.3g} (asked: {self.target:.3g})"
        )

    def refusal(self) -> str:
        """Why it is not kept, and what it would take."""
        return (
            f"{self.what} cannot be promised: {self.errors} of {self.groups} groups, a bound of {self.bound:.2%} "
            f"against {self.target:.3g}; so many errors need {self.groups_for()} groups, and there are {self.groups}"
        )


@dataclass(frozen=True)
class Candidate:
    """A policy on a path, where it was proved. reasons: what it fails, empty when certified and within the limits."""

    cuts: Cuts
    cost: float
    leakage: Promise
    false_alarms: Promise
    auroc_loss: float | None
    uncertain: float
    reasons: tuple[str, ...] = ()

    @property
    def certified(self) -> bool:
        return self.leakage.kept and self.false_alarms.kept


@dataclass(frozen=True)
class Found:
    """Result of a search. best: None when no policy can be promised. neighbour: the next cheaper one, which fails.

    auroc_loss: (observed, low, high) of the best where it was proved, 95 % interval by groups, None with one class.
    tested: policies tested. sentences: the explanation, first the result, then what bound it."""

    best: Candidate | None
    neighbour: Candidate | None
    exits: dict[str, Exits]
    speed_up: float | None
    auroc_loss: tuple[float, float, float] | None
    method: str
    tested: int
    grid_size: int
    sentences: list[str] = field(default_factory=list)


def search(frame: pd.DataFrame, members: Sequence[str], costs: Sequence[float], spec: SearchSpec) -> Found:
    """The cheapest certified policy for the rows of `frame` (columns p_<member>, label, group).

    members: in the order asked, the last stage last. costs: a member, in the unit of `spec`. Raises ValueError on no
    items, one member, or costs that do not fit."""
    if len(members) < 2 or len(costs) != len(members) or frame.empty:
        raise ValueError("a search needs items, at least two members, and a cost for each member")
    items = Items.of_frame(frame, members)
    prove, paths, size = _paths(items, members, costs, spec)
    confidence = 1 - (1 - spec.confidence) / len(paths)
    table = JointTable.build(prove.p[:1], prove.y[:1], members)  # only for its edges, which no data moves
    runs = [_test(prove, table, path, costs, spec, confidence) for path in paths]
    good = [c for run in runs for c in run if not c.reasons]
    best = min(good, key=lambda c: (c.cost, c.uncertain)) if good else None
    neighbour = _neighbour(runs, best)
    exits, gain, loss = {}, None, None
    if best is not None:
        chosen = [table.exits(m, *cut) for m, cut in enumerate(best.cuts)]
        exits = dict(zip(members, chosen, strict=True))
        gain = sum(costs[1:]) / best.cost if best.cost else None
        loss = _loss(prove, replay(prove, chosen, costs).score)
    found = Found(best, neighbour, exits, gain, loss, spec.method, sum(map(len, runs)), size)
    return Found(**{**vars(found), "sentences": explain(found, spec, prove, confidence)})


def _paths(
    items: Items, members: Sequence[str], costs: Sequence[float], spec: SearchSpec
) -> tuple[Items, list[list[Cuts]], int]:
    """(items that prove, paths of policies in the order of testing, combinations looked at)."""
    if spec.method == "sequences":
        paths = laid_down(members)
        return items, paths, sum(map(len, paths))
    choose, prove = items.halves(spec.seed)
    if not choose.y.size or not prove.y.size:
        return items, [[]], 0
    grid = cascade_grid(JointTable.build(choose.p, choose.y, members))
    return prove, [pareto_path(grid, costs, spec)], grid.size


def pareto_path(grid: Grid, costs: Sequence[float], spec: SearchSpec) -> list[Cuts]:
    """Ever cheaper policies: the cheapest of the grid at each budget of leakage and false alarms, without repeats.

    What errs nowhere on the half that chose may yet err on the other, so the first of them is preceded by itself with
    all exits drawn back, nearly closed at first."""
    path: list[Cuts] = []
    lowest = np.inf
    for share in BUDGETS:
        limits = Limits(
            leakage=share * spec.max_leakage,
            false_alarms=share * spec.max_false_alarms,
            auroc_loss=spec.max_auroc_loss,
            uncertain=spec.max_uncertain,
        )
        found = cheapest(grid, costs, limits)
        if found is not None and tuple(found[1]) not in path and found[0] <= lowest:
            lowest = found[0]
            path.append(tuple(found[1]))
    if not path:
        return path
    sizes = [int(pair[:, 1].max()) for pair in grid.pairs]
    back = [
        tuple((int(r * share), n - int((n - f) * share)) for (r, f), n in zip(path[0], sizes, strict=True))
        for share in DRAWN_BACK
    ]
    return [*back, *path]


def laid_down(members: Sequence[str]) -> list[list[Cuts]]:
    """Two paths for each k: the first k stages let go as real at one level, rising from path's start to its end; once
    without fake exits, once with fake exits at the mirrored level."""
    table = JointTable.build(np.full((1, len(members)), 0.5), np.zeros(1), members)
    edges = table.edges[0]
    size = edges.size - 1
    wanted = 1 / (1 + np.exp(-np.linspace(-8.0, -0.2, LEVELS)))
    real = np.unique(np.searchsorted(edges, wanted, side="right") - 1)
    real = real[real > 0]
    fake = np.searchsorted(edges, 1 - edges[real], side="left")
    paths: list[list[Cuts]] = []
    for k in range(1, len(members) + 1):
        for two_sided in (False, True):
            rest = ((0, size),) * (len(members) - k)
            pairs = [(int(r), int(f) if two_sided else size) for r, f in zip(real, fake, strict=True)]
            paths.append([(pair,) * k + rest for pair in pairs])
    return paths


def _test(
    items: Items, table: JointTable, path: Sequence[Cuts], costs: Sequence[float], spec: SearchSpec, confidence: float
) -> list[Candidate]:
    """Fixed-sequence testing: step on until the first policy that is not certified; it is the last of the list."""
    tested = []
    whole = auroc(items.p[:, -1], items.y) if 0 < items.y.sum() < items.y.size else None
    for cuts in path:
        done = replay(items, [table.exits(m, *cut) for m, cut in enumerate(cuts)], costs)
        here = auroc(done.score, items.y) if whole is not None else None
        loss = None if whole is None or here is None else whole - here
        leak = Promise("leakage", spec.max_leakage, done.missed, items.groups[1], confidence)
        alarm = Promise("false alarms", spec.max_false_alarms, done.accused, items.groups[0], confidence)
        reasons = tuple(promise.refusal() for promise in (leak, alarm) if not promise.kept)
        if loss is not None and loss > spec.max_auroc_loss:
            reasons += (f"AUROC loss is {loss:.4f} (asked: at most {spec.max_auroc_loss:g})",)
        if done.uncertain > spec.max_uncertain:
            reasons += (f"{done.uncertain:.1%} stay undecided (asked: at most {spec.max_uncertain:.1%})",)
        tested.append(Candidate(cuts, done.cost, leak, alarm, loss, done.uncertain, reasons))
        if not tested[-1].certified:
            break
    return tested


def _neighbour(runs: Sequence[Sequence[Candidate]], best: Candidate | None) -> Candidate | None:
    """The dearest policy that fails and is cheaper than the best: what would have come next. Without a best: the
    cheapest of those refused for the fewest reasons, one that no test lets pass before one that only misses a limit."""
    failing = [c for run in runs for c in run if c.reasons and (best is None or c.cost < best.cost)]
    if best is None:
        return min(failing, key=lambda c: (c.certified, len(c.reasons), c.cost), default=None)
    return max(failing, key=lambda c: c.cost, default=None)


def _loss(items: Items, score: np.ndarray) -> tuple[float, float, float] | None:
    found = delong_difference(items.p[:, -1], score, items.y, items.codes)
    if found is None:
        return None
    half = float(norm.ppf(0.975)) * found[1]
    return found[0], found[0] - half, found[0] + half


def explain(found: Found, spec: SearchSpec, prove: Items, confidence: float) -> list[str]:
    """The result in sentences: what it is, what it promises, what stopped it from being cheaper."""
    unit = "GFLOP" if spec.unit == "gflop" else "s"
    how = {
        "split": f"half of the groups chose among {found.grid_size:,} combinations of exits, the other half proved "
        f"{found.tested} of them in a fixed order",
        "sequences": f"{found.tested} policies of paths laid down in advance were tested on all groups, each path at "
        f"confidence {confidence:.4g}",
    }[spec.method]
    if found.best is None:
        return [_why_none(found, spec, prove, confidence), f"How it was searched: {how}."]
    best = found.best
    gain = "" if found.speed_up is None else f", {found.speed_up:.2f} times as fast as all experts always"
    said = [
        f"Expected cost {best.cost:.3g} {unit} an item{gain}; {best.uncertain:.1%} stay undecided.",
        f"{best.leakage.sentence()}; {best.false_alarms.sentence()}.".capitalize(),
    ]
    if found.auroc_loss is not None:
        loss, low, high = found.auroc_loss
        said.append(f"AUROC loss {loss:.4f} (95 %: {low:.4f} to {high:.4f}; asked: at most {spec.max_auroc_loss:g}).")
    if found.neighbour is None:
        said.append("What binds is the path's end: no cheaper policy was left to test.")
    else:
        cheaper = found.neighbour
        said.append(f"The next cheaper policy ({cheaper.cost:.3g} {unit}) is refused: {'; '.join(cheaper.reasons)}.")
    return [*said, f"How it was searched: {how}."]


def _why_none(found: Found, spec: SearchSpec, prove: Items, confidence: float) -> str:
    reals, fakes = prove.groups
    for groups, target, who in ((fakes, spec.max_leakage, "fakes"), (reals, spec.max_false_alarms, "reals")):
        if groups < groups_needed(target, confidence):
            split = " (half of them choose; `sequences` uses all)" if spec.method == "split" else ""
            return f"No policy can be promised. Of {who}, {too_few(groups, target, confidence)}{split}."
    if found.neighbour is None:
        return (
            f"No combination of exits loses at most {spec.max_auroc_loss:g} AUROC and leaves at most "
            f"{spec.max_uncertain:.0%} undecided without exceeding the limits on errors."
        )
    return f"No policy can be promised. The nearest one fails: {'; '.join(found.neighbour.reasons)}."
