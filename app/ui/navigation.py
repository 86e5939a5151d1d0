"""Collect the files of `pages/` for the sidebar; each file describes itself in a constant `PAGE`."""

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
"""The folder of the pages; app lists it without importing it, because imports go from pages to app only."""

SECTIONS = ("Analysis", "Research", "System")


@dataclass(frozen=True)
class PageInfo:
    """What a page says about itself.

    Attributes:
        section: Heading in the sidebar, one of SECTIONS.
        title: Name in the sidebar.
        url: Path of the page below the address of the workbench.
        icon: A symbol of the bundled font, `:material/name:`.
        order: Place in its section; lower comes first.
    """

    section: str
    title: str
    url: str
    icon: str
    order: int


def modules() -> list[ModuleType]:
    """Import every module of `pages/`, in the order of the sidebar.

    Returns:
        The modules; each has PAGE and render().

    Raises:
        AttributeError: A module lacks PAGE or render, or names an unknown section.
    """
    pages = [importlib.import_module(f"pages.{item.name}") for item in pkgutil.iter_modules([str(PAGES)])]
    for module in pages:
        if not isinstance(getattr(module, "PAGE", None), PageInfo) or not callable(getattr(module, "render", None)):
            raise AttributeError(f"{module.__name__} needs PAGE (an app.ui.navigation.PageInfo) and render()")
        if module.PAGE.section not in SECTIONS:
            raise AttributeError(f"{module.__name__}: section {module.PAGE.section!r} is none of {', '.join(SECTIONS)}")
    return sorted(pages, key=lambda m: (SECTIONS.index(m.PAGE.section), m.PAGE.order))


def streamlit_page(module: ModuleType, default: bool = False) -> Any:
    """Make Streamlit's page object of a module.

    Args:
        module: A module of `pages/`.
        default: Whether the page opens at the bare address.

    Returns:
        The `st.Page`.
    """
    info: PageInfo = module.PAGE
    render: Callable[[], None] = module.render
    return st.Page(render, title=info.title, icon=info.icon, url_path=info.url, default=default)


def sections() -> dict[str, list[Any]]:
    """Return the pages by section, for `st.navigation`; the first page of all opens at the bare address."""
    result: dict[str, list[Any]] = {name: [] for name in SECTIONS}
    for position, module in enumerate(modules()):
        result[module.PAGE.section].append(streamlit_page(module, default=position == 0))
    return {name: pages for name, pages in result.items() if pages}


def go_to(name: str, **query: str) -> NoReturn:
    """Open another page, for example `go_to("jobs", job=job_id)`.

    Args:
        name: Address of the page, as in `PageInfo.url`.
        **query: Query parameters of the new address.

    Raises:
        LookupError: No page has this address.
    """
    pages = list(enumerate(modules()))
    position, module = next(((i, m) for i, m in pages if m.PAGE.url == name), (0, None))
    if module is None:
        raise LookupError(f"no page has the address {name!r}; known: {', '.join(m.PAGE.url for _, m in pages)}")
    st.switch_page(streamlit_page(module, default=position == 0), query_params=query)
