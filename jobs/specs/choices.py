"""The program's own words that a spec's field may hold: recipes, calibrators, methods, pooling rules, splits."""

from __future__ import annotations

from collections.abc import Callable


def _recipes() -> list[str]:
    from core.train.recipes import recipes

    return recipes.names()


def _calibrators() -> list[str]:
    from core.calibrate import calibrators

    return calibrators.names()


def _exit_policies() -> list[str]:
    from core.policies.choose import exit_policies

    return exit_policies.names()


def _pooling() -> list[str]:
    from core.metrics.levels import pooling

    return pooling.names()


def _face_detectors() -> list[str]:
    from core.data.faces.faces import face_detectors

    return face_detectors.names()


def _data_sources() -> list[str]:
    from core.data.sources import AUTO, data_sources

    return [AUTO, *data_sources.names()]


WORDS: dict[str, Callable[[], list[str]]] = {
    "recipe": _recipes,
    "calibrator": _calibrators,
    "exit_policy": _exit_policies,
    "face_detector": _face_detectors,
    "pooling": _pooling,
    "data_source": _data_sources,
}
"""`choose(what)` of a field -> the words it may hold, read when asked for: some modules take a while to load."""


def words(what: str) -> list[str]:
    """The words of `choose(what)`; empty when it is no closed list."""
    return WORDS[what]() if what in WORDS else []


def titles(what: str) -> dict[str, str]:
    """Word -> title of those of `choose(what)` that people read under another name."""
    if what != "exit_policy":
        return {}
    from core.policies.choose import exit_policies

    return {name: exit_policies.get(name).title for name in exit_policies.names()}
