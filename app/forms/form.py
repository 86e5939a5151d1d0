"""A form built from any Spec: types, bounds, help and references come from the fields themselves.

A field that is added to a spec appears here by itself, as it does in the command and in the JSON file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import streamlit as st
from pydantic import BaseModel, ValidationError

from app.forms.allowed_paths import bounded
from app.forms.fields import MISSING, FormField, describe, label_of
from app.forms.options import AUTOMATIC, option_title, options
from app.ui.widgets import notice
from core.spec import Spec
from jobs.client import Workbench
from jobs.specs.checks import check
from jobs.specs.references import settled


def spec_form(
    spec: type[Spec],
    workbench: Workbench,
    *,
    key: str,
    submit: str,
    given: Mapping[str, Any] | None = None,
    values: Mapping[str, Any] | None = None,
    front: Collection[str] = (),
    placeholder: str = "",
) -> Spec | None:
    """Draw the form; return the spec once it has been submitted and is valid, else None.

    given: fields decided elsewhere on the page (not drawn). values: other starting values. front: fields shown at
    once, beside those that are required or refer to something; the others are folded away under "More options".
    """
    given, values = dict(given or {}), dict(values or {})
    fields = [field for field in describe(spec) if field.name not in given]
    first = [field for field in fields if field.required or field.name in front]
    more = [field for field in fields if field not in first]
    with st.form(key, border=True):
        answers = _draw(first, workbench, key, values, placeholder)
        if more:
            with st.expander("More options"):
                answers |= _draw(more, workbench, key, values, placeholder)
        sent = st.form_submit_button(submit, type="primary")
    if not sent:
        return None
    try:
        made = bounded(spec(**{**answers, **given}), workbench)
        check(settled(made, workbench.workspace), workbench.workspace)
        return made
    except ValidationError as error:
        notice(sentences(error, spec), "error")
    except (ValueError, LookupError, FileNotFoundError) as error:  # a place out of bounds, a name of nothing here
        notice([str(error)], "error")
    return None


def _draw(
    fields: Sequence[FormField], workbench: Workbench, key: str, values: Mapping[str, Any], placeholder: str
) -> dict[str, Any]:
    """Two columns of inputs; long ones take a whole row. Unanswered fields are left out."""
    answers: dict[str, Any] = {}
    columns = st.columns(2, gap="medium") if len(fields) > 1 else [st.container()]
    for position, field in enumerate(fields):
        start = values.get(field.name, field.default)
        with columns[position % len(columns)]:
            answer = draw_field(field, workbench, f"{key}.{field.name}", start, placeholder)
        if answer is not MISSING:
            answers[field.name] = answer
    return answers


def draw_field(field: FormField, workbench: Workbench, key: str, start: Any, placeholder: str = "") -> Any:
    """One input and what it holds; MISSING when a required one is still empty."""
    start = None if start is MISSING else start
    if field.reference:
        return _reference(field, workbench, key, start)
    if field.shape == "switch":
        return st.checkbox(field.label, value=bool(start), key=key, help=field.help)
    if field.shape in ("whole", "number"):
        return _number(field, key, start, placeholder)
    if field.shape == "choice":
        index = field.choices.index(str(start)) if start is not None else None
        answer = st.selectbox(
            field.label, field.choices, index=index, key=key, help=field.help, format_func=field.shown
        )
        return MISSING if answer is None and field.required else answer
    if field.shape == "texts":
        return st.multiselect(
            field.label, list(start or []), default=list(start or []), key=key, help=field.help,
            accept_new_options=True, placeholder="type and press Enter",
        )  # fmt: skip
    if field.shape == "numbers":
        text = st.text_input(field.label, ", ".join(f"{v:g}" for v in start or []), key=key, help=field.help)
        return [item.strip() for item in text.split(",") if item.strip()]
    if field.shape == "json":
        return _json(field, key, start)
    text = st.text_input(field.label, str(start or ""), key=key, help=field.help)
    if not text and field.optional:
        return None
    return MISSING if not text and field.required else text


def _reference(field: FormField, workbench: Workbench, key: str, start: Any) -> Any:
    """A list to choose from; what is not on it (a path) can be typed."""
    names = options(field.reference, workbench)
    if field.shape == "texts":
        chosen = list(start or [])
        return st.multiselect(
            field.label, list(dict.fromkeys([*chosen, *names])), default=chosen, key=key, help=field.help,
            accept_new_options=True,
        )  # fmt: skip
    nothing = [] if field.required or field.default else [AUTOMATIC]
    known = list(dict.fromkeys([*nothing, *([start] if start else []), *names]))
    index = known.index(start) if start in known else (0 if known else None)
    answer = st.selectbox(
        field.label, known, index=index, key=key, help=field.help, accept_new_options=True,
        format_func=lambda name: field.titles.get(name) or option_title(name, workbench),
        placeholder="nothing to choose yet; a path can be typed",
    )  # fmt: skip
    return MISSING if answer is None and field.required else (answer or AUTOMATIC)


def _number(field: FormField, key: str, start: Any, placeholder: str) -> Any:
    whole = field.shape == "whole"
    cast: Any = int if whole else float
    shown: dict[str, Any] = {
        "min_value": None if field.low is None else cast(field.low),
        "max_value": None if field.high is None else cast(field.high),
        "value": None if start is None else cast(start),
        "step": 1 if whole else _step(start),
        "format": None if whole else "%g",
        "placeholder": placeholder if field.optional else "",
    }
    answer = st.number_input(field.label, key=key, help=field.help, **shown)
    return MISSING if answer is None and not field.optional else answer


def _step(start: Any) -> float:
    """A tenth of the starting value's own decimal place: 0.05 -> 0.01, 0.001 -> 0.001."""
    return float(f"1e{f'{float(start):e}'.split('e')[1]}") if start else 0.01


def _json(field: FormField, key: str, start: Any) -> Any:
    """Any other type is written as JSON, so that no field is ever out of reach."""
    import json

    dumped = start.model_dump(mode="json") if isinstance(start, BaseModel) else start
    text = st.text_area(
        field.label, "" if start is None else json.dumps(dumped, indent=2), key=key, help=f"{field.help} (JSON)"
    )
    if not text.strip():
        return None if field.optional else MISSING
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def sentences(error: ValidationError, spec: type[Spec]) -> list[str]:
    """What is wrong with a form, one sentence a field: which, what is asked for, what was given."""
    result = []
    for item in error.errors():
        name = str(item["loc"][0]) if item["loc"] else ""
        where = label_of(name) if name else spec.__name__
        if item["type"] == "missing":
            result.append(f"{where}: needed. {spec.model_fields[name].description or ''}".strip())
            continue
        message = item["msg"].removeprefix("Value error, ").removeprefix("Input ")
        given = item.get("input")
        tail = f" (given: {given!r})" if isinstance(given, str | int | float | bool) else ""
        result.append(f"{where}: {message}{tail}.")
    return result
