"""Search the cheapest policy that keeps its guarantees: over all exits of all stages, certified, explained.

A policy is judged as a whole: a group of fakes is leaked when any of its items is called real at any stage, a group of
reals is a false alarm when any of its items is called fake. Both risks are binomial over groups, and a policy is
certified when both "the risk exceeds its limit" are refuted at delta (an intersection-union test: no correction between
the two).

Picking the best of many policies by the data that prove it would break the guarantee. Two ways keep it:

split       Pareto testing (Laufer-Goldshtein et al. 2023): half of the groups pick, from the whole grid, a path of ever
            cheaper policies at ever larger budgets of error; the other half test them in that order and stop at the
            first that fails (fixed-sequence testing). The path is fixed given the first half, so at most delta.
sequences   Paths laid down before any data are seen (exits of the first k stages open, all at the same level, with or
            without fake exits), each tested in sequence at delta / paths (union bound) on all groups.

Of all certified policies the cheapest may be taken, since all hold at once. AUROC loss and the undecided share are
limits on what was observed, not guarantees; AUROC loss comes with its interval.

What the guarantee takes as given: the scores. A calibrator fitted on all of val_calib has seen the proving half too, so
that the axes on which exits lie are not quite fixed before it. It keeps the order of items, and few parameters move an
axis little: over 60 to 300 draws a world (160 groups, correlation 0 and .6, isotonic fitted on all of them) guarantees
broke no more often than delta allows; a test repeats it. Nor does the guarantee survive choice among searches: whoever
tries seeds, limits or methods until one passes must share delta among the tries. And stage 3's scores are out-of-fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np
import pandas as pd

from core.documents.policy import Exits
from core.metrics.delong import delong_difference
from core.policies.binomial_test import BinomialTest
from core.policies.boards.binning import default_edges, edge_exits
from core.policies.boards.grid import Grid, cascade_grid
from core.policies.boards.joint_table import FINE_BINS, build_joint_table
from core.policies.guarantees import groups_needed, too_few
from core.policies.replay.batch import REPLAY_CELLS, Cuts, Items, aurocs, binned, replay_cuts
from core.policies.search.pareto import Limits, allowed, cheapest_at
from core.policies.search_spec import SearchSpec
from core.policies.table import OUT_OF_FOLD, STACK

BUDGET_SHARES = np.linspace(0.0, 1.6, 33)
"""Shares of the limits that the choosing half may spend, in the order of the path."""
DRAWN_BACK_SHARES = np.linspace(0.1, 0.9, 9)
"""How far (in bins, which are even in log-odds) the exits of the path's first policy are open in those before it."""
PATH_LEVELS = 48
"""Levels of a path laid down in advance, even in log-odds from 3e-4 to .45."""


Loss = tuple[float, float | None, float | None]


@dataclass(frozen=True)
class PolicyCandidate:
    """A policy on a path, where it was tested.

    Attributes:
        cuts: Its exits, a pair of fine-edge indices a member.
        cost: Mean cost of an item.
        leakage: Test of the limit on leaked groups.
        false_alarms: Test of the limit on false alarms.
        auroc_loss: AUROC lost as observed; None with one class.
        uncertain: Share of items without a verdict.
        spec: What was asked.
    """

    cuts: Cuts
    cost: float
    leakage: BinomialTest
    false_alarms: BinomialTest
    auroc_loss: float | None
    uncertain: float
    spec: SearchSpec

    @property
    def certified(self) -> bool:
        return self.leakage.kept and self.false_alarms.kept

    @property
    def loses_much(self) -> bool:
        return self.auroc_loss is not None and self.auroc_loss > self.spec.max_auroc_loss

    @property
    def decides_little(self) -> bool:
        return self.uncertain > self.spec.max_uncertain

    @property
    def good(self) -> bool:
        """Certified and within the limits on what was observed."""
        return self.certified and not self.loses_much and not self.decides_little

    @cached_property
    def reasons(self) -> list[str]:
        """The limits that it fails, a clause each; empty when it is good."""
        reasons = [test.refusal() for test in (self.leakage, self.false_alarms) if not test.kept]
        if self.loses_much:
            reasons.append(f"AUROC loss is {self.auroc_loss:.4f} (asked: at most {self.spec.max_auroc_loss:g})")
        if self.decides_little:
            reasons.append(f"{self.uncertain:.1%} stay undecided (asked: at most {self.spec.max_uncertain:.1%})")
        return reasons


