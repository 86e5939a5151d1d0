"""Streamlit entry: `streamlit run app/main.py`, or `aware up`. Layout of the whole; the pages are in `pages/`."""

from __future__ import annotations

import html

import streamlit as st

from app.analysis import bundles
from app.ui import navigation, session, theme


@st.fragment(run_every=20)
def footer() -> None:
    """What is in force and whether anybody works: seen from every page."""
    workbench = session.workbench()
    active = workbench.active()
    manifest = bundles.bundle_manifest(active.bundle)
    bundle = f"{manifest.name} {manifest.version}" if manifest else "none yet: make one under Models"
    policy = bundles.policy_title(active.policy)
    alive = [worker for worker in workbench.workers() if worker.alive]
    tone, words = (
        ("#3f7d4e", f"{len(alive)} worker{'s' if len(alive) > 1 else ''} ready")
        if alive
        else (theme.VERDICT_COLOURS["fake"], "No worker. Start one: aware worker (or aware up for everything)")
    )
    st.html(
        '<div class="aw aw-foot">'
        f"<p><span class='aw-quiet'>Bundle</span><br>{html.escape(bundle)}</p>"
        f"<p><span class='aw-quiet'>Policy</span><br>{html.escape(policy)}</p>"
        f"<p><span class='aw-dot' style='--aw-tone: {tone}'></span>{html.escape(words)}</p></div>"
    )


def main() -> None:
    """Draw the frame of every page, then the page."""
    st.set_page_config(
        page_title="AWARE-NET Workbench", page_icon=str(theme.ICON), layout="wide", initial_sidebar_state=260
    )
    st.logo(str(theme.WORDMARK), size="medium", icon_image=str(theme.ICON))
    page = st.navigation(navigation.sections())
    with st.sidebar:
        footer()
    page.run()


if __name__ == "__main__":
    main()
