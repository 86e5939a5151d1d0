"""Published weights in the browser: upload a file or choose one that lies on the server; a job makes the run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from app import cards, forms, navigation, widgets
from app.bounds import allowed
from core.models.published_figures import CAVEAT, FIGURES
from core.models.spec import ImportSpec
from jobs.client import Workbench

ENDINGS = (".pth", ".pt", ".safetensors")
MOST_LISTED = 100


def import_form(workbench: Workbench) -> None:
    """Where the file comes from, then the rest of the job's input; once sent, its job opens."""
    st.caption(
        "GenConViT as published: a .pth is opened by a confined process that reads numbers only, every tensor is "
        "checked by name and shape, and the run says what was left out. Calibrate it before you use its figures."
    )
    published = ", ".join(f"{f.dataset} {f.accuracy:.3f} / {f.auroc:.4g}" for f in FIGURES)
    st.html(cards.facts({"Published accuracy / AUROC": published, "Mind": CAVEAT}))
    path = uploaded(workbench) or chosen(workbench)
    if path is None:
        return
    st.html(cards.facts({"File": path.name, "Size": f"{path.stat().st_size / 2**20:.1f} MiB"}))
    spec = forms.spec_form(
        ImportSpec, workbench, key="import", submit="Import", given={"file": str(path)}, front=("layout", "name")
    )
    if spec is not None:
        navigation.go_to("jobs", job=workbench.submit("import_detector", spec))


def uploaded(workbench: Workbench) -> Path | None:
    """The file that was uploaded last, kept on disk by its hash."""
    turn, limit = st.session_state.setdefault("weights_turn", 0), workbench.settings.upload_mb
    sent = st.file_uploader(
        f"Weights, up to {limit} MB", type=[ending[1:] for ending in ENDINGS], key=f"weights-{turn}",
        max_upload_size=limit,
    )  # fmt: skip
    if sent is not None:
        try:
            st.session_state["weights_file"] = str(workbench.store_upload(sent, sent.name))
        except ValueError as error:
            st.session_state["weights_problem"] = f"{sent.name}: {error}"
        st.session_state["weights_turn"] = turn + 1  # an empty uploader holds nothing in memory
        st.rerun()
    if problem := st.session_state.pop("weights_problem", ""):
        widgets.notice([problem], "error")
    kept = Path(st.session_state.get("weights_file", ""))
    return kept if kept.is_file() else None


def chosen(workbench: Workbench) -> Path | None:
    """A file below one of the folders that the server may read."""
    roots = workbench.settings.readable_roots()
    named = st.selectbox(
        "Or a larger file on the server", listed(roots), index=None, accept_new_options=True, key="weights-on-server",
        placeholder=f"put it into {roots[0]}, then choose it here",
    )  # fmt: skip
    if not named:
        return None
    try:
        return allowed(named, roots)
    except ValueError as error:
        widgets.notice([str(error)], "error")
        return None


def listed(roots: Sequence[Path]) -> list[str]:
    """Files of weights that lie directly in the roots."""
    found = [str(file) for root in roots if root.is_dir() for file in sorted(root.iterdir())]
    return [name for name in found if name.lower().endswith(ENDINGS)][:MOST_LISTED]
