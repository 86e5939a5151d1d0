"""Hold a share of groups in error against its limit by the exact binomial test."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from scipy.stats import binom, nbinom

from core.metrics.intervals import upper_bound


@lru_cache(maxsize=4096)
def most_errors(groups: int, target: float, confidence: float) -> int:
    """Compute how many groups may err while "the rate exceeds `target`" is still refuted.

    The largest k with P(Bin(groups, target) <= k) <= 1 - confidence.

    Args:
        groups: Groups of the class, at least 0.
        target: Highest share of groups in error, in (0, 1).
        confidence: 1 - delta, in (0, 1).

    Returns:
        k; -1 when not even 0 errors are few enough.
    """
    if not groups:
        return -1
    delta = 1 - confidence
    k = int(binom.ppf(delta, groups, target))
    while k >= 0 and binom.cdf(k, groups, target) > delta:
        k -= 1
    return k


@lru_cache(maxsize=4096)
def groups_for(errors: int, target: float, confidence: float) -> int:
    """Compute the fewest groups that certify `target` in spite of `errors`.

    P(Bin(n, target) <= errors) is the chance that error `errors` + 1 comes after group n, a waiting time (negative
    binomial).

    Args:
        errors: Groups in error, at least 0.
        target: Highest share of groups in error, in (0, 1).
        confidence: 1 - delta, in (0, 1).

    Returns:
        n, at least `errors` + 1.
    """
    delta = 1 - confidence
    n = errors + 1 + int(nbinom.ppf(1 - delta, errors + 1, target))
    while binom.cdf(errors, n, target) > delta:  # these two loops only undo what rounding may have done
        n += 1
    while binom.cdf(errors, n - 1, target) <= delta:
        n -= 1
    return n


@dataclass(frozen=True)
class BinomialTest:
    """A risk held against its limit.

    Attributes:
        what: Name of the risk, for sentences.
        target: Highest share of groups in error asked for.
        errors: Groups in error where it was proved.
        groups: Groups of the class where it was proved.
        confidence: Of the exact upper bound.
    """

    what: str
    target: float
    errors: int
    groups: int
    confidence: float

    @property
    def bound(self) -> float:
        return float(upper_bound(self.errors, self.groups, self.confidence))

    @property
    def kept(self) -> bool:
        return self.errors <= most_errors(self.groups, self.target, self.confidence)

    def groups_for(self) -> int:
        """Compute how many groups would certify the target with these errors."""
        return groups_for(self.errors, self.target, self.confidence)

    def sentence(self) -> str:
        """Say what was observed and what is guaranteed."""
        return (
            f"{self.what}: {self.errors} of {self.groups} groups, so at most {self.bound:.2%} at confidence "
            f"{self.confidence:.3g} (asked: {self.target:.3g})"
        )

    def refusal(self) -> str:
        """Say why the target cannot be guaranteed, and what it would take."""
        return (
            f"{self.what} cannot be guaranteed: {self.errors} of {self.groups} groups, a bound of {self.bound:.2%} "
            f"against {self.target:.3g}; so many errors need {self.groups_for()} groups, and there are {self.groups}"
        )