@dataclass(frozen=True)
class SearchResult:
    """Result of a search.

    Attributes:
        best: None when no policy can be guaranteed.
        neighbour: The next cheaper policy, which fails.
        exits: Of the best, by member.
        speed_up: Of the best, against all experts on every item.
        auroc_loss: (observed, low, high) of the best where it was proved, 95 % interval by groups, without limits where
            groups are too few; None with one class.
        method: split or sequences.
        tested: Policies tested.
        grid_size: Combinations looked at.
        decided: The smallest undecided share of any policy that keeps the other limits, on the half that chose or, once
            something was certified, where it was proved; None when there is none.
        sentences: The explanation, first the result, then what stopped it from being cheaper.
    """

    best: PolicyCandidate | None
    neighbour: PolicyCandidate | None
    exits: dict[str, Exits]
    speed_up: float | None
    auroc_loss: Loss | None
    method: str
    tested: int
    grid_size: int
    decided: float | None = None
    sentences: list[str] = field(default_factory=list)


def search(frame: pd.DataFrame, members: Sequence[str], costs: Sequence[float], spec: SearchSpec) -> SearchResult:
    """Search the cheapest certified policy.

    Args:
        frame: Columns p_<member>, label and group.
        members: Names in the order asked, the last stage last.
        costs: A cost for each member, in the unit of `spec`.
        spec: Limits, confidence, method.

    Returns:
        The policy and its explanation, or why there is none.

    Raises:
        ValueError: There are no items, there is one member only, or the costs do not fit.
    """
    if len(members) < 2 or len(costs) != len(members) or frame.empty:
        raise ValueError("a search needs items, at least two members, and a cost for each member")
    items = Items.of_frame(frame, members)
    prove, paths, size, least = _paths(items, members, costs, spec)
    confidence = 1 - (1 - spec.confidence) / len(paths)
    edges = default_edges(FINE_BINS)
    bins = binned(prove, edges)
    runs = [_test(prove, bins, path, costs, spec, confidence) for path in paths]
    best = min((c for run in runs for c in run if c.good), key=lambda c: (c.cost, c.uncertain), default=None)
    sure = [c.uncertain for run in runs for c in run if c.certified and not c.loses_much]
    decided = min(sure, default=least)
    found = SearchResult(best, _neighbour(runs, best), {}, None, None, spec.method, sum(map(len, runs)), size, decided)
    if best is not None:
        found = replace(
            found,
            exits={name: edge_exits(edges, *cut) for name, cut in zip(members, best.cuts, strict=True)},
            speed_up=sum(costs[1:]) / best.cost if best.cost else None,
            auroc_loss=_loss(prove, replay_cuts(prove, bins, [best.cuts], costs).score[0]),
        )
    sentences = explain(found, spec, prove.groups, confidence)
    return replace(found, sentences=[*sentences, *([f"Stage 3's {OUT_OF_FOLD}."] if STACK in members and best else [])])


def _paths(
    items: Items, members: Sequence[str], costs: Sequence[float], spec: SearchSpec
) -> tuple[Items, list[list[Cuts]], int, float | None]:
    """(items that prove, paths in the order of testing, combinations looked at, smallest undecided share allowed)."""
    if spec.method == "sequences":
        paths = laid_down(len(members))
        return items, paths, sum(map(len, paths)), None
    choose, prove = items.halves(spec.seed)
    if not choose.y.size or not prove.y.size:
        return items, [[]], 0, None
    grid = cascade_grid(build_joint_table(choose.p.T, choose.y, members))
    within = allowed(grid, replace(limits_of(spec), uncertain=1.0))
    least = float(grid.undecided[within].min() / grid.n) if within.any() else None
    return prove, [pareto_path(grid, costs, spec)], grid.size, least


