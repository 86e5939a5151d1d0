"""Draw the button that deletes an analysis permanently; it asks for a confirmation."""

from __future__ import annotations

import streamlit as st

from app.ui import widgets
from jobs.client import Workbench
from jobs.queue.views import JobView


def delete_button(job: JobView, workbench: Workbench) -> None:
    """Offer to delete an ended analysis with its upload.

    After that the page shows the next file of the same batch, or no file.

    Args:
        job: An ended analyze job.
        workbench: Where it ran.
    """
    with st.popover("Delete this analysis", icon=":material/delete:"):
        st.write(
            "This deletes the verdict, its pictures and its log permanently. The uploaded file is deleted too, unless "
            "something else uses it."
        )
        if st.button("Yes, delete it and its upload", type="primary", key=f"delete-{job.id}"):
            try:
                workbench.delete_analysis(job.id)
            except (
                LookupError,
                ValueError,
            ) as error:  # the job was started again elsewhere, or a data set cannot be read
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
