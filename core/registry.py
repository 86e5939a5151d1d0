"""A name-to-thing table that fails loudly: the way every extension point of the project is found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Registry(Generic[T]):
    """Ordered table of registered things. `noun` is used in its error messages, singular ("detector")."""

    def __init__(self, noun: str) -> None:
        self.noun = noun
        self._items: dict[str, T] = {}

    def add(self, name: str, item: T) -> T:
        """Register `item`. Raises ValueError when the name is taken."""
        if name in self._items:
            raise ValueError(f"{self.noun} {name!r} is registered twice")
        self._items[name] = item
        return item

    def get(self, name: str) -> T:
        """Look up by name. Raises LookupError that lists what exists."""
        if name not in self._items:
            raise LookupError(f"unknown {self.noun} {name!r}; known: {', '.join(self._items) or 'none'}")
        return self._items[name]

    def names(self) -> list[str]:
        """Every name, in the order of registration."""
        return list(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter(self._items.values())

    def __contains__(self, name: str) -> bool:
        return name in self._items

    def __len__(self) -> int:
        return len(self._items)
