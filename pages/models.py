"""Models: list bundles and runs with their figures, put a bundle in force, and make a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from app.analysis import bundles
from app.forms.job_forms import job_form, stack_form
from app.ui import html, session, widgets
from app.ui.formatting import local_time
from app.ui.navigation import PageInfo
from app.ui.tables import show_table
from core.glossary import define
from jobs.client import SHIPPED_BUNDLE, Workbench
from jobs.queue.views import ArtifactView

PAGE = PageInfo(section="Research", title="Models", url="models", icon=":material/deployed_code:", order=60)


RUN_FIGURES = ("auroc", "f1", "ece", "average_precision", "eer")
RUN_FIGURE_PREFIXES = ("evaluation_", "", "val_select_")
"""Of a figure in a run's summary: that of an evaluation first, then that of training."""


def render() -> None:
    """Draw the page."""
    workbench = session.workbench()
    widgets.page_header(
        "Models",
        "See the runs of this workspace and the bundles made of them. Analyses use the one bundle that is in force.",
    )
    in_force, runs, export = st.tabs(["Bundles", "Runs", "Make a bundle"])
    with in_force:
        bundle_list(workbench)
    with runs:
        run_table(workbench.artifacts("run"))
    with export:
        export_form(workbench)


def bundle_list(workbench: Workbench) -> None:
    """Draw the bundle in force first, then each other bundle with a button to put it in force."""
    active = workbench.active()
    manifest = bundles.bundle_manifest(active.bundle)
    if manifest is None:
        widgets.empty(
            "No bundle is in force",
            "Train detectors, stack them, export the stack as a bundle, and put it in force here.",
            "Train a detector", "train",
        )  # fmt: skip
    else:
        st.subheader("In force", anchor=False, help=define("bundle"))
        bundle_card(active.bundle, workbench, in_force=True)
    others = [item for item in workbench.artifacts("bundle") if item.path != active.bundle]
    if active.bundle != SHIPPED_BUNDLE and bundles.bundle_manifest(SHIPPED_BUNDLE):
        st.subheader("Shipped with the workbench", anchor=False)
        bundle_card(SHIPPED_BUNDLE, workbench)
    if others:
        st.subheader("In the workspace", anchor=False)
    for item in others:
        bundle_card(item.path, workbench)
    refused = {mark: why for mark, why in workbench.finder.refused.items() if mark.name == "bundle.json"}
    if refused:
        st.caption("These folders are not offered, because their check failed. Export or import them again:")
        widgets.notice([f"{mark.parent.name}: {why}" for mark, why in refused.items()])
    history(workbench)


def bundle_card(folder: Path, workbench: Workbench, in_force: bool = False) -> None:
    """Draw a bundle: its members, and what can be done with it.

    Args:
        folder: Of the bundle.
        workbench: Whose bundle in force is changed.
        in_force: Whether it is the bundle in force.
    """
    manifest = bundles.bundle_manifest(folder)
    with st.container(border=True):
        if manifest is None:
            st.text(f"{folder} is missing or holds no bundle.json. Export or import the bundle again.")
            return
        members = ", ".join(f"{m.title} ({m.gflops:.2g} GFLOP)" for m in manifest.members)
        last = "meta-model" if manifest.stacked else "none: the last expert decides"
        st.html(
            f'<div class="aw"><b>{html.escape(f"{manifest.name} {manifest.version}")}</b></div>'
            + html.facts(
                {"Members": members, "Stage 3": last, "Made": widgets.when(manifest.created_at), "Folder": folder}
            )
        )
        with st.container(horizontal=True):
            if not in_force:
                confirm(folder, workbench)
            if in_force and workbench.active().policy is not None:
                own_policy(workbench)
            download(folder, f"{manifest.name}-{manifest.version}", workbench)
        if text := bundles.card_text(folder):
            with st.expander("Card: figures, sources, limits"):
                st.markdown(widgets.plain_markdown(text))


def confirm(folder: Path, workbench: Workbench) -> None:
    """Put a bundle in force, after showing what changes.

    Args:
        folder: Of the bundle.
        workbench: Whose bundle in force is changed.
    """
    with st.popover("Put in force"):
        st.html(html.facts(bundles.changes(workbench.active().bundle, folder)))
        st.caption(
            "Every new analysis uses this bundle. Finished analyses keep their results and the name of their bundle."
        )
        reason = st.text_input("Reason (stored in the history)", key=f"why-{folder}", max_chars=400)
        if st.button("Yes, put it in force", key=f"use-{folder}", type="primary"):
            workbench.set_active(bundle=folder, reason=reason)
            st.rerun()


