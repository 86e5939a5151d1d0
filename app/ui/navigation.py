"""Pages find their way into the sidebar: each file of `pages/` names itself in a `PAGE`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import streamlit as st

PAGES = Path(__file__).resolve().parents[2] / "pages"
"""Found by its folder: the arrow points from pages to app, never back."""

SECTIONS = ("Analysis", "Research", "System")


@dataclass(frozen=True)
class PageInfo:
    """What a page says of itself. `icon` is a symbol of the bundled font (`:material/name:`); lower `order` first."""

    section: str
    title: str
    url: str
    icon: str
    order: int


def modules() -> list[ModuleType]:
    """Every module of `pages/`, in sidebar order. Raises AttributeError when one lacks PAGE or render."""
    found = [importlib.import_module(f"pages.{item.name}") for item in pkgutil.iter_modules([str(PAGES)])]
    for module in found:
        if not isinstance(getattr(module, "PAGE", None), PageInfo) or not callable(getattr(module, "render", None)):
            raise AttributeError(f"{module.__name__} needs PAGE (an app.ui.navigation.PageInfo) and render()")
        if module.PAGE.section not in SECTIONS:
            raise AttributeError(f"{module.__name__}: section {module.PAGE.section!r} is none of {', '.join(SECTIONS)}")
    return sorted(found, key=lambda m: (SECTIONS.index(m.PAGE.section), m.PAGE.order))


def streamlit_page(module: ModuleType, default: bool = False) -> Any:
    """A module as Streamlit's own page object."""
    info: PageInfo = module.PAGE
    render: Callable[[], None] = module.render
    return st.Page(render, title=info.title, icon=info.icon, url_path=info.url, default=default)


def sections() -> dict[str, list[Any]]:
    """Section -> pages, for `st.navigation`. The first page of all is the one that opens."""
    result: dict[str, list[Any]] = {name: [] for name in SECTIONS}
    for position, module in enumerate(modules()):
        result[module.PAGE.section].append(streamlit_page(module, default=position == 0))
    return {name: found for name, found in result.items() if found}


def go_to(name: str, **query: str) -> NoReturn:
    """Open another page, e.g. `go_to("jobs", job=job_id)`."""
    found = modules()
    position, module = next((i, m) for i, m in enumerate(found) if m.PAGE.url == name)
    st.switch_page(streamlit_page(module, default=position == 0), query_params=query)
