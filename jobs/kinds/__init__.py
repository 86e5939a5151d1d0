"""Every job kind; importing this package registers them. None of it loads torch: what is heavy is imported in `run`."""

from __future__ import annotations

import importlib
import pkgutil

from jobs.kind import kinds


def load_kinds(folders: list[str], package: str) -> list[str]:
    """Import every module in `folders` of `package`, by name; each registers the job kind that it is named after.

    Returns their names. Raises ImportError for a file that registers no kind of its name, and whatever a broken file
    raises.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(folders))
    for name in names:
        file = importlib.import_module(f"{package}.{name}").__file__
        if name not in kinds:
            raise ImportError(f"{file} registers no job kind {name!r}: end it with kinds.add({name!r}, JobKind(...))")
    return names


def load_plugins(names: str) -> None:
    """Import the modules (comma-separated) that register further kinds. Raises ImportError naming the one missing."""
    for name in filter(None, (part.strip() for part in names.split(","))):
        importlib.import_module(name)


__all__ = ["load_plugins", *load_kinds(list(__path__), __name__)]
