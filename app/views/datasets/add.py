"""Ways to a new data set: upload a zip, name a folder that the server may read, or draw the demo set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from app.forms import form as forms
from app.forms.allowed_paths import allowed
from app.ui import html, widgets
from core.data.prepare.archive import is_archive
from core.data.spec import PrepareSpec
from jobs.client import Workbench

UPLOAD, FOLDER, DEMO = "Upload a zip", "Name a folder", "Draw the demo set"
FRONT = ("name", "source", "detect_faces")
LISTED = (".zip", ".csv", ".parquet")
MOST_LISTED = 300


def ways(workbench: Workbench) -> None:
    """Show the form of the chosen way. A sent form becomes a job, shown on this page by `?job=`."""
    way = st.segmented_control("Where the pictures come from", [UPLOAD, FOLDER, DEMO], default=DEMO, required=True)
    if way == UPLOAD:
        upload(workbench)
    elif way == FOLDER:
        folder(workbench)
    else:
        st.caption("Portraits drawn by code, real and manipulated, to try everything out: nothing is downloaded.")
        form(workbench, "demo", "demo", front=("name", "demo_identities"))


def form(workbench: Workbench, path: str, key: str, front: Sequence[str] = FRONT) -> None:
    """Show the rest of a `prepare` job's input, its path decided. Once sent, the job is queued and followed here.

    Args:
        workbench: Takes the job.
        path: What is prepared.
        key: Tells forms apart.
        front: Fields that stand outside the expander.
    """
    name = {"name": "demo"} if path == "demo" else {}
    spec = forms.spec_form(
        PrepareSpec, workbench, key=f"prepare.{key}", submit="Prepare", given={"path": path, "out": ""}, values=name,
        front=front,
    )  # fmt: skip
    if not isinstance(spec, PrepareSpec):
        return
    st.query_params["job"] = workbench.submit("prepare", spec)
    st.rerun()


def upload(workbench: Workbench) -> None:
    """Show the uploader. A zip goes to disk at once and is unpacked by the job, never in this process."""
    turn = st.session_state.setdefault("dataset_upload_turn", 0)
    limit = workbench.settings.upload_mb
    st.caption(
        "A zip of folders real/ and fake/, of one of the known layouts, or of pictures with a manifest.csv. "
        "Links, passwords, names that lead elsewhere and archives that grow beyond reason are refused; what is "
        "neither picture, clip nor list is left out and named on the card."
    )
    sent = st.file_uploader(f"Zip, up to {limit} MB", type=["zip"], key=f"dataset-{turn}", max_upload_size=limit)
    if sent is not None:
        try:
            st.session_state["dataset_upload"] = str(stored(sent, sent.name, workbench))
        except ValueError as error:
            st.session_state["dataset_upload_problem"] = f"{sent.name}: {error}"
        st.session_state["dataset_upload_turn"] = turn + 1  # an empty uploader holds nothing in memory
        st.rerun()
    if problem := st.session_state.pop("dataset_upload_problem", ""):
        widgets.notice([problem], "error")
    kept = Path(st.session_state.get("dataset_upload", ""))
    if not kept.is_file():
        st.caption(f"A larger set: put its folder where the server may read it, and choose “{FOLDER}”.")
        return
    size = kept.stat().st_size / 2**20
    st.html(html.facts({"Archive": kept.name, "Size": f"{size:.1f} MiB", "Kept as": f"sha256 {kept.parent.name}"}))
    form(workbench, str(kept), f"zip.{kept.parent.name[:12]}")


def stored(stream: object, name: str, workbench: Workbench) -> Path:
    """Keep an upload by its hash. Raises ValueError when it is too large, empty or no zip."""
    path = workbench.store_upload(stream, name)  # type: ignore[arg-type]
    if not is_archive(path):
        path.unlink()
        raise ValueError("this is no zip, whatever its name says; pack the folder as a zip and upload that")
    return path


def folder(workbench: Workbench) -> None:
    """Show the choice of a folder, zip or manifest below one of the roots that the operator allowed."""
    roots = workbench.settings.readable_roots()
    st.html(html.facts([("The server may read below", " , ".join(str(root) for root in roots))]))
    st.caption(
        "Put a folder there, or start the workbench with AWARE_DATA_ROOTS set to more folders, separated by "
        f"{os.pathsep!r}. The command `aware prepare` reads any folder of the person who runs it."
    )
    named = st.selectbox(
        "Folder, zip or manifest", listed(roots), index=None, accept_new_options=True, key="dataset-folder",
        placeholder="choose one, or type a path below these folders",
    )  # fmt: skip
    if not named:
        return
    try:
        path = allowed(named, roots)
    except ValueError as error:
        widgets.notice([str(error)], "error")
        return
    form(workbench, str(path), f"folder.{path}")


def listed(roots: Sequence[Path]) -> list[str]:
    """What lies directly in the roots and could be prepared: folders, zips, manifests; at most MOST_LISTED."""
    found: list[str] = []
    for root in roots:
        if not root.is_dir():
            continue
        with os.scandir(root) as entries:
            names = [e.path for e in entries if e.name[0] != "." and (e.is_dir() or e.name.lower().endswith(LISTED))]
        found += sorted(names)[: MOST_LISTED - len(found)]
    return found
