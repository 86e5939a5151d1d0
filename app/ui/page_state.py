"""A page's state in its address: what is chosen stands there, and a copied link opens the same view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import streamlit as st

MANY = 5
"""More options than this are a list; fewer stand side by side."""


def choose(place: Any, label: str, name: str, options: Mapping[str, str], page: str, help: str | None = None) -> str:
    """Let the reader choose one of `options` (word of the address -> text on the screen); return the word.

    place: a column or `st`. name: of the query parameter; page: puts pages' widgets apart. What the address asks for
    is chosen at first, else the first option; an option that is gone gives way to the first.
    """
    known, key = list(options), f"{page}-{name}"
    if st.session_state.get(key) not in known:
        st.session_state[key] = asked(name, known, known[0])
    draw = place.selectbox if len(known) > MANY or max(map(len, options.values())) > 24 else place.segmented_control
    extra: dict[str, Any] = {} if draw == place.selectbox else {"required": True}
    word = str(draw(label, known, format_func=lambda k: options[k], key=key, help=help, **extra))
    st.query_params[name] = word
    return word


def asked(name: str, known: Sequence[str], otherwise: str) -> str:
    """What the address asks for when it is one of `known`."""
    word = st.query_params.get(name, otherwise)
    return word if word in known else otherwise


def number(name: str, otherwise: float, low: float = 0.0, high: float = 1.0) -> float:
    """A number of the address within [low, high], else `otherwise`."""
    try:
        value = float(st.query_params.get(name, otherwise))
    except ValueError:
        return otherwise
    return value if low <= value <= high else otherwise


def tabs(page: str, names: Mapping[str, str]) -> dict[str, Any]:
    """Tabs whose open one stands in the address; only that one's content need be drawn (`.open`).

    names: word of the address -> title.
    """
    key = f"{page}-tab"
    if st.session_state.get(key) not in names.values():
        st.session_state[key] = names[asked("tab", list(names), next(iter(names)))]
    found = dict(zip(names, st.tabs(list(names.values()), key=key, on_change="rerun"), strict=True))
    title = st.session_state.get(key)
    st.query_params["tab"] = next((word for word, text in names.items() if text == title), next(iter(names)))
    return found


def address() -> str:
    """This view's link: where the page lies, and its state."""
    state = urlencode(dict(sorted(st.query_params.to_dict().items())), safe="/~,")
    return f"{st.context.url or ''}?{state}"


def share(place: Any = st) -> None:
    """A button that shows the link of this view, to be copied. Draw it last: the state is complete then."""
    with place.popover("Share this view", icon=":material/link:"):
        st.caption("Opens this page as you see it now, for whoever can reach this workbench:")
        st.code(address(), language=None, wrap_lines=True)
