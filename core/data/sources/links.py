"""Connected components of pairs, with names that depend on their members alone."""

from __future__ import annotations

from collections.abc import Iterable


def components(names: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Join names that pairs connect.

    The same members give the same name whatever else there is, so that a stable hash of it is stable too.

    Args:
        names: All names.
        pairs: Names that belong together.

    Returns:
        Name -> name of its component: the members in order joined by +, or the first and a count beyond four.
    """
    parent = {name: name for name in names}
    for first, second in pairs:
        one, two = _root(parent, first), _root(parent, second)
        parent[max(one, two)] = min(one, two)
    members: dict[str, list[str]] = {}
    for name in sorted(parent):
        members.setdefault(_root(parent, name), []).append(name)
    called = {
        root: "+".join(found) if len(found) <= 4 else f"{found[0]}+{len(found) - 1}" for root, found in members.items()
    }
    return {name: called[_root(parent, name)] for name in parent}


def _root(parent: dict[str, str], name: str) -> str:
    parent.setdefault(name, name)
    while parent[name] != name:
        parent[name] = parent[parent[name]]
        name = parent[name]
    return name
