"""Build a form from any spec: types, bounds, help and references come from the fields of the spec.

A field that is added to a spec appears in the form without further code, as in the command and in the JSON file.
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
    """Draw the form of a spec, and return the spec once it is sent and valid.

    Args:
        spec: The type of the spec.
        workbench: The workbench, whose names the form offers.
        key: Key of the form, unique on the page.
        submit: Text of the button.
        given: Fields that the page decides itself; they are not drawn.
        values: Starting values that differ from the defaults.
        front: Fields shown at once, beside the required ones; the others are folded under "More options".
        placeholder: Text in an empty optional number.

    Returns:
        The valid spec when the button was pressed in this run, else None; errors are drawn as sentences.
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
    except (
        ValueError,
        LookupError,
        FileNotFoundError,
    ) as error:  # a path outside the allowed folders, or a name that does not exist
        notice([str(error)], "error")
    return None


def _draw(
    fields: Sequence[FormField], workbench: Workbench, key: str, values: Mapping[str, Any], placeholder: str
) -> dict[str, Any]:
    """Draw inputs in two columns, and return the answers; fields without an answer are left out."""
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
    """Draw the input of one field.

    Args:
        field: The field.
        workbench: The workbench, whose names a reference offers.
        key: Key of the input.
        start: Its starting value, or MISSING.
        placeholder: Text in an empty optional number.

    Returns:
        The answer; MISSING when a required field has none.
    """
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
            accept_new_options=True, placeholder="Type a value and press Enter",
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
    """Draw a list to choose from; a path that is not on it can be typed."""
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
        placeholder="Nothing to choose yet. Type a path",
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
    """Return the unit of the starting value's first digit as the step: 0.05 gives 0.01, 0.001 gives 0.001."""
    return float(f"1e{f'{float(start):e}'.split('e')[1]}") if start else 0.01


def _json(field: FormField, key: str, start: Any) -> Any:
    """Draw a field of any other type as JSON, so that every field can be set."""
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
    """Say what is wrong with a form, one sentence for each field.

    Args:
        error: The error of pydantic.
        spec: The type of the spec.

    Returns:
        Sentences with the label of the field, what is asked for, and what was given.
    """
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
