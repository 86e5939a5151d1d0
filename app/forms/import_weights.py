"""Draw the form that imports published weights: the file, its options, and the job that makes a run of it."""

from __future__ import annotations

import streamlit as st

from app.forms.file_input import incoming
from app.forms.job_forms import job_form
from app.ui import html
from core.models.weights.published_figures import CAVEAT, FIGURES
from jobs.client import Workbench

WEIGHT_FILE_ENDINGS = (".pth", ".pt", ".safetensors")


def weights_form(workbench: Workbench) -> None:
    """Draw the input of the file, then the options; the job opens once the form is sent."""
    st.caption(
        "Import the published weights of GenConViT. A confined process opens the .pth file and reads numbers only. "
        "Every tensor is checked by name and shape, and the run lists the tensors that were left out. Calibrate the "
        "run before you use its figures."
    )
    published = ", ".join(f"{f.dataset} {f.accuracy:.3f} / {f.auroc:.4g}" for f in FIGURES)
    st.html(html.facts({"Published accuracy / AUROC": published, "Note": CAVEAT}))
    path = incoming(workbench, "Weights", WEIGHT_FILE_ENDINGS, "weights")
    if path is None:
        return
    st.html(html.facts({"File": path.name, "Size": f"{path.stat().st_size / 2**20:.1f} MiB"}))
    job_form(
        "import_detector", workbench, key="import", submit="Import", given={"file": str(path)}, front=("layout", "name")
    )
