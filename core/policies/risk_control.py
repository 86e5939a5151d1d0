"""Conformal risk control: an error rate kept in expectation (Angelopoulos, Bates, Fisch, Lei & Schuster 2022)."""

from __future__ import annotations

import math

import numpy as np

from core.policies.guarantees import GRID, Choice, GroupScores, exit_policies


def groups_needed_in_expectation(target: float) -> int:
    """Compute how many groups make an exit possible when none of them errs: 1 / (n + 1) <= target.

    2 % needs 49, 5 % needs 19, 1 % needs 99.

    Args:
        target: Highest expected share of groups in error, in (0, 1).

    Returns:
        n, at least 1.
    """
    return max(1, math.ceil(1 / target - 1 - 1e-9))


class ConformalRiskControl:
    """Take the most generous exit of GRID with (errors + 1) / (groups + 1) at most the target.

    The loss of a group is 1 when any of its items exits on the wrong side, so it never falls as the exit grows, and
    exchangeable groups are all that is assumed. Guaranteed: over calibration sets and one new group of the class, the
    chance that it errs is at most the target. Not guaranteed: that the exit chosen from this set meets the target; in
    nearly half of all sets it does not. `learn_then_test` guarantees that.
    """

    name = "conformal_risk_control"
    title = "Conformal risk control"
    has_guarantee = False
    guarantee = "a new group of the class is in error with at most this probability, on average over calibration sets"

    def choose(self, scores: GroupScores, target: float, confidence: float) -> Choice:
        """Choose an exit as the class says.

        Args:
            scores: The class that must not exit on this side.
            target: Highest expected share of groups in error, in (0, 1).
            confidence: Not used: the guarantee is an expectation.

        Returns:
            The exit, or why there is none.
        """
        n, errors = scores.groups, scores.errors(GRID)
        bound = (errors + 1.0) / (n + 1.0)
        fine = np.flatnonzero(bound <= target)
        if fine.size:
            last = fine[-1]
            note = (
                f"{int(errors[last])} of {n} groups err at the exit chosen; kept in expectation over calibration sets, "
                "so one set's exit may well exceed the target"
            )
            return Choice(float(GRID[last]), float(bound[last]), note)
        needed = groups_needed_in_expectation(target)
        if n < needed:
            return Choice(
                None,
                None,
                f"{n} independent groups cannot keep {target:.3g} in expectation: at least {needed} are needed even if "
                "none of them errs",
            )
        return Choice(
            None,
            None,
            f"even at the strictest exit {int(errors[0])} of {n} groups are in error, too many to keep {target:.3g}: "
            "these scores do not separate the classes well enough",
        )


exit_policies.add(ConformalRiskControl.name, ConformalRiskControl())
