"""What a reference field can point at: the lists behind every `choose(...)` of a spec."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core.artifacts.run import BEST
from jobs.client import Workbench
from jobs.words import WORDS, words

AUTOMATIC = ""


def _artifacts(kind: str) -> Callable[[Workbench], list[str]]:
    return lambda workbench: [item.name for item in workbench.artifacts(kind)]


def _datasets(workbench: Workbench) -> list[str]:
    """Data sets, each followed by its leave-one-out protocols as NAME@PROTOCOL."""
    names = []
    for item in workbench.artifacts("dataset"):
        protocols = sorted(path.stem for path in (item.path / "protocols").glob("[!.]*.json"))
        names += [item.name, *(f"{item.name}@{protocol}" for protocol in protocols)]
    return names


def _networks(workbench: Workbench) -> list[str]:
    """Runs with weights: all but imported scores."""
    return [item.name for item in workbench.artifacts("run") if item.summary.get("kind") != "scores"]


def _detectors(workbench: Workbench) -> list[str]:
    """Runs of one network: trained or imported, no stack."""
    kinds = ("scores", "stack")
    return [item.name for item in workbench.artifacts("run") if item.summary.get("kind") not in kinds]


def _bundles(workbench: Workbench) -> list[str]:
    """Folders: the one in force first, then the workspace's."""
    folders = [workbench.active().bundle, *(item.path for item in workbench.artifacts("bundle"))]
    return list(dict.fromkeys(str(folder) for folder in folders))


def _weights(workbench: Workbench) -> list[str]:
    """Words, then files that a training can start from: the best of every run, and what the bundle in force holds."""
    runs = [item.path / BEST for item in workbench.artifacts("run")]
    members = sorted(workbench.active().bundle.glob("*/weights.safetensors"))
    return ["pretrained", "none", *(str(file) for file in [*members, *runs] if file.is_file())]


def title(value: str, workbench: Workbench) -> str:
    """How a list shows a value: the path of weights by the name of its run, or of its bundle and member."""
    file = Path(value)
    if file.name == BEST:
        return f"run {file.parent.name}: best weights"
    if file.name == "weights.safetensors":
        return f"bundle {file.parent.parent.name}: {file.parent.name}"
    return workbench.workspace.kept(value) if file.is_absolute() else value or "automatic"


def _splits(_: Workbench) -> list[str]:
    from core.data.splits import SPLITS

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
    """Names that a field marked `choose(what)` offers. Raises LookupError for an unknown `what`."""
    if what in WORDS:
        return words(what)
    if what not in SOURCES:
        raise LookupError(f"no list for choose({what!r}); known: {', '.join([*SOURCES, *WORDS])}")
    return SOURCES[what](workbench)
