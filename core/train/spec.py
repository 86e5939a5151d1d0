"""Input of `train`. Every None is filled from the recipe; the filled spec is what a run stores."""

from __future__ import annotations

from pydantic import Field

from core.spec import Spec, choose


class TrainSpec(Spec):
    """Train one detector by a recipe. Fields left empty keep the recipe's value."""

    dataset: str = Field(
        description="Data set name in the workspace, or path to a manifest.",
        json_schema_extra=choose("dataset"),
    )
    recipe: str = Field("stage1", description="Recipe to follow.", json_schema_extra=choose("recipe"))
    name: str = Field("", description="Name of the run; empty: recipe and time.", pattern=r"^[a-z0-9_.-]*$")
    weights: str = Field(
        "pretrained",
        description="Initial weights: `pretrained` (the recipe's, from the hub or its cache; an error when out of "
        "reach), `none` (random weights; the run records it), or a local .safetensors file.",
        json_schema_extra=choose("weights"),
    )
    epochs: int | None = Field(None, ge=1, le=1000, description="Most epochs.")
    batch_size: int | None = Field(None, ge=1, le=4096, description="Items in each step.")
    lr: float | None = Field(None, gt=0, le=10, description="Peak learning rate.")
    weight_decay: float | None = Field(None, ge=0, le=1, description="Weight decay.")
    patience: int | None = Field(None, ge=1, le=1000, description="Epochs without a better AUROC before stopping.")
    augmentation: str | None = Field(None, pattern="^(minimal|guide|robust)$", description="Training augmentation.")
    self_blend: float | None = Field(
        None, ge=0, le=1, description="Share of real training pictures that become self-blended fakes."
    )
    size: int | None = Field(
        None, ge=32, le=1024, description="Side of the network input, pixels; empty: the network's."
    )
    crop_scale: float | None = Field(
        None, ge=1.0, le=3.0, description="Face box enlargement that the data set's crops were made with; empty: 1.3."
    )
    save_every: int = Field(0, ge=0, le=1000, description="Keep the weights of every n-th epoch; 0: none.")
    mixed_precision: bool = Field(True, description="bf16/fp16 autocast on a GPU; a CPU computes in fp32.")
    balance: str = Field(
        "source",
        pattern="^(none|label|source|class_weights)$",
        description="none; a sampler with even labels, or even labels and sources (against the which-data-set "
        "shortcut); or every picture once and weights in the loss instead: never both.",
    )
    exclude_datasets: list[str] = Field([], description="Sources left out of training and selection.")
    max_items: int = Field(0, ge=0, description="Most training items that are used; 0: all.")
    workers: int = Field(0, ge=0, le=64, description="Loader processes; 0: in the training process.")
    seed: int = Field(0, ge=0, description="Seed of weights, order and augmentation.")
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N.")
