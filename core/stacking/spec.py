"""Input of the job kind `stack`."""

from __future__ import annotations

from pydantic import Field

from core.spec import Spec, choose


class StackSpec(Spec):
    """Fit stage 3: 256-D projections of the experts' embeddings, out-of-fold by group, under LightGBM."""

    stage1: str = Field(description="Calibrated stage-1 run.", json_schema_extra=choose("expert_runs"))
    experts: list[str] = Field(
        description="Calibrated expert runs, cheapest first.",
        min_length=1,
        json_schema_extra=choose("expert_runs"),
    )
    dataset: str = Field("", description="Data set; empty: stage 1's own.", json_schema_extra=choose("dataset"))
    name: str = Field("", description="Name of the run; empty: by time.", pattern=r"^[a-z0-9_.-]*$")
    experts_are: str = Field(
        "frozen",
        pattern="^(frozen|refit)$",
        description="frozen: the runs as they are, folds for the meta-model only, which learns from fit_splits. refit: "
        "every run is trained again in each fold by its own recipe, and the meta-model learns from out-of-fold answers "
        "to all of `train` (folds x runs trainings).",
    )
    fit_splits: list[str] = Field(
        ["val_select", "val_calib"],
        description="Splits that the meta-model learns from when the experts are frozen, out-of-fold. Rows that they "
        "trained on would leak their over-confidence, so `train` is refused.",
    )
    specialists: list[str] = Field(
        [],
        description="Further calibrated runs for the comparison of feature sets; the cascade does not use them.",
        json_schema_extra=choose("expert_runs"),
    )
    exclude_datasets: list[str] = Field(
        [],
        description="Sources that stage 3 does not learn from; on test they are reported with the rest, and "
        "separately.",
    )
    folds: int = Field(5, ge=2, le=20, description="Folds, by group.")
    projection: int = Field(256, ge=2, le=1024, description="Dimensions kept of each expert's embedding (PCA).")
    rounds: int = Field(400, ge=10, le=5000, description="Most boosting rounds (early stopping inside the fold).")
    leaves: int = Field(15, ge=2, le=256, description="Leaves of each tree.")
    learning_rate: float = Field(0.05, gt=0, le=1, description="Boosting learning rate.")
    search: int = Field(
        3, ge=1, le=8, description="Boosting settings tried inside each fold; 1: only leaves and rate as given here."
    )
    leak_items: int = Field(
        1500,
        ge=0,
        le=1_000_000,
        description="Rows of `train` that frozen experts score to measure the optimism; 0: none.",
    )
    batch_size: int = Field(32, ge=1, le=4096, description="Items in each forward pass.")
    seed: int = Field(0, ge=0, description="Seed of folds and boosting.")
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N.")
