"""What a reference field can point at: the lists behind every `choose(...)` of a spec."""

from __future__ import annotations

from collections.abc import Callable

from jobs.client import Workbench

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


def _recipes(_: Workbench) -> list[str]:
    from core.train.recipes import recipes

    return recipes.names()


def _calibrators(_: Workbench) -> list[str]:
    from core.calibrate import calibrators

    return calibrators.names()


def _exit_policies(_: Workbench) -> list[str]:
    from core.cascade.policy import exit_policies

    return exit_policies.names()


def _pooling(_: Workbench) -> list[str]:
    from core.evaluate.levels import pooling

    return pooling.names()


def _face_detectors(_: Workbench) -> list[str]:
    from core.data.faces import face_detectors

    return face_detectors.names()


def _data_sources(_: Workbench) -> list[str]:
    from core.data.sources import AUTO, data_sources

    return [AUTO, *data_sources.names()]


SOURCES: dict[str, Callable[[Workbench], list[str]]] = {
    "dataset": _datasets,
    "run": _networks,
    "scored_run": _artifacts("run"),
    "expert_runs": _detectors,
    "bundle": _bundles,
    "policy": _artifacts("policy"),
    "recipe": _recipes,
    "calibrator": _calibrators,
    "exit_policy": _exit_policies,
    "face_detector": _face_detectors,
    "pooling": _pooling,
    "data_source": _data_sources,
}


def options(what: str, workbench: Workbench) -> list[str]:
    """Names that a field marked `choose(what)` offers. Raises LookupError for an unknown `what`."""
    if what not in SOURCES:
        raise LookupError(f"no list for choose({what!r}); known: {', '.join(SOURCES)}")
    return SOURCES[what](workbench)
