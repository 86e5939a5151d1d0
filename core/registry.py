"""A table of named things. Every extension point of the project is one: detectors, recipes, job kinds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Registry(Generic[T]):
    """Ordered table of registered things.

    Attributes:
        noun: What one of them is called in error messages ("detector").
    """

    def __init__(self, noun: str) -> None:
        self.noun = noun
        self._items: dict[str, T] = {}

    def add(self, name: str, item: T) -> T:
        """Register an item.

        Args:
            name: Its name.
            item: The item.

        Returns:
            The item.

        Raises:
            ValueError: The name is taken.
        """
        if name in self._items:
            raise ValueError(f"{self.noun} {name!r} is registered twice")
        self._items[name] = item
        return item

    def get(self, name: str) -> T:
        """Look an item up.

        Args:
            name: Its name.

        Returns:
            The item.

        Raises:
            LookupError: No item has this name; the message lists the existing ones.
        """
        if name not in self._items:
            raise LookupError(f"unknown {self.noun} {name!r}; known: {', '.join(self._items) or 'none'}")
        return self._items[name]

    def names(self) -> list[str]:
        """Return every name, in the order of registration."""
        return list(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter(self._items.values())

    def __contains__(self, name: str) -> bool:
        return name in self._items

    def __len__(self) -> int:
        return len(self._items)
