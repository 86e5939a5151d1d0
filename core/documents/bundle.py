"""The manifest of a bundle. A bundle is a folder; `bundle.json` is read first and holds the hash of every file."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from core.documents.inputs import InputSpec
from core.spec import Spec
from core.task import FACES, Task


class Member(Spec):
    """One detector of a bundle, in a folder of its own: weights.safetensors, calibrator.json."""

    name: str = Field(pattern=r"^[a-z0-9_]{1,40}$")
    title: str
    role: Literal["stage1", "expert"]
    detector: str = Field(description="Name in the detector registry.")
    options: dict[str, Any] = Field({}, description="Keyword arguments of the detector's builder.")
    input: InputSpec
    gflops: float = Field(gt=0, description="Forward cost of one item, GFLOP (2 x multiply-adds).")
    seconds: float | None = Field(None, description="Measured forward time of one item on one CPU thread.")
    data_fingerprint: str = ""


class BundleManifest(Spec):
    """The document bundle.json.

    The files of a bundle are `<member>/weights.safetensors`, `<member>/calibrator.json`, `stack/meta.txt`,
    `stack/stack.json`, `stack/projections.safetensors`, `policy.json`, `thresholds.json`, `predictions.parquet` (one
    row for each item of val_calib and test, one log_odds column for each member) and `card.md`.
    """

    format: Literal[1] = 1
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,60}$")
    version: str
    created_at: str
    code_version: str
    task: Task = FACES
    active_exit_policy: Literal["softmax", "gate", "scrc"] = "softmax"
    members: list[Member] = Field(description="Stage 1 first, then the experts in the order they are asked.")
    stacked: bool = Field(description="True when stack/ exists: stage 3 decides what stays open.")
    files: dict[str, str] = Field(description="Relative path -> SHA-256 of every other file.")
