"""Published weights in the browser: upload a file or choose one that lies on the server; a job makes the run."""

from __future__ import annotations

import streamlit as st

from app.forms.file_input import incoming
from app.forms.job_forms import job_form
from app.ui import html
from core.models.weights.published_figures import CAVEAT, FIGURES
from jobs.client import Workbench

WEIGHT_FILE_ENDINGS = (".pth", ".pt", ".safetensors")


def weights_form(workbench: Workbench) -> None:
    """Where the file comes from, then the rest of the job's input; once sent, its job opens."""
    st.caption(
        "GenConViT as published: a .pth is opened by a confined process that reads numbers only, every tensor is "
        "checked by name and shape, and the run says what was left out. Calibrate it before you use its figures."
    )
    published = ", ".join(f"{f.dataset} {f.accuracy:.3f} / {f.auroc:.4g}" for f in FIGURES)
    st.html(html.facts({"Published accuracy / AUROC": published, "Mind": CAVEAT}))
    path = incoming(workbench, "Weights", WEIGHT_FILE_ENDINGS, "weights")
    if path is None:
        return
    st.html(html.facts({"File": path.name, "Size": f"{path.stat().st_size / 2**20:.1f} MiB"}))
    job_form(
        "import_detector", workbench, key="import", submit="Import", given={"file": str(path)}, front=("layout", "name")
    )
