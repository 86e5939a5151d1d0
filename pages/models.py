"""Models: runs with their figures, bundles, and which of them is in force."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from app.analysis import bundles
from app.forms.job_forms import job_form, stack_form
from app.ui import html, session, widgets
from app.ui.navigation import PageInfo
from jobs.client import SHIPPED_BUNDLE, Workbench
from jobs.queue.views import ArtifactView

PAGE = PageInfo(section="Research", title="Models", url="models", icon=":material/deployed_code:", order=60)


def render() -> None:
    workbench = session.workbench()
    widgets.page_header("Models", "Runs are experiments; a bundle is what judges. One bundle is in force at a time.")
    in_force, runs, export = st.tabs(["Bundles", "Runs", "Make a bundle"])
    with in_force:
        bundle_list(workbench)
    with runs:
        run_table(workbench.artifacts("run"))
    with export:
        export_form(workbench)


def bundle_list(workbench: Workbench) -> None:
    """The active bundle first, then every other with a way to put it in force."""
    active = workbench.active()
    manifest = bundles.bundle_manifest(active.bundle)
    if manifest is None:
        widgets.empty("No bundle is in force", "Train, stack and export one, then put it in force here.")
    else:
        st.subheader("In force", anchor=False)
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
        st.caption("These folders are not offered, for they do not check out:")
        widgets.notice([f"{mark.parent.name}: {why}" for mark, why in refused.items()])
    history(workbench)


def bundle_card(folder: Path, workbench: Workbench, in_force: bool = False) -> None:
    """Name, members, policy, and what can be done with it."""
    manifest = bundles.bundle_manifest(folder)
    with st.container(border=True):
        if manifest is None:
            st.text(f"{folder} is gone or holds no bundle.json.")
            return
        members = ", ".join(f"{m.title} ({m.gflops:.2g} GFLOP)" for m in manifest.members)
        last = "meta-model" if manifest.stacked else "none; the last expert decides"
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
    """Put a bundle in force, after saying what changes."""
    with st.popover("Put in force"):
        st.html(html.facts(bundles.changes(workbench.active().bundle, folder)))
        st.caption("Every new analysis uses it from now on; finished ones keep what they were judged by.")
        reason = st.text_input("Why (kept in the history)", key=f"why-{folder}", max_chars=400)
        if st.button("Yes, put it in force", key=f"use-{folder}", type="primary"):
            workbench.set_active(bundle=folder, reason=reason)
            st.rerun()


def own_policy(workbench: Workbench) -> None:
    """Back from a chosen policy to the bundle's own."""
    if st.button("Back to the bundle's own policy", help="Sets aside the policy that was chosen under Cascade."):
        workbench.set_active(policy="", reason="back to the bundle's own policy")
        st.rerun()


def download(folder: Path, stem: str, workbench: Workbench) -> None:
    """The bundle as a zip, made when asked for."""
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
    """What was in force before, and one click back."""
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
    rows = [
        (widgets.when(c.at), c.what, Path(c.value).name if c.value else "the bundle's own", c.reason, c.author)
        for c in changes
    ]
    st.dataframe(pd.DataFrame(rows, columns=["when", "what", "now in force", "why", "who"]), hide_index=True)


FIGURES = ("auroc", "f1", "ece", "average_precision", "eer")


def run_table(runs: list[ArtifactView]) -> None:
    """Every run with its figures; one opens below."""
    if not runs:
        widgets.empty("No run yet", "Start a training under Train; its figures appear here when it ends.")
        return
    rows = pd.DataFrame([run_row(item) for item in runs]).dropna(axis=1, how="all")
    chosen = st.dataframe(rows, hide_index=True, on_select="rerun", selection_mode="single-row", key="runs")
    if not chosen.selection.rows:
        st.caption("Select a row to see a run whole.")
        return
    item = runs[chosen.selection.rows[0]]
    st.subheader(widgets.plain_markdown(item.name), anchor=False)
    plain = {k: v for k, v in item.summary.items() if not isinstance(v, dict | list)}
    st.html(html.facts({k.replace("_", " "): widgets.figure(v) for k, v in plain.items()} | {"folder": item.path}))
    curves = item.path / "training_curves.png"
    if curves.is_file():
        st.image(str(curves), width=760)


def run_row(item: ArtifactView) -> dict[str, Any]:
    """A run's line: what it is and its figures, evaluated ones first."""
    summary = item.summary
    row: dict[str, Any] = {"run": item.name, "recipe": summary.get("recipe"), "made": widgets.when(item.created_at)}
    for name in FIGURES:
        for prefix in ("evaluation_", "", "val_select_"):
            if isinstance(summary.get(f"{prefix}{name}"), int | float):
                row[name] = round(float(summary[f"{prefix}{name}"]), 4)
                break
    return row


def export_form(workbench: Workbench) -> None:
    """The forms of a `stack` and of an `export` job, in that order; once one is sent, its job opens."""
    if not workbench.artifacts("run"):
        widgets.empty("Nothing to freeze yet", "A bundle is made of a stack run: train, calibrate, then stack.")
        return
    with st.expander("First: stack calibrated runs (stage 3)"):
        stack_form(workbench)
    st.subheader("Then: freeze a stack into a bundle", anchor=False)
    st.caption("A bundle freezes a stack run, its members, calibrators and policy, each file with its hash.")
    job_form("export", workbench, submit="Export", front=("policy", "name", "version", "zip"))