def own_policy(workbench: Workbench) -> None:
    """Draw the button that returns from a chosen policy to the bundle's own."""
    if st.button(
        "Back to the bundle's own policy",
        help="The policy that was chosen on the page Cascade is then no longer in force.",
    ):
        workbench.set_active(policy="", reason="back to the bundle's own policy")
        st.rerun()


def download(folder: Path, stem: str, workbench: Workbench) -> None:
    """Offer the bundle as a zip file, which is made when the reader asks for it.

    Args:
        folder: Of the bundle.
        stem: Name of the file without its extension.
        workbench: Whose workspace keeps the file.
    """
    if st.button("Prepare zip", key=f"zip-{folder}"):
        st.session_state[f"zipped-{folder}"] = True
    if st.session_state.get(f"zipped-{folder}"):
        path = bundles.zipped(folder, workbench.workspace)
        with open(path, "rb") as stream:
            st.download_button(
                f"Download ({path.stat().st_size / 2**20:.1f} MB)", stream, file_name=f"{stem}.zip",
                mime="application/zip", key=f"get-{folder}", on_click="ignore",
            )  # fmt: skip


def history(workbench: Workbench) -> None:
    """List what was in force, and offer to return to the bundle before."""
    changes = workbench.active_history()
    if not changes:
        return
    st.subheader("History", anchor=False)
    previous = bundles.previous(changes, workbench)
    if previous is not None:
        name = bundles.bundle_title(previous)
        if st.button(f"Back to {widgets.plain_markdown(name)}", icon=":material/undo:"):
            workbench.set_active(bundle=previous, reason=f"back to {name}")
            st.rerun()
    zone = widgets.reader_zone()
    rows = [
        (local_time(c.at, zone), c.what, Path(c.value).name if c.value else "the bundle's own", c.reason, c.author)
        for c in changes
    ]
    table = pd.DataFrame(rows, columns=["time", "changed", "now in force", "reason", "author"])
    show_table(table, "history of what was in force", wide=["reason"])


def run_table(runs: list[ArtifactView]) -> None:
    """List every run with its figures; the selected one is shown in full below."""
    if not runs:
        widgets.empty(
            "No run in this workspace",
            "Train a detector. Its run and its figures appear here.",
            "Train a detector",
            "train",
        )
        return
    rows = pd.DataFrame([run_row(item) for item in runs]).dropna(axis=1, how="all")
    chosen = st.dataframe(rows, hide_index=True, on_select="rerun", selection_mode="single-row", key="runs")
    if not chosen.selection.rows:
        st.caption("Select a row to see all facts of a run and its training curves.", help=define("run"))
        return
    item = runs[chosen.selection.rows[0]]
    st.subheader(widgets.plain_markdown(item.name), anchor=False)
    facts = {k: v for k, v in item.summary.items() if not isinstance(v, dict | list)}
    st.html(html.facts({k.replace("_", " "): widgets.figure(v) for k, v in facts.items()} | {"folder": item.path}))
    curves = item.path / "training_curves.png"
    if curves.is_file():
        st.image(str(curves), width=760)
        st.caption("See whether the figures on val_select still improve at the last epoch.")


def run_row(item: ArtifactView) -> dict[str, Any]:
    """Lay out one run: its recipe, its date and its figures, those of an evaluation first."""
    summary = item.summary
    row: dict[str, Any] = {"run": item.name, "recipe": summary.get("recipe"), "made": widgets.when(item.created_at)}
    for name in RUN_FIGURES:
        for prefix in RUN_FIGURE_PREFIXES:
            if isinstance(summary.get(f"{prefix}{name}"), int | float):
                row[name] = round(float(summary[f"{prefix}{name}"]), 4)
                break
    return row


def export_form(workbench: Workbench) -> None:
    """Draw the forms of a `stack` and of an `export` job; a form that is sent opens its job."""
    if not workbench.artifacts("run"):
        widgets.empty(
            "No run to make a bundle of",
            "A bundle is made of a stack run. Train detectors, calibrate them, then stack them here.",
            "Train a detector", "train",
        )  # fmt: skip
        return
    with st.expander("Step 1: stack calibrated runs (stage 3)"):
        stack_form(workbench)
    st.subheader("Step 2: export a stack as a bundle", anchor=False)
    st.caption("A bundle is a copy of a stack run with its members, calibrators and policy, and the hash of each file.")
    job_form("export", workbench, submit="Export", front=("policy", "name", "version", "zip"))
