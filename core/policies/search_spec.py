"""Input of the job kind `search`: the cheapest policy that keeps its guarantees."""

from __future__ import annotations

from pydantic import Field

from core.spec import Spec, choose


class SearchSpec(Spec):
    """Find the cheapest exits of the whole cascade under limits on leakage, false alarms and lost AUROC.

    The limits on errors hold with the confidence asked for. The predictions are those of a stack run (or a bundle) on
    val_calib.
    """

    source: str = Field(description="Stack run, bundle or imported scores.", json_schema_extra=choose("scored_run"))
    max_leakage: float = Field(
        0.05,
        gt=0,
        lt=1,
        title="Most leakage, in groups",
        description="Most groups of fakes with an item called real anywhere, of all groups of fakes.",
    )
    max_false_alarms: float = Field(
        0.10,
        gt=0,
        lt=1,
        title="Most false alarms, in groups",
        description="Most groups of reals with an item called fake anywhere, of all groups of reals.",
    )
    confidence: float = Field(0.90, gt=0.5, lt=1, description="Of both guarantees together (1 - delta).")
    max_auroc_loss: float = Field(
        0.01,
        ge=0,
        le=1,
        title="Most AUROC lost",
        description="Most AUROC lost, compared with scoring every item with every member, as observed.",
    )
    max_uncertain: float = Field(
        0.2,
        ge=0,
        le=1,
        title="Most uncertain, in items",
        description="Most items left without a verdict, as observed; a policy that leaves more undecided is often "
        "cheaper.",
    )
    method: str = Field(
        "split",
        pattern="^(split|sequences)$",
        description="split: half of the groups choose a path of policies, the other half test it (Pareto testing). "
        "sequences: paths are fixed before any data are seen, all groups test them; they share the error probability.",
        title="How it is tested",
        json_schema_extra={"titles": {"split": "half choose, half test", "sequences": "paths fixed in advance"}},
    )
    unit: str = Field(
        "gflop",
        pattern="^(gflop|seconds)$",
        description="What cost is measured in.",
        title="Cost in",
        json_schema_extra={"titles": {"gflop": "GFLOP", "seconds": "seconds, as measured"}},
    )
    seed: int = Field(0, ge=0, description="Which half chooses.")
    name: str = Field("cheapest", max_length=80, description="Name of the policy.")
    author: str = Field("", max_length=80, description="Who searches.")
    reason: str = Field("", max_length=400, description="Reason; it is stored with the policy.")
