"""What a page says under AppTest."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def texts(test: AppTest) -> str:
    """Everything a page says, in one string."""
    kinds = ("title", "subheader", "caption", "markdown", "warning", "error", "info", "text", "html", "code")
    return "\n".join(str(getattr(item, "value", "")) for kind in kinds for item in test.get(kind))
