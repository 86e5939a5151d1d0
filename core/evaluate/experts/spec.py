"""Input of `experts`."""

from __future__ import annotations

from pydantic import Field, model_validator

from core.spec import Spec, choose


class ExpertsSpec(Spec):
    """Judge experts beside each other: alone, in pairs, by their embeddings and by their reconstructions."""

    stack: str = Field("", description="Stack run whose members are judged.", json_schema_extra=choose("run"))
    runs: list[str] = Field(
        [], description="Runs to judge, instead of a stack's or beside them.", json_schema_extra=choose("expert_runs")
    )
    dataset: str = Field("", description="Data set; empty: the first run's own.", json_schema_extra=choose("dataset"))
    split: str = Field("test", description="Split to judge on.", json_schema_extra=choose("split"))
    name: str = Field("", description="Name of the report; empty: by time.", pattern=r"^[a-z0-9_.-]*$")
    embedding_items: int = Field(2000, ge=20, le=20000, description="Most items for probe and silhouette (seeded).")
    reconstruction_items: int = Field(600, ge=0, le=20000, description="Most items that are reconstructed; 0: none.")
    pictures: int = Field(
        60, ge=0, le=1000, description="Pictures kept for each list of samples, the largest difference first."
    )
    n_bootstrap: int = Field(1000, ge=0, le=100000, description="Cluster-bootstrap draws for the intervals; 0: none.")
    batch_size: int = Field(32, ge=1, le=4096, description="Items in each forward pass.")
    seed: int = Field(0, ge=0, description="Seed of samples, folds and bootstrap.")
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N.")

    @model_validator(mode="after")
    def _names_somebody(self) -> ExpertsSpec:
        if not self.stack and not self.runs:
            raise ValueError("name a stack run or at least one run to judge")
        return self
