"""Keep a page's state in its address, so that a copied link opens the same view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import streamlit as st

MOST_SIDE_BY_SIDE = 5
"""Up to so many options stand side by side; more become a list."""
LONGEST_SIDE_BY_SIDE = 24
"""An option with more characters than this makes them a list too."""


def choose(place: Any, label: str, name: str, options: Mapping[str, str], page: str, help: str | None = None) -> str:
    """Let the reader choose one of some options, and keep the choice in the address.

    The option in the address is chosen at first, else the first one. An option that no longer exists gives way to the
    first.

    Args:
        place: A column or `st`.
        label: What the reader chooses.
        name: Name of the query parameter.
        options: Word in the address -> text on the screen.
        page: Address of the page; it keeps the widgets of different pages apart.
        help: Help text of the input.

    Returns:
        The chosen word.
    """
    known, key = list(options), f"{page}-{name}"
    if st.session_state.get(key) not in known:
        st.session_state[key] = asked(name, known, known[0])
    as_list = len(known) > MOST_SIDE_BY_SIDE or max(map(len, options.values())) > LONGEST_SIDE_BY_SIDE
    draw = place.selectbox if as_list else place.segmented_control
    extra: dict[str, Any] = {} if draw == place.selectbox else {"required": True}
    word = str(draw(label, known, format_func=lambda k: options[k], key=key, help=help, **extra))
    st.query_params[name] = word
    return word


def asked(name: str, known: Sequence[str], otherwise: str) -> str:
    """Return the word in the address when it is known.

    Args:
        name: Name of the query parameter.
        known: The words that it may hold.
        otherwise: The word that stands for a missing or unknown one.

    Returns:
        One of `known`, or `otherwise`.
    """
    word = st.query_params.get(name, otherwise)
    return word if word in known else otherwise


def number(name: str, otherwise: float, low: float = 0.0, high: float = 1.0) -> float:
    """Return a number of the address.

    Args:
        name: Name of the query parameter.
        otherwise: What stands for a missing number, for text, and for a number out of range.
        low: Smallest number allowed.
        high: Largest number allowed.

    Returns:
        A number in [low, high], or `otherwise`.
    """
    try:
        value = float(st.query_params.get(name, otherwise))
    except ValueError:
        return otherwise
    return value if low <= value <= high else otherwise


def tabs(page: str, names: Mapping[str, str]) -> dict[str, Any]:
    """Draw tabs, and keep the open one in the address.

    Only the open tab (`.open`) needs its content drawn.

    Args:
        page: Address of the page; it keeps the widgets of different pages apart.
        names: Word in the address -> title of the tab.

    Returns:
        Word -> Streamlit's tab.
    """
    key = f"{page}-tab"
    if st.session_state.get(key) not in names.values():
        st.session_state[key] = names[asked("tab", list(names), next(iter(names)))]
    drawn = dict(zip(names, st.tabs(list(names.values()), key=key, on_change="rerun"), strict=True))
    title = st.session_state.get(key)
    st.query_params["tab"] = next((word for word, text in names.items() if text == title), next(iter(names)))
    return drawn


def address() -> str:
    """Return the link to this view: the address of the page and its state."""
    state = urlencode(dict(sorted(st.query_params.to_dict().items())), safe="/~,")
    return f"{st.context.url or ''}?{state}"


def share(place: Any = st) -> None:
    """Draw a button that shows the link to this view, to be copied; call it last, when the state is complete."""
    with place.popover("Share this view", icon=":material/link:"):
        st.caption("This link opens the page as you see it now, for everyone who can reach this workbench.")
        st.code(address(), language=None, wrap_lines=True)
