"""What a page needs before it can say anything: the workbench it talks to, and what is active in it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.artifacts.bundle_schema import BundleManifest
from core.artifacts.files import read_json
from jobs.client import Workbench
from jobs.settings import Settings


@st.cache_resource(show_spinner=False)
def _open(settings_json: str) -> Workbench:
    return Workbench.open(Settings.model_validate_json(settings_json))


def workbench() -> Workbench:
    """The one Workbench of this process for the settings in force (environment variables AWARE_...)."""
    return _open(Settings.read().model_dump_json())


@st.cache_data(show_spinner=False, max_entries=16)
def _manifest(path: str, changed: float) -> BundleManifest:
    return BundleManifest.model_validate(read_json(Path(path)))


def bundle_manifest(folder: Path) -> BundleManifest | None:
    """bundle.json of a bundle folder, or None when the folder holds none."""
    path = folder / "bundle.json"
    return _manifest(str(path), path.stat().st_mtime) if path.is_file() else None


def member_titles(folder: Path) -> dict[str, str]:
    """Member name -> title of a bundle, with a name for stage 3; empty when the bundle is not readable here."""
    manifest = bundle_manifest(folder)
    titles = {member.name: member.title for member in manifest.members} if manifest else {}
    return {**titles, "stage3": "Meta-model", "stack": "Meta-model"}
