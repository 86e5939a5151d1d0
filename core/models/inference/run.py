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
    """A training run: its folder.

    Files: run.json, spec.json, metrics.json, best_model.safetensors, final_model.safetensors, training_log.csv,
    training_curves.png, predictions_val_select.parquet, epoch_NNN.safetensors where asked for.
    run.json is written last: a folder without it is a training that runs or was stopped, with start.json (what run.json
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
        """Find the data set to work on.

        Args:
            named: A data set that was named; empty: the run's own.

        Returns:
            `named`, or the data set that the run was trained on.

        Raises:
            ValueError: There is neither, as for a run of imported weights; or the run holds imported scores, which no
            network can extend.
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
        """Load the trained network in evaluation mode.

        Args:
            device: Where to put it.
            which: A weights file of the folder.

        Returns:
            The detector.

        Raises:
            FileNotFoundError: The run has no such weights.
            ValueError: The weights do not fit.
        """
        return load_trained(self.folder / which, self.document).to(device)


def load_trained(weights: Path, document: dict[str, Any]) -> Detector:
    """Build the network that a run's document describes, with a weights file of that run.

    Args:
        weights: The weights file.
        document: run.json, or start.json of an unfinished training.

    Returns:
        The detector in evaluation mode, on the CPU.

    Raises:
        FileNotFoundError: No such weights file.
        ValueError: The weights do not fit, or are not those of a whole network.
    """
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
    """Name a member's weights for a stack's run.json.

    Args:
        weights: The weights file.
        stack: Folder of the stack run.

    Returns:
        A path relative to the stack where the member's run lies beside it, else an absolute one.
    """
    weights, stack = weights.resolve(), stack.resolve()
    return f"../{weights.relative_to(stack.parent)}" if weights.is_relative_to(stack.parent) else str(weights)


def member_weights(stack: Path, row: Mapping[str, Any]) -> Path:
    """Find the weights of a member of a stack.

    An absolute path that is gone (older stacks have one, and the workspace was moved) means the run of that name beside
    the stack; `weights_sha256` then tells whether it is the same.

    Args:
        stack: Folder of the stack run.
        row: One row of the stack's `members`.

    Returns:
        Path of the weights file; it need not exist.
    """
    named = (stack / row["weights"]).resolve()
    beside = stack.parent / row["run"] / named.name
    return named if named.is_file() or not beside.is_file() else beside


def find_run(ref: str | Path, workspace: Workspace) -> Run:
    """Find a run by its name in the workspace or by its folder.

    Args:
        ref: Name or path.
        workspace: Where names are looked up.

    Returns:
        The run.

    Raises:
        FileNotFoundError: No such run; the message lists the runs that exist.
    """
    return Run(find_run_folder(ref, workspace))
