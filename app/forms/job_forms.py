"""Draw the forms of job kinds; a form that is sent becomes a job, and the page of the job opens."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import streamlit as st

from app.forms import form as forms
from app.ui import navigation
from jobs.client import Workbench
from jobs.kind import kinds


def job_form(
    kind: str,
    workbench: Workbench,
    *,
    submit: str,
    front: Collection[str] = (),
    key: str = "",
    given: Mapping[str, Any] | None = None,
    values: Mapping[str, Any] | None = None,
    placeholder: str = "",
) -> None:
    """Draw the form of a job, and queue the job once the form is sent.

    Args:
        kind: Kind of the job.
        workbench: Where it is queued.
        submit: Text of the button.
        front: Fields shown at once, beside the required ones.
        key: Key of the form; empty takes the kind.
        given: Fields that the page decides itself.
        values: Starting values that differ from the defaults.
        placeholder: Text in an empty optional number.
    """
    spec = forms.spec_form(
        kinds.get(kind).spec, workbench, key=key or kind, submit=submit, given=given, values=values, front=front,
        placeholder=placeholder,
    )  # fmt: skip
    if spec is not None:
        navigation.go_to("jobs", job=workbench.submit(kind, spec))


def stack_form(workbench: Workbench) -> None:
    """Draw the form that fits stage 3 over calibrated runs."""
    st.caption("Fits stage 3, the meta-model, over calibrated runs and compares it with simpler ways to combine them.")
    front = ("stage1", "experts", "experts_are", "dataset", "name")
    job_form("stack", workbench, submit="Stack", front=front)
