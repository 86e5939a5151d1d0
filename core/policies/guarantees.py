"""Choose exits with a guarantee: thresholds whose error rate is bounded with a stated confidence, counted in groups.

Faces of one video or identity fail together, so the unit that counts is the group. A group of fakes is *leaked* by a
real exit when any of its fake items exits there; a group of reals is a *false alarm* of a fake exit when any of its
real items exits there. That counts more errors than items would (conservative), and each group is one independent
trial.

A group leaks at threshold t exactly when its lowest p_fake is at most t, so the count of errors is a step function of
t that never falls: `group_extremes` holds all that is needed about one side. Items that an earlier stage released still
count here as if they had come through. The bound of a stage therefore holds whatever the earlier thresholds are, though
they were chosen on the same data. It bounds a share of *all* groups of the class; the leakage of a whole cascade is at
most the sum over its stages, each at its own confidence.

Thresholds are on calibrated p_fake, and the calibrator may have been fitted on the same items. That is harmless: it
keeps the order of items, and the error rate only grows with the threshold. So an exit that errs too often though few
errors were seen means few errors at the fixed raw score where the rate meets the target, which the binomial bounds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom

from core.metrics.intervals import group_codes, upper_bound
from core.registry import Registry

Side = Literal["real", "fake"]

GRID = 1.0 / (1.0 + np.exp(-np.linspace(-14.0, 0.0, 1401)[:-1]))
"""(1400,) candidate errors of confidence, ascending: p_fake at or below which a face may exit as real, 8e-7 to .4975,
even steps of .01 in log-odds. Fixed before any data is seen. The fake side uses 1 - GRID."""

NAMED = np.array([0.01, 0.02, 0.05, 0.10])
"""The four customary exits (confidence .99 .98 .95 .90) for the method that takes thresholds as given."""


@dataclass(frozen=True)
class GroupScores:
    """One side of one stage, for the class that must not exit there.

    Attributes:
        extreme: (G,) distance of each group's most exposed item from this side's end: p_fake for the real exit,
            1 - p_fake for the fake exit.
        items: (N,) the same, item by item (for the observed rate).
    """

    extreme: np.ndarray
    items: np.ndarray

    @property
    def groups(self) -> int:
        return self.extreme.size

    def errors(self, at: ArrayLike) -> np.ndarray:
        """Count the groups in error when everything within a distance exits.

        Args:
            at: Distances from the side's end, any shape.

        Returns:
            Counts, in the shape of `at`.
        """
        return np.searchsorted(np.sort(self.extreme), np.asarray(at, np.float64), side="right")

    def item_rate(self, at: ArrayLike) -> np.ndarray:
        """Compute the share of items in error when everything within a distance exits.

        Args:
            at: Distances from the side's end, any shape.

        Returns:
            Shares in the shape of `at`; NaN without items.
        """
        if not self.items.size:
            return np.full(np.shape(at), np.nan)
        return np.searchsorted(np.sort(self.items), np.asarray(at, np.float64), side="right") / self.items.size


def group_extremes(p_fake: ArrayLike, labels: ArrayLike, groups: ArrayLike, side: Side) -> GroupScores:
    """Collect the scores of the class that must not take `side`: fakes for the real exit, reals for the fake exit.

    A group with items of both classes counts on either side with its items of that class.

    Args:
        p_fake: (N,) calibrated, in [0, 1].
        labels: (N,), 1 = fake.
        groups: (N,) names or codes.
        side: real or fake.

    Returns:
        Distances by group and by item.
    """
    p, y = np.asarray(p_fake, np.float64), np.asarray(labels)
    wrong = y == (1 if side == "real" else 0)
    distance = p[wrong] if side == "real" else 1.0 - p[wrong]
    codes, n = group_codes(np.asarray(groups)[wrong], distance.size)
    extreme = np.full(n, np.inf)
    np.minimum.at(extreme, codes, distance)
    return GroupScores(extreme, distance)


@dataclass(frozen=True)
class Choice:
    """The exit that a method chose for one side.

    Attributes:
        at: Distance from the side's end within which items may exit; None: no such exit can be guaranteed.
        bound: Upper confidence bound on the share of groups in error there; None for a method without one.
        note: Why, in a sentence.
    """

    at: float | None
    bound: float | None
    note: str = ""


class ExitPolicy(Protocol):
    """A method that chooses an exit.

    Attributes:
        name: Key in the registry.
        title: As people read it.
        has_guarantee: Whether its bound holds with the confidence asked for.
        guarantee: What it guarantees, in words that continue "This method guarantees: ".
    """

    name: str
    title: str
    has_guarantee: bool
    guarantee: str

    def choose(self, scores: GroupScores, target: float, confidence: float) -> Choice:
        """Choose the most generous exit whose error rate is at most `target` by this method.

        Args:
            scores: The class that must not exit on this side.
            target: Highest share of groups in error, in (0, 1).
            confidence: 1 - delta, in (.5, 1).

        Returns:
            The exit, or why there is none.
        """


exit_policies: Registry[ExitPolicy] = Registry("exit policy")


def groups_needed(target: float, confidence: float) -> int:
    """Compute how many groups certify `target` when none of them errs: (1 - target)^n <= 1 - confidence.

    2 % at 95 % needs 149, 5 % needs 59, 1 % needs 299.

    Args:
        target: Highest share of groups in error, in (0, 1).
        confidence: 1 - delta, in (0, 1).

    Returns:
        n.
    """
    return math.ceil(math.log1p(-confidence) / math.log1p(-target) - 1e-12)


def too_few(groups: int, target: float, confidence: float) -> str:
    """Say how many groups are missing.

    Args:
        groups: Groups at hand.
        target: Highest share of groups in error.
        confidence: 1 - delta.

    Returns:
        One clause.
    """
    return (
        f"{groups} independent groups cannot guarantee {target:.3g} at confidence {confidence:.3g}: at least "
        f"{groups_needed(target, confidence)} are needed even if none of them errs"
    )


def _unsafe(groups: int, errors: int, target: float) -> str:
    return (
        f"even at the strictest exit {errors} of {groups} groups are in error, too many to guarantee {target:.3g}: "
        "these scores do not separate the classes well enough"
    )


def _over(groups: int, errors: int, bound: float, target: float, confidence: float) -> str:
    return (
        f"{errors} of {groups} groups err at this threshold: at confidence {confidence:.3g} the rate may be "
        f"{bound:.3g}, more than {target:.3g}; choose a stricter threshold for other data, or a higher target"
    )


class Observed:
    """Take the most generous exit whose observed item error rate is at most the target.

    It guarantees nothing: the true rate exceeds the target in about half of all draws.
    """

    name = "observed"
    title = "Observed rate"
    has_guarantee = False
    guarantee = "nothing: the error rate seen on these items was under the target"

    def choose(self, scores: GroupScores, target: float, confidence: float) -> Choice:
        """Choose an exit as the class says.

        Args:
            scores: The class that must not exit on this side.
            target: Highest share of items in error, in (0, 1).
            confidence: Not used.

        Returns:
            The exit, or why there is none.
        """
        if not scores.items.size:
            return Choice(None, None, "no item of this class: the error rate is unknown")
        fine = np.flatnonzero(scores.item_rate(GRID) <= target)
        if not fine.size:
            return Choice(None, None, f"no exit keeps the observed error rate at or under {target:.3g}")
        return Choice(float(GRID[fine[-1]]), None, "observed on these items; no guarantee for others")


class FixedClopperPearson:
    """Take thresholds fixed in advance, each with its exact upper bound (Clopper and Pearson 1934).

    They share delta (Bonferroni), and the most generous one whose bound meets the target is taken. By default the
    customary ones (NAMED); a single threshold that was chosen beforehand has all of delta to itself.
    """

    name = "clopper_pearson"
    title = "Fixed in advance (Clopper-Pearson)"
    has_guarantee = True
    guarantee = (
        "with the stated confidence, of thresholds fixed in advance, the share of groups in error is at most the target"
    )

    def __init__(self, thresholds: np.ndarray = NAMED) -> None:
        """Fix the thresholds.

        Args:
            thresholds: (K,) distances from the side's end, ascending, in (0, 1).
        """
        self.thresholds = np.asarray(thresholds, np.float64)

    def choose(self, scores: GroupScores, target: float, confidence: float) -> Choice:
        """Choose an exit as the class says.

        Args:
            scores: The class that must not exit on this side.
            target: Highest share of groups in error, in (0, 1).
            confidence: 1 - delta.

        Returns:
            The exit, or why there is none.
        """
        fixed = self.thresholds
        shared = 1 - (1 - confidence) / fixed.size
        errors = scores.errors(fixed)
        bounds = upper_bound(errors, scores.groups, shared)
        fine = np.flatnonzero(bounds <= target)
        if fine.size:
            note = f"best of {fixed.size} thresholds fixed in advance, each at confidence {shared:.4g}"
            if fixed.size == 1:
                note = f"the threshold was fixed in advance; {int(errors[0])} of {scores.groups} groups err there"
            return Choice(float(fixed[fine[-1]]), float(bounds[fine[-1]]), note)
        if scores.groups < groups_needed(target, shared):
            return Choice(None, None, too_few(scores.groups, target, shared))
        if fixed.size == 1:
            bound = float(bounds[0])
            return Choice(None, None, _over(scores.groups, int(errors[0]), bound, target, confidence))
        return Choice(None, None, _unsafe(scores.groups, int(errors[0]), target))


class LearnThenTest:
    """Test exits in a fixed sequence from the strictest to the most generous (Angelopoulos et al. 2021).

    Step on while the exact binomial p-value of "the error rate exceeds the target" is at most delta; stop at the first
    above it.
    """

    name = "learn_then_test"
    title = "Learn then test"
    has_guarantee = True
    guarantee = (
        "with the stated confidence, the share of groups in error at the exit that it chooses is at most the target"
    )

    def choose(self, scores: GroupScores, target: float, confidence: float) -> Choice:
        """Choose an exit as the class says.

        Args:
            scores: The class that must not exit on this side.
            target: Highest share of groups in error, in (0, 1).
            confidence: 1 - delta.

        Returns:
            The exit, or why there is none.
        """
        errors = scores.errors(GRID)
        p_values = binom.cdf(errors, scores.groups, target)
        refuted = p_values <= 1 - confidence
        passed = refuted.size if refuted.all() else int(np.argmin(refuted))
        if passed:
            k = int(errors[passed - 1])
            bound = float(upper_bound(k, scores.groups, confidence))
            return Choice(float(GRID[passed - 1]), bound, f"{k} of {scores.groups} groups err at the exit chosen")
        if scores.groups < groups_needed(target, confidence):
            return Choice(None, None, too_few(scores.groups, target, confidence))
        return Choice(None, None, _unsafe(scores.groups, int(errors[0]), target))


exit_policies.add(LearnThenTest.name, LearnThenTest())
exit_policies.add(FixedClopperPearson.name, FixedClopperPearson())
exit_policies.add(Observed.name, Observed())
