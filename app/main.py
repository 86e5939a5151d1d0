"""Start the Streamlit workbench, `streamlit run app/main.py` or `aware up`: the frame around the pages of `pages/`."""

from __future__ import annotations

from html import escape

import streamlit as st

from app.analysis import bundles
from app.ui import html, navigation, session, theme
from core.glossary import define


@st.fragment(run_every=20)
def footer() -> None:
    """Draw, on every page, which bundle and policy are in force and whether a worker is running."""
    workbench = session.workbench()
    active = workbench.active()
    manifest = bundles.bundle_manifest(active.bundle)
    bundle = f"{manifest.name} {manifest.version}" if manifest else "None yet. Make one under Models."
    policy = bundles.policy_title(active.policy)
    alive = [worker for worker in workbench.workers() if worker.alive]
    tone, words = (
        ("#3f7d4e", f"{len(alive)} worker{'s' if len(alive) > 1 else ''} running")
        if alive
        else (theme.VERDICT_COLOURS["fake"], "No worker is running. Start one with aware worker.")
    )
    st.html(
        '<div class="aw aw-foot">'
        f"<p><span class='aw-quiet'>{html.term('Bundle', define('bundle'))}</span><br>{escape(bundle)}</p>"
        f"<p><span class='aw-quiet'>{html.term('Policy', define('policy'))}</span><br>{escape(policy)}</p>"
        f"<p><span class='aw-dot' style='--aw-tone: {tone}'></span>{escape(words)}</p></div>"
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
