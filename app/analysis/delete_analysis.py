"""The button that deletes an analysis for good, asked twice."""

from __future__ import annotations

import streamlit as st

from app.ui import widgets
from jobs.client import Workbench
from jobs.queue.views import JobView


def delete_button(job: JobView, workbench: Workbench) -> None:
    """Offer to delete an ended analysis with its upload; afterwards the next file of its batch is shown, or none."""
    with st.popover("Delete this analysis", icon=":material/delete:"):
        st.write("Verdict, pictures and log go for good; the uploaded file too, unless something else uses it.")
        if st.button("Yes, delete it and its upload", type="primary", key=f"delete-{job.id}"):
            try:
                workbench.delete_analysis(job.id)
            except (LookupError, ValueError) as error:  # started again elsewhere, or a data set that cannot be read
                widgets.notice([str(error)], "error")
                return
            rest = [item for item in st.session_state.get("batch", []) if item != job.id]
            st.session_state["batch"] = rest
            if rest:
                st.query_params["job"] = rest[0]
            else:
                st.query_params.pop("job", None)
            st.toast("The analysis is deleted.")
            st.rerun()
