"""The cascade's documents: exits, policy, trace, decision, evidence, analysis. Pure data, JSON both ways, no torch."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from core.spec import Spec

Verdict = Literal["real", "fake", "uncertain", "not_applicable"]
StageName = Literal["stage1", "stage2", "stage3"]


class Exits(Spec):
    """Two-sided exits of one stage on its calibrated p_fake; None = this side never exits."""

    real_below: float | None = Field(None, ge=0, le=1, description="Leave as real when p_fake <= this.")
    fake_above: float | None = Field(None, ge=0, le=1, description="Leave as fake when p_fake >= this.")

    @model_validator(mode="after")
    def _ordered(self) -> Exits:
        if self.real_below is not None and self.fake_above is not None and self.real_below >= self.fake_above:
            raise ValueError("real_below must lie under fake_above")
        return self

    def decide(self, p_fake: float) -> Literal["real", "fake"] | None:
        """The exit that p_fake takes, or None when it stays open."""
        if self.real_below is not None and p_fake <= self.real_below:
            return "real"
        if self.fake_above is not None and p_fake >= self.fake_above:
            return "fake"
        return None


class Guarantee(Spec):
    """What a threshold promises, and from how much. Counts are groups (videos, identities), not frames."""

    stage: str = Field(description="Whose exit: 'stage1', an expert's name, 'stage3'; 'cascade': all together.")
    side: Literal["real", "fake"]
    method: str = Field(description="Policy that chose it, or manual.")
    target: float | None = Field(None, description="Highest error rate asked for.")
    confidence: float | None = Field(None, description="1 - delta of the bound; None: none, or in expectation.")
    bound: float | None = Field(None, description="Upper bound on the error rate at the threshold.")
    observed: float | None = Field(None, description="Observed error rate; None: nobody exited, so unknown.")
    groups: int = Field(0, ge=0, description="Independent groups the figure rests on.")
    feasible: bool = True
    note: str = ""

    def sentence(self) -> str:
        """The promise in words, for a report."""
        where = f"{self.stage}, {self.side} exit ({self.method})"
        if self.bound is None:
            seen = "" if self.observed is None else f", observed {self.observed:.3g}"
            return f"{where}: no bound{seen}, {self.groups} groups"
        sure = "in expectation" if self.confidence is None else f"with {self.confidence:.0%} confidence"
        target = "" if self.target is None else f", target {self.target:.3g}"
        kept = "" if self.feasible else ", target not met"
        return f"{where}: error at most {self.bound:.3g} {sure}{target}, {self.groups} groups{kept}"


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


class TraceStep(Spec):
    """One stage's part in one item's way through the cascade."""

    stage: StageName
    member: str
    status: Literal["scored", "skipped", "missing", "failed"]
    p_fake: float | None = None
    log_odds: float | None = None
    exits: Exits | None = None
    outcome: Literal["real", "fake", "uncertain", "open"] | None = None
    reason: str
    seconds: float = 0.0


class Decision(Spec):
    """What the cascade says of one unit (a face, or the track of one face through a clip)."""

    verdict: Literal["real", "fake", "uncertain"]
    p_fake: float | None
    decided_by: StageName | None
    reason: str
    trace: list[TraceStep]


class Evidence(Spec):
    """A picture or a number that supports a verdict, with what it cannot show."""

    kind: str = Field(description="grad_cam, reconstruction, residual, ...")
    member: str
    face: int
    title: str
    caption: str
    caveat: str
    file: str | None = Field(None, description="PNG beside the analysis document, relative path.")
    values: dict[str, float] = {}


class FaceReport(Spec):
    """One face, or one tracked face of a clip. box: x, y, width, height in pixels of the upright original."""

    face: int
    box: tuple[float, float, float, float]
    detection_score: float
    frames: int
    decision: Decision
    timeline: list[tuple[float, float]] = Field([], description="(seconds, p_fake) by the deciding member.")
    warnings: list[str] = []
    crop: str | None = Field(None, description="PNG of the crop, relative path.")
    shown_at: float = Field(0.0, description="Second of the frame of box and crop, the one that the evidence explains.")


class BundleReference(Spec):
    """Which bundle and policy decided."""

    name: str
    version: str
    sha256: str = Field(description="Of bundle.json, which holds the hash of every other file.")
    policy_id: str
    policy_name: str
    policy_version: int = Field(0, description="Which of this name in its workspace, from 1; 0: a bundle's own.")
    policy_author: str = ""
    policy_reason: str = ""
    policy_created_at: str = ""
    policy_data_fingerprint: str = Field("", description="SHA-256 of the items that chose the thresholds.")
    policy_promises: list[str] = Field([], description="What each exit promises: target, bound, groups.")
    policy_guarantees: list[Guarantee] = Field([], description="The same, figure by figure.")


class Analysis(Spec):
    """The one document that page, demo and command show. `complete` is False for a partial one."""

    sha256: str
    file_name: str
    media: dict[str, Any]
    faces: list[FaceReport]
    verdict: Verdict
    p_fake: float | None
    decided_by: StageName | None
    reason: str
    rule: str = Field(description="How the verdict follows from the faces, and what its promises hold for.")
    trace: list[TraceStep] = Field(description="Of the face that decided; every face has its own.")
    evidence: list[Evidence] = []
    timings: dict[str, float] = Field({}, description="Seconds by step, and `total`.")
    bundle: BundleReference
    warnings: list[str] = []
    picture: str | None = Field(None, description="PNG of the file, small, with its faces marked, relative path.")
    complete: bool = True
