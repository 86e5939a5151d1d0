"""Forms of job kinds on a page: what is sent is queued, and its job opens."""

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
    """The form of a job of `kind`, drawn by `forms.spec_form`, whose arguments these are. key: `kind` if empty."""
    spec = forms.spec_form(
        kinds.get(kind).spec, workbench, key=key or kind, submit=submit, given=given, values=values, front=front,
        placeholder=placeholder,
    )  # fmt: skip
    if spec is not None:
        navigation.go_to("jobs", job=workbench.submit(kind, spec))


def stack_form(workbench: Workbench) -> None:
    """Stage 3 over calibrated runs: the way from runs to a bundle, and to a comparison of experts."""
    st.caption("Fits stage 3, the meta-model, over calibrated runs and compares it with simpler ways to combine them.")
    front = ("stage1", "experts", "experts_are", "dataset", "name")
    job_form("stack", workbench, submit="Stack", front=front)
