"""Every job kind. Importing this package registers them, without torch: `run` imports what is heavy."""

from __future__ import annotations

import importlib
import pkgutil

from jobs.kind import kinds


def load_kinds(folders: list[str], package: str) -> list[str]:
    """Import every module in some folders of a package; each registers the job kind that it is named after.

    Args:
        folders: The package's folders.
        package: Its name.

    Returns:
        The modules' names, sorted.

    Raises:
        ImportError: A file registers no kind of its name. What a broken file raises itself comes through.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(folders))
    for name in names:
        file = importlib.import_module(f"{package}.{name}").__file__
        if name not in kinds:
            raise ImportError(f"{file} registers no job kind {name!r}: end it with kinds.add({name!r}, JobKind(...))")
    return names


def load_plugins(names: str) -> None:
    """Import the modules that register further kinds.

    Args:
        names: Names of modules, separated by commas.

    Raises:
        ImportError: A module does not exist; the message names it.
    """
    for name in filter(None, (part.strip() for part in names.split(","))):
        importlib.import_module(name)


__all__ = ["load_plugins", *load_kinds(list(__path__), __name__)]