def limits_of(spec: SearchSpec) -> Limits:
    """Return what is asked as limits on what is observed.

    Args:
        spec: What is asked.

    Returns:
        The limits.
    """
    return Limits(spec.max_leakage, spec.max_false_alarms, spec.max_auroc_loss, spec.max_uncertain)


def pareto_path(grid: Grid, costs: Sequence[float], spec: SearchSpec) -> list[Cuts]:
    """List ever cheaper policies: the cheapest of the grid at each budget of errors, without repeats.

    A policy that errs nowhere on the half that chose may yet err on the other. So the first of them is preceded by
    itself with all exits drawn back, nearly closed at first.

    Args:
        grid: All combinations on the half that chooses.
        costs: Cost of an item at each member.
        spec: Limits.

    Returns:
        Policies in the order of testing.
    """
    found = cheapest_at(grid, costs, limits_of(spec), BUDGET_SHARES)
    path: list[Cuts] = list(dict.fromkeys(tuple(one[1]) for one in found if one is not None))
    if not path:
        return path
    sizes = [int(pair[:, 1].max()) for pair in grid.pairs]
    back = [
        tuple((int(r * share), n - int((n - f) * share)) for (r, f), n in zip(path[0], sizes, strict=True))
        for share in DRAWN_BACK_SHARES
    ]
    return [*back, *path]


@lru_cache(maxsize=8)
def laid_down(members: int) -> list[list[Cuts]]:
    """List paths that are fixed before any data are seen: two for each k, over the exits of the first k stages.

    All exits of a path stand at one level, which rises from the path's start to its end; once without fake exits, once
    with fake exits at the mirrored level.

    Args:
        members: Number of stages.

    Returns:
        2 x `members` paths.
    """
    edges = default_edges(FINE_BINS)
    size = edges.size - 1
    wanted = 1 / (1 + np.exp(-np.linspace(-8.0, -0.2, PATH_LEVELS)))
    real = np.unique(np.searchsorted(edges, wanted, side="right") - 1)
    real = real[real > 0]
    fake = np.searchsorted(edges, 1 - edges[real], side="left")
    paths: list[list[Cuts]] = []
    for k in range(1, members + 1):
        for two_sided in (False, True):
            rest = ((0, size),) * (members - k)
            pairs = [(int(r), int(f) if two_sided else size) for r, f in zip(real, fake, strict=True)]
            paths.append([(pair,) * k + rest for pair in pairs])
    return paths


