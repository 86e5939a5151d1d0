"""What a reference field can point at: the lists behind every `choose(...)` of a spec."""

from __future__ import annotations

from collections.abc import Callable

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
}


def options(what: str, workbench: Workbench) -> list[str]:
    """Names that a field marked `choose(what)` offers. Raises LookupError for an unknown `what`."""
    if what in WORDS:
        return words(what)
    if what not in SOURCES:
        raise LookupError(f"no list for choose({what!r}); known: {', '.join([*SOURCES, *WORDS])}")
    return SOURCES[what](workbench)
