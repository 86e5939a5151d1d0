"""Input of `calibrate`."""

from __future__ import annotations

from pydantic import Field

from core.spec import Spec, choose


class CalibrateSpec(Spec):
    """Fit a calibrator on a run's predictions of one split."""

    run: str = Field(description="Run or imported scores: name or folder.", json_schema_extra=choose("scored_run"))
    dataset: str = Field(
        "",
        description="Data set; empty: the one that the run was trained on.",
        json_schema_extra=choose("dataset"),
    )
    split: str = Field(
        "val_calib", description="Split that the calibrator is fitted on.", json_schema_extra=choose("split")
    )
    val_split: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the split's groups held out to measure before and after; 0: two folds by group.",
    )
    method: str = Field("temperature", description="Calibrator.", json_schema_extra=choose("calibrator"))
    optimize_metric: str = Field("nll", pattern="^(nll|ece)$", description="What the temperature minimises.")
    optimize_method: str = Field(
        "newton",
        pattern="^(newton|L-BFGS-B|bounded)$",
        description="Solver for NLL: safeguarded Newton, scipy L-BFGS-B, or scipy bounded search. ECE always searches.",
    )
    compare: bool = Field(True, description="Also measure every other method on held-out groups, for the comparison.")
    folds: int = Field(5, ge=2, le=20, description="Folds of groups for the comparison.")
    n_bins: int = Field(15, ge=2, le=1000, description="Bins of the reported ECE.")
    batch_size: int = Field(32, ge=1, le=4096, description="Items in each forward pass.")
    seed: int = Field(0, ge=0, description="Seed of folds and bootstrap.")
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N.")
