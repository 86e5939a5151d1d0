"""Input of `evaluate`."""

from __future__ import annotations

from pydantic import Field

from core.spec import Spec, choose


class EvaluateSpec(Spec):
    """Score a run on a held-out split and report: ranking, calibration, cascade thresholds, by source."""

    run: str = Field(description="Run or imported scores: name or folder.", json_schema_extra=choose("scored_run"))
    dataset: str = Field("", description="Data set; empty: the run's own.", json_schema_extra=choose("dataset"))
    split: str = Field("test", description="Split to report on.", json_schema_extra=choose("split"))
    calibrator: str = Field(
        "",
        description="Calibrator JSON file; empty: the run's own calibration_temp.json or calibrator.json if there.",
    )
    cascade_thresholds: list[float] = Field(
        [0.90, 0.95, 0.98, 0.99],
        description="Confidences of real at which filtration and leakage are listed.",
    )
    save_predictions: bool = Field(True, description="Write predictions.csv.")
    pooling: str = Field(
        "mean_log_odds",
        description="How the frames of a track or clip become one score.",
        json_schema_extra=choose("pooling"),
    )
    slice_by: list[str] = Field(
        ["method", "compression"],
        description="Columns of the data set to report by, besides `dataset`; the report names a missing one.",
    )
    n_bootstrap: int = Field(1000, ge=0, le=100000, description="Cluster-bootstrap draws for the intervals; 0: none.")
    n_bins: int = Field(15, ge=2, le=1000, description="Bins of ECE and reliability diagram.")
    batch_size: int = Field(32, ge=1, le=4096, description="Items in each forward pass.")
    seed: int = Field(0, ge=0, description="Seed of the bootstrap.")
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N.")
