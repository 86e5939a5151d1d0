"""Input of the job kind `policy`."""

from __future__ import annotations

from pydantic import Field

from core.spec import Spec, choose


class PolicySpec(Spec):
    """Choose the cascade's exits from a stack run's (or a bundle's) predictions on val_calib."""

    source: str = Field(description="Stack run, bundle or imported scores.", json_schema_extra=choose("scored_run"))
    name: str = Field("default", description="Name of the policy.", max_length=80)
    method: str = Field(
        "learn_then_test", description="How a threshold is chosen.", json_schema_extra=choose("exit_policy")
    )
    fixed: float | None = Field(
        None,
        gt=0.5,
        lt=1,
        title="Confidence fixed in advance",
        description="clopper_pearson: one confidence fixed in advance (0.98: exit as real at p_fake <= 0.02, as fake "
        "at >= 0.98) to be certified alone; empty: the customary four share the error.",
    )
    stage1_both_sides: bool = Field(
        False, title="Stage 1 may exit as fake too", description="Stage 1 may also exit as fake, not only as real."
    )
    max_leakage: float = Field(
        0.05,
        gt=0,
        lt=1,
        title="Stage 1: most leakage",
        description="Stage 1: most fakes released as real, of all fakes.",
    )
    max_expert_error: float = Field(
        0.05, gt=0, lt=1, title="Experts: most errors", description="Experts: most errors of one side, of that class."
    )
    max_final_error: float = Field(
        0.10,
        gt=0,
        lt=1,
        title="Stage 3: most errors",
        description="Stage 3: most errors of one side, of that class; between: uncertain.",
    )
    confidence: float = Field(0.90, gt=0.5, lt=1, description="Confidence of each bound (1 - delta).")
    author: str = Field("", max_length=80, description="Who chose it.")
    reason: str = Field("", max_length=400, description="Reason; it is stored with the policy.")
