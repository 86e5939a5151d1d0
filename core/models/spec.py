"""Inputs of the jobs that use or bring in a network outside training: `embed` and `import_detector`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.spec import Spec, choose


class EmbedSpec(Spec):
    """Write a detector's embeddings and log-odds of a data set to one columnar file."""

    run: str = Field(description="Run whose best weights compute the embeddings.", json_schema_extra=choose("run"))
    dataset: str = Field(
        "",
        description="Data set name in the workspace, or path to a manifest; empty: the run's own.",
        json_schema_extra=choose("dataset"),
    )
    split: list[str] = Field([], description="Splits to embed; none: every row.", json_schema_extra=choose("split"))
    batch_size: int = Field(32, ge=1, le=4096, description="Items in each forward pass.")
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N.")


class ImportSpec(Spec):
    """Make a run of published weights, from a file that is read in a confined process."""

    layout: Literal["genconvit-ed", "genconvit-vae"] = Field(description="Published network that the file holds.")
    file: str = Field(description="The file: .pth (a state dict, raw or wrapped) or .safetensors.")
    name: str = Field("", description="Name of the run; empty: layout and time.", pattern=r"^[a-z0-9_.-]*$")
    crop_scale: float = Field(
        1.3, ge=1.0, le=3.0, description="Enlargement of the face box for the crops that the network gets."
    )
