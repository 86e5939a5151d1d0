"""The analysis document: faces, verdict, evidence, and who decided. Pure data that loads from its own JSON."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from core.documents.decision import WITHHELD, Decision, StageName, TraceStep, Verdict
from core.documents.policy import Guarantee
from core.spec import Spec

DOCUMENT = "analysis.json"
"""File name of the document, beside the pictures that it names."""


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
    """One face, or one tracked face of a clip.

    Attributes:
        face: Index from 0.
        box: x, y, width, height in pixels of the upright original.
        frames: Number of scored frames.
    """

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
    policy_promises: list[str] = Field([], description="What each exit guarantees: target, bound, groups.")
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
    withheld: str = Field("", description=WITHHELD)
    rule: str = Field(description="How the verdict follows from the faces, and what its guarantees hold for.")
    trace: list[TraceStep] = Field(description="Of the face that decided; every face has its own.")
    evidence: list[Evidence] = []
    timings: dict[str, float] = Field({}, description="Seconds by step, and `total`.")
    bundle: BundleReference
    warnings: list[str] = []
    picture: str | None = Field(None, description="PNG of the file, small, with its faces marked, relative path.")
    complete: bool = True
