"""A share of groups in error, held against its limit by the exact binomial test."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from scipy.stats import binom, nbinom

from core.metrics.intervals import upper_bound


@lru_cache(maxsize=4096)
def most_errors(groups: int, target: float, confidence: float) -> int:
    """Most groups in error with which "the rate exceeds `target`" is still refuted: P(Bin(groups, target) <= k) <=
    1 - confidence. -1 when not even none will do.
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
    """Fewest groups that certify `target` in spite of `errors`: P(Bin(n, target) <= errors) is the chance that error
    `errors` + 1 comes after group n, a waiting time.
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
    """A risk at its limit. errors of groups were seen where it was proved; bound: exact upper bound at `confidence`."""

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
        """Groups that would certify the target with these errors."""
        return groups_for(self.errors, self.target, self.confidence)

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
