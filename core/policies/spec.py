"""Inputs of `stack`, `policy`, `export` and `analyze`."""

from __future__ import annotations

from pydantic import Field, field_validator

from core.explain.spec import MAP_METHODS, check_heat_maps
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
        description="Further calibrated runs that join the comparison of feature sets, not the cascade.",
        json_schema_extra=choose("expert_runs"),
    )
    exclude_datasets: list[str] = Field(
        [], description="Sources that stage 3 does not learn from; on test they are judged with the rest, and apart."
    )
    folds: int = Field(5, ge=2, le=20, description="Folds, by group.")
    projection: int = Field(256, ge=2, le=1024, description="Dimensions kept of each expert's embedding (PCA).")
    rounds: int = Field(400, ge=10, le=5000, description="Most boosting rounds (early stopping inside the fold).")
    leaves: int = Field(15, ge=2, le=256, description="Leaves a tree.")
    learning_rate: float = Field(0.05, gt=0, le=1, description="Boosting learning rate.")
    search: int = Field(
        3, ge=1, le=8, description="Boosting settings tried inside each fold; 1: only leaves and rate as given here."
    )
    leak_items: int = Field(
        1500, ge=0, le=1_000_000, description="Rows of `train` that frozen experts score to measure the leak; 0: none."
    )
    batch_size: int = Field(32, ge=1, le=4096, description="Items a forward.")
    seed: int = Field(0, ge=0, description="Seed of folds and boosting.")
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N.")


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
        description="clopper_pearson: one confidence fixed in advance (0.98: leave as real at p_fake <= 0.02, as fake "
        "at >= 0.98) to be certified alone; empty: the customary four share the error.",
    )
    stage1_both_sides: bool = Field(
        False, title="Stage 1 may say fake too", description="Stage 1 may also say fake, not only real."
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
    reason: str = Field("", max_length=400, description="Why.")


class ExportSpec(Spec):
    """Freeze runs, stack and policy into a bundle: one folder (and a zip) with every file's hash."""

    stack: str = Field(description="Stack run.", json_schema_extra=choose("run"))
    policy: str = Field(
        "",
        description="Policy id or file; empty: the stack run's newest.",
        json_schema_extra=choose("policy"),
    )
    name: str = Field("cascade", description="Name of the bundle.", pattern=r"^[a-z0-9][a-z0-9_.-]{0,60}$")
    version: str = Field("1", description="Version.", pattern=r"^[0-9A-Za-z][0-9A-Za-z.+_-]{0,39}$")
    card: str = Field("", description="Markdown file put first in the model card.")
    out: str = Field("", description="Folder to write; empty: the workspace's bundles.")
    half: bool = Field(False, description="Store weights as float16 (half the size; scores move by about 1e-3).")
    zip: bool = Field(False, description="Also write NAME-VERSION.zip beside the folder.")


class AnalyzeSpec(Spec):
    """Judge images or clips with a bundle."""

    files: list[str] = Field(description="Images or clips.", min_length=1, max_length=64)
    bundle: str = Field("", description="Bundle folder; empty: the active one.", json_schema_extra=choose("bundle"))
    policy: str = Field(
        "",
        description="Policy id or file; empty: the active one, or the bundle's own.",
        json_schema_extra=choose("policy"),
    )
    frames: int = Field(16, ge=1, le=256, description="Clips: frames scored, spread over the whole length.")
    max_faces: int = Field(8, ge=1, le=64, description="Most faces (or tracks) scored; the rest are named.")
    whole_frame: bool = Field(False, description="Score the whole picture when no face is found.")
    explain: bool = Field(True, description="Make heat maps and reconstructions.")
    heat_maps: list[str] = Field(
        [],
        description=f"Kind of heat map of a member, as MEMBER=KIND, or KIND for all: {', '.join(MAP_METHODS)}; "
        "else the one of its architecture.",
    )
    all_members: bool = Field(False, description="Ask every expert even after an exit (the verdict does not change).")
    detector: str = Field("mtcnn", description="Face detector.", json_schema_extra=choose("face_detector"))
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N.")

    @field_validator("heat_maps")
    @classmethod
    def _known_maps(cls, words: list[str]) -> list[str]:
        return check_heat_maps(words)