def _test(
    items: Items, bins: np.ndarray, path: Sequence[Cuts], costs: Sequence[float], spec: SearchSpec, confidence: float
) -> list[PolicyCandidate]:
    """Fixed-sequence testing: step on until the first policy that is not certified; it is the last of the list."""
    reals, fakes = items.groups
    both = 0 < items.y.sum() < items.y.size
    whole = float(aurocs(items.p[None, :, -1], items.y)[0]) if both else 0.0
    tested: list[PolicyCandidate] = []
    step = max(1, REPLAY_CELLS // max(items.y.size, 1))
    for start in range(0, len(path), step):
        part = path[start : start + step]
        done = replay_cuts(items, bins, part, costs)
        leaks = [BinomialTest("leakage", spec.max_leakage, int(k), fakes, confidence) for k in done.leaked_groups]
        alarms = [
            BinomialTest("false alarms", spec.max_false_alarms, int(k), reals, confidence)
            for k in done.false_alarm_groups
        ]
        failed = next((i for i in range(len(part)) if not (leaks[i].kept and alarms[i].kept)), None)
        reached = len(part) if failed is None else failed + 1
        areas = aurocs(done.score[:reached], items.y) if both else np.zeros(reached)
        tested += [
            PolicyCandidate(
                part[i], float(done.cost[i]), leaks[i], alarms[i], whole - float(areas[i]) if both else None,
                float(done.uncertain[i]), spec,
            )
            for i in range(reached)
        ]  # fmt: skip
        if failed is not None:
            break
    return tested


def _neighbour(runs: Sequence[Sequence[PolicyCandidate]], best: PolicyCandidate | None) -> PolicyCandidate | None:
    """The dearest policy that fails and is cheaper than the best: what would have come next.

    Without a best: the cheapest of those refused for the fewest reasons, one that no test lets pass before one that
    only misses a limit.
    """
    failing = [c for run in runs for c in run if not c.good and (best is None or c.cost < best.cost)]
    if best is None:
        return min(failing, key=lambda c: (c.certified, len(c.reasons), c.cost), default=None)
    return max(failing, key=lambda c: c.cost, default=None)


def _loss(items: Items, score: np.ndarray) -> Loss | None:
    gap = delong_difference(items.p[:, -1], score, items.y, items.codes)
    if gap is None:
        return None
    if gap.half is None:
        return gap.value, None, None
    return gap.value, gap.value - gap.half, gap.value + gap.half


def explain(found: SearchResult, spec: SearchSpec, groups: tuple[int, int], confidence: float) -> list[str]:
    """Explain the result in sentences: what it is, what it guarantees, what stopped it from being cheaper.

    Args:
        found: Result of the search.
        spec: What was asked.
        groups: (with a real, with a fake) where it was proved.
        confidence: Of each path.

    Returns:
        Sentences.
    """
    unit = "GFLOP" if spec.unit == "gflop" else "s"
    how = {
        "split": f"half of the groups chose among {found.grid_size:,} combinations of exits, the other half tested "
        f"{found.tested} of them in a fixed order",
        "sequences": f"{found.tested} policies of paths fixed in advance were tested on all groups, each path at "
        f"confidence {confidence:.4g}",
    }[spec.method]
    if found.best is None:
        return [_why_none(found, spec, groups, confidence), f"How it was searched: {how}."]
    best = found.best
    gain = "" if found.speed_up is None else f", {found.speed_up:.2f} times as fast as all experts on every item"
    sentences = [
        f"Expected cost {best.cost:.3g} {unit} an item{gain}; {best.uncertain:.1%} stay undecided.",
        f"{best.leakage.sentence()}; {best.false_alarms.sentence()}.".capitalize(),
    ]
    if found.auroc_loss is not None:
        loss, low, high = found.auroc_loss
        sure = "no interval, too few groups" if low is None or high is None else f"95 %: {low:.4f} to {high:.4f}"
        sentences.append(f"AUROC loss {loss:.4f} ({sure}; asked: at most {spec.max_auroc_loss:g}).")
    if found.neighbour is None:
        sentences.append("No cheaper policy was left to test: the path ends here.")
    else:
        cheaper = found.neighbour
        sentences.append(
            f"The next cheaper policy ({cheaper.cost:.3g} {unit}) is refused: {'; '.join(cheaper.reasons)}."
        )
    return [*sentences, f"How it was searched: {how}."]


def _why_none(found: SearchResult, spec: SearchSpec, proving: tuple[int, int], confidence: float) -> str:
    reals, fakes = proving
    for groups, target, who in ((fakes, spec.max_leakage, "fakes"), (reals, spec.max_false_alarms, "reals")):
        if groups < groups_needed(target, confidence):
            split = " (half of them choose; `sequences` uses all)" if spec.method == "split" else ""
            return f"No policy can be guaranteed. Of {who}, {too_few(groups, target, confidence)}{split}."
    if found.neighbour is None:
        return (
            f"No combination of exits loses at most {spec.max_auroc_loss:g} AUROC and leaves at most "
            f"{spec.max_uncertain:.0%} undecided without exceeding the limits on errors.{_feasible(found, spec)}"
        )
    why = "; ".join(found.neighbour.reasons)
    return f"No policy can be guaranteed. The nearest one fails: {why}.{_feasible(found, spec)}"


def _feasible(found: SearchResult, spec: SearchSpec) -> str:
    """The undecided share that could be asked for, where the one asked is too small."""
    if found.decided is None or found.decided <= spec.max_uncertain:
        return ""
    return (
        f" Within the other limits at least {found.decided:.1%} stay undecided here: allow more than that, or "
        "allow more errors."
    )
