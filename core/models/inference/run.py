"""A training run on disk. The folder is the run: JSON, CSV, Parquet and safetensors, nothing pickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.artifacts.files import read_json
from core.artifacts.finding import RUN, find_run_folder
from core.artifacts.workspace import Workspace
from core.documents.inputs import InputSpec

if TYPE_CHECKING:
    from core.models.detector import Detector

START = "start.json"
BEST = "best_model.safetensors"
FINAL = "final_model.safetensors"


@dataclass(frozen=True)
class Run:
    """Files: run.json, spec.json, metrics.json, best_model.safetensors, final_model.safetensors, training_log.csv,
    training_curves.png, predictions_val_select.parquet, epoch_NNN.safetensors where asked for.

    run.json is written last: a folder without it is a training under way or stopped, with start.json (what run.json
    will say) and last.ckpt to resume from.
    """

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def document(self) -> dict[str, Any]:
        """run.json: recipe, detector, options, input, fingerprints, origin of weights, times, device."""
        return read_json(self.folder / RUN)

    @property
    def spec(self) -> dict[str, Any]:
        """spec.json: the whole TrainSpec, filled from the recipe."""
        return read_json(self.folder / "spec.json")

    @property
    def metrics(self) -> dict[str, Any]:
        """metrics.json: figures of the best epoch."""
        return read_json(self.folder / "metrics.json")

    @property
    def input_spec(self) -> InputSpec:
        return InputSpec(**self.document["input"])

    def dataset(self, named: str = "") -> str:
        """The data set to work on: `named`, or the run's own. Raises ValueError when there is neither, as for a run of
        imported weights, which knows no data set here, and for imported scores, which no network can extend.
        """
        if self.document.get("kind") == "scores":
            raise ValueError(f"run {self.name!r} holds imported scores: there is no network to run")
        found = named or str(self.document.get("dataset") or "")
        if not found:
            raise ValueError(f"run {self.name!r} was trained on no data set that is known here: name a data set")
        return found

    @property
    def finished(self) -> bool:
        return (self.folder / RUN).is_file()

    def load_detector(self, device: str = "cpu", which: str = BEST) -> Detector:
        """The trained network in evaluation mode. `which` is a weights file of the folder.

        Raises: FileNotFoundError when the run has no such weights; ValueError when they do not fit.
        """
        return load_trained(self.folder / which, self.document).to(device)


def load_trained(weights: Path, document: dict[str, Any]) -> Detector:
    """The network that a run's document describes, with a weights file of that run, in evaluation mode on the CPU."""
    from core.models.registry import build_detector
    from core.models.weights.weights import load_strict, read_safetensors

    if not weights.is_file():
        raise FileNotFoundError(
            f"run {weights.parent.name!r} has no {weights.name}; let the training finish or resume it"
        )
    detector = build_detector(document["detector"], weights="none", **document["options"])
    left = load_strict(detector, read_safetensors(weights), str(weights))
    if left:
        raise ValueError(f"{weights} lacks {', '.join(left[:4])}: it is not a whole network")
    detector.weights_origin = {"kind": "run", "run": weights.parent.name, "file": weights.name}
    return detector.eval()


def kept_weights(weights: Path, stack: Path) -> str:
    """How a stack's run.json names a member's weights: from its own folder on where the member lies beside it."""
    weights, stack = weights.resolve(), stack.resolve()
    return f"../{weights.relative_to(stack.parent)}" if weights.is_relative_to(stack.parent) else str(weights)


def member_weights(stack: Path, row: Mapping[str, Any]) -> Path:
    """Weights of one row of a stack's `members`. An absolute path that is gone (older stacks have one, and the
    workspace was moved) is that of the run of that name beside the stack; `weights_sha256` tells whether it is it.
    """
    named = (stack / row["weights"]).resolve()
    beside = stack.parent / row["run"] / named.name
    return named if named.is_file() or not beside.is_file() else beside


def find_run(ref: str | Path, workspace: Workspace) -> Run:
    """A run by name in the workspace or by folder. Raises FileNotFoundError that lists the runs there are."""
    return Run(find_run_folder(ref, workspace))
