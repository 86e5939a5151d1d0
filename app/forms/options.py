"""List what a reference field can name: the choices behind every `choose(...)` of a spec."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.analysis.bundles import bundle_manifest
from core.artifacts.files import read_json
from core.models.inference.run import BEST, RUN
from jobs.client import Workbench
from jobs.specs.choices import CHOICES, choices

AUTOMATIC = ""


def _artifacts(kind: str) -> Callable[[Workbench], list[str]]:
    return lambda workbench: [item.name for item in workbench.artifacts(kind)]


def _datasets(workbench: Workbench) -> list[str]:
    """List the data sets, each followed by its leave-one-out protocols as NAME@PROTOCOL."""
    names = []
    for item in workbench.artifacts("dataset"):
        protocols = sorted(path.stem for path in (item.path / "protocols").glob("[!.]*.json"))
        names += [item.name, *(f"{item.name}@{protocol}" for protocol in protocols)]
    return names


def _networks(workbench: Workbench) -> list[str]:
    """List the runs with weights: all but imported scores."""
    return [item.name for item in workbench.artifacts("run") if item.summary.get("kind") != "scores"]


def _detectors(workbench: Workbench) -> list[str]:
    """List the runs of one network, trained or imported; no stacks."""
    kinds = ("scores", "stack")
    return [item.name for item in workbench.artifacts("run") if item.summary.get("kind") not in kinds]


def _bundles(workbench: Workbench) -> list[str]:
    """List the bundle folders: the one in force first, then those of the workspace."""
    folders = [workbench.active().bundle, *(item.path for item in workbench.artifacts("bundle"))]
    return list(dict.fromkeys(str(folder) for folder in folders))


def _weights(workbench: Workbench) -> list[str]:
    """List what a training can start from: words, the members of the bundle in force, the best weights of each run."""
    runs = [item.path / BEST for item in workbench.artifacts("run")]
    members = sorted(workbench.active().bundle.glob("*/weights.safetensors"))
    return ["pretrained", "none", *(str(file) for file in [*members, *runs] if file.is_file())]


def option_title(value: str, workbench: Workbench) -> str:
    """Return the text of a choice: weights are named by their run or bundle, and by the network that they fit.

    Args:
        value: The choice, often a path.
        workbench: The workbench.

    Returns:
        The text on the screen.
    """
    file = Path(value)
    if file.name == BEST and (file.parent / RUN).is_file():
        return f"run {file.parent.name}{_network(read_json(file.parent / RUN))}"
    if file.name == "weights.safetensors" and (manifest := bundle_manifest(file.parent.parent)) is not None:
        member = next((item for item in manifest.members if item.name == file.parent.name), None)
        return (
            f"bundle {manifest.name} {manifest.version}, {file.parent.name}{_network(vars(member) if member else {})}"
        )
    return workbench.workspace.relative(value) if file.is_absolute() else value or "automatic"


def _network(about: Mapping[str, Any]) -> str:
    return f" ({about['detector']})" if about.get("detector") else ""


def _splits(_: Workbench) -> list[str]:
    from core.data.manifest.splits import SPLITS

    return list(SPLITS)


SOURCES: dict[str, Callable[[Workbench], list[str]]] = {
    "dataset": _datasets,
    "run": _networks,
    "scored_run": _artifacts("run"),
    "expert_runs": _detectors,
    "bundle": _bundles,
    "policy": _artifacts("policy"),
    "split": _splits,
    "weights": _weights,
}


def options(what: str, workbench: Workbench) -> list[str]:
    """List the names that a field marked `choose(what)` offers.

    Args:
        what: What the field refers to.
        workbench: The workbench.

    Returns:
        The names, in the order of the form.

    Raises:
        LookupError: No list has this name.
    """
    if what in CHOICES:
        return choices(what)
    if what not in SOURCES:
        raise LookupError(f"no list for choose({what!r}); known: {', '.join([*SOURCES, *CHOICES])}")
    return SOURCES[what](workbench)
