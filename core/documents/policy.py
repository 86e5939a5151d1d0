"""The policy of a cascade: exits, what they guarantee, who chose them. Pure data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from core.spec import Spec


class Exits(Spec):
    """Exits of one stage on its calibrated p_fake, one for each side; None: this side never exits."""

    real_below: float | None = Field(None, ge=0, le=1, description="Exit as real when p_fake <= this.")
    fake_above: float | None = Field(None, ge=0, le=1, description="Exit as fake when p_fake >= this.")

    @model_validator(mode="after")
    def _ordered(self) -> Exits:
        if self.real_below is not None and self.fake_above is not None and self.real_below >= self.fake_above:
            raise ValueError("real_below must lie under fake_above")
        return self

    def decide(self, p_fake: float) -> Literal["real", "fake"] | None:
        """Find the exit that a score takes; both limits belong to the exit.

        Args:
            p_fake: Calibrated, in [0, 1].

        Returns:
            "real", "fake", or None when the item stays open.
        """
        if self.real_below is not None and p_fake <= self.real_below:
            return "real"
        if self.fake_above is not None and p_fake >= self.fake_above:
            return "fake"
        return None


class Guarantee(Spec):
    """What a threshold guarantees, and from how many groups (videos, identities; never frames)."""

    stage: str = Field(description="Whose exit: 'stage1', an expert's name, 'stage3'; 'cascade': all together.")
    side: Literal["real", "fake"]
    method: str = Field(description="Policy that chose it, or manual.")
    target: float | None = Field(None, description="Highest error rate that was asked for.")
    confidence: float | None = Field(None, description="1 - delta of the bound; None: none, or in expectation.")
    bound: float | None = Field(None, description="Upper bound on the error rate at the threshold.")
    observed: float | None = Field(None, description="Observed error rate; None: no group exits, so it is unknown.")
    groups: int = Field(0, ge=0, description="Independent groups the figure rests on.")
    feasible: bool = True
    note: str = ""

    def sentence(self) -> str:
        """Write the guarantee as a clause for a report."""
        where = f"{self.stage}, {self.side} exit ({self.method})"
        if self.bound is None:
            seen = "" if self.observed is None else f", observed {self.observed:.3g}"
            return f"{where}: no bound{seen}, {self.groups} groups"
        sure = "in expectation" if self.confidence is None else f"with {self.confidence:.0%} confidence"
        target = "" if self.target is None else f", target {self.target:.3g}"
        failed = "" if self.feasible else ", target not met"
        return f"{where}: error at most {self.bound:.3g} {sure}{target}, {self.groups} groups{failed}"


class ExpertExits(Spec):
    """Exits of one expert. The order of experts in a policy is the order in which they are asked."""

    name: str
    exits: Exits = Exits()


class CascadePolicy(Spec):
    """An immutable set of thresholds. `policy_id` is content-derived; the workspace that keeps it counts versions."""

    policy_id: str
    name: str
    version: int = Field(0, ge=0, description="Which of this name in its workspace, from 1; 0: kept in none yet.")
    created_at: str
    author: str = ""
    reason: str = ""
    active_exit_policy: Literal["softmax", "gate", "scrc"] = "softmax"
    stage1: Exits
    experts: list[ExpertExits]
    final: Exits = Field(description="Band of the last stage; p_fake between the two is 'uncertain'.")
    guarantees: list[Guarantee] = []
    data_fingerprint: str = Field("", description="SHA-256 of the items that chose the exits: ids and labels.")
    item_sketch: str = Field(
        "", description="Of those items (core.tables.item_membership), to tell whether others are among them."
    )
    scores_fingerprint: str = Field(
        "", description="SHA-256 of the table of scores that chose them (predictions.parquet); empty: not recorded."
    )
