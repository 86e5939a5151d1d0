"""The words of the program that a field of a spec may hold: recipes, calibrators, methods, pooling rules."""

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


CHOICES: dict[str, Callable[[], list[str]]] = {
    "recipe": _recipes,
    "calibrator": _calibrators,
    "exit_policy": _exit_policies,
    "face_detector": _face_detectors,
    "pooling": _pooling,
    "data_source": _data_sources,
}
"""`choose(what)` of a field -> the words it may hold, read when asked for: some modules take a while to load."""


def choices(what: str) -> list[str]:
    """Return the words that a field may hold.

    Args:
        what: The argument of `choose` in the field's definition.

    Returns:
        Words; empty when the field takes no closed list.
    """
    return CHOICES[what]() if what in CHOICES else []


def titles(what: str) -> dict[str, str]:
    """Return the titles of words that people read under another name.

    Args:
        what: The argument of `choose` in the field's definition.

    Returns:
        Word -> title; empty when the words are shown as they are.
    """
    if what != "exit_policy":
        return {}
    from core.policies.choose import exit_policies

    return {name: exit_policies.get(name).title for name in exit_policies.names()}
