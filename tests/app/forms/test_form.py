"""A form is its spec: every field appears, every value survives, every mistake is a sentence."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field
from streamlit.testing.v1 import AppTest

from app.forms import fields
from app.forms.options import SOURCES
from core.spec import Spec, choose
from jobs.kind import kinds
from jobs.specs.choices import CHOICES


class Inner(Spec):
    a: int = 1


class Everything(Spec):
    """One field of every shape that a form knows, and one that it does not."""

    word: str = Field("x", description="A word.")
    count: int = Field(3, ge=1, le=9, description="A count.")
    share: float = Field(0.5, gt=0, lt=1, description="A share.")
    flag: bool = True
    maybe: int | None = Field(None, ge=0)
    pick: Literal["one", "two"] = "two"
    pattern: str = Field("nll", pattern="^(nll|ece)$")
    words: list[str] = ["a"]
    numbers: list[float] = [0.9, 0.95]
    data: str = Field("", json_schema_extra=choose("dataset"))
    inner: Inner = Inner()


def page(spec_path: str, extra: str = "") -> AppTest:
    module, name = spec_path.split(":")
    source = (
        "import streamlit as st\nfrom app.forms import form as forms\nfrom app.ui import session\n"
        f"from {module} import {name}\n"
        f"spec = forms.spec_form({name}, session.workbench(), key='f', submit='Go'{extra})\n"
        "st.session_state['spec'] = None if spec is None else spec.model_dump(mode='json')\n"
    )
    return AppTest.from_string(source, default_timeout=180).run()


def widgets(test: AppTest) -> set[str]:
    shapes = ("text_input", "number_input", "checkbox", "selectbox", "multiselect", "text_area")
    return {item.label for shape in shapes for item in test.get(shape)}


def test_every_shape_is_drawn_and_its_defaults_come_back(workbench):
    test = page("test_form:Everything")
    assert not test.exception
    assert widgets(test) == {fields.label_of(name) for name in Everything.model_fields}
    test.button[0].click().run()
    assert test.session_state["spec"] == Everything().model_dump(mode="json")


@pytest.mark.parametrize("kind", kinds.names())
def test_every_field_of_every_job_kind_appears(kind, workbench):
    spec = kinds.get(kind).spec
    test = page(f"{spec.__module__}:{spec.__name__}")
    assert not test.exception
    assert widgets(test) == {field.label for field in fields.describe(spec)}


@pytest.mark.parametrize("kind", kinds.names())
def test_every_field_of_every_job_kind_has_help_and_a_known_reference(kind):
    for field in fields.describe(kinds.get(kind).spec):
        assert field.help, f"{kind}.{field.name} has no description"
        assert not field.reference or field.reference in {*SOURCES, *CHOICES}


def test_an_added_field_appears_by_itself():
    class More(Everything):
        added: float = Field(0.1, ge=0, le=1, description="New.")

    names = [field.name for field in fields.describe(More)]
    assert names == [*Everything.model_fields, "added"]
    assert fields.describe(More)[-1].shape == "number"


def test_bounds_reach_the_input_and_mistakes_are_sentences(workbench):
    test = page("test_form:Everything")
    count = next(item for item in test.number_input if item.label == "Count")
    assert (count.min, count.max) == (1, 9)
    next(item for item in test.number_input if item.label == "Share").set_value(1.5)
    test.button[0].click().run()
    assert test.session_state["spec"] is None
    assert test.error[0].value.startswith("Share: should be less than 1 (given: 1.5)")


def test_a_needed_field_that_is_empty_is_named(workbench):
    test = page("core.calibrate.spec:CalibrateSpec")
    test.button[0].click().run()
    assert test.session_state["spec"] is None
    assert test.error[0].value.startswith("Run: needed.")


def test_given_fields_are_not_drawn_and_arrive(workbench):
    test = page("test_form:Everything", ", given={'count': 7}, values={'word': 'hello'}")
    assert "Count" not in widgets(test)
    test.button[0].click().run()
    assert test.session_state["spec"]["count"] == 7
    assert test.session_state["spec"]["word"] == "hello"


def test_pattern_words_and_literals_become_lists():
    shapes = {field.name: field for field in fields.describe(Everything)}
    assert shapes["pick"].choices == ("one", "two")
    assert shapes["pattern"].choices == ("nll", "ece")
    assert shapes["maybe"].optional
    assert shapes["maybe"].low == 0
    assert (shapes["share"].low, shapes["share"].high) == (None, None)


def test_labels_and_choices_are_read_by_people():
    """No word of the program where a field or the list behind it says what people call it."""
    search = {field.name: field for field in fields.describe(kinds.get("search").spec)}
    assert search["max_auroc_loss"].label == "Most AUROC lost"
    assert search["unit"].shown("gflop") == "GFLOP"
    assert [search["method"].shown(name) for name in search["method"].choices] == [
        "half choose, half test", "paths fixed in advance"
    ]  # fmt: skip
    policy = {field.name: field for field in fields.describe(kinds.get("policy").spec)}
    assert policy["method"].shown("learn_then_test") == "Learn then test"
    assert {"_" in policy["method"].shown(name) for name in CHOICES["exit_policy"]()} == {False}
    assert policy["name"].shown("anything") == "anything"
