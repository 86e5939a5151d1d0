"""What a page says under AppTest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streamlit.testing.v1 import AppTest


def texts(test: AppTest) -> str:
    """Everything a page says, in one string."""
    kinds = ("title", "subheader", "caption", "markdown", "warning", "error", "info", "text", "html", "code")
    return "\n".join(str(getattr(item, "value", "")) for kind in kinds for item in test.get(kind))


def by_label(elements: Sequence[Any], label: str) -> Any:
    """The first of some elements of a page with that label. Raises StopIteration when there is none."""
    return next(item for item in elements if item.label == label)


def button(test: AppTest, label: str) -> Any:
    """The first button with that label."""
    return by_label(test.button, label)
