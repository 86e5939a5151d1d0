"""Ways to a new data set: upload a zip, name a folder that the server may read, or draw the demo set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from app.forms import form as forms
from app.forms.allowed_paths import allowed
from app.ui import html, widgets
from app.views.datasets.offered import offered
from core.data.prepare.archive import is_archive
from core.data.spec import PrepareSpec
from jobs.client import Workbench

UPLOAD, FOLDER, DEMO = "Upload a zip", "Name a folder", "Draw the demo set"
FRONT = ("name", "source", "detect_faces")


def ways(workbench: Workbench) -> None:
    """Show the form of the chosen way. A sent form becomes a job, shown on this page by `?job=`."""
    way = st.segmented_control("Where the pictures come from", [UPLOAD, FOLDER, DEMO], default=DEMO, required=True)
    if way == UPLOAD:
        upload(workbench)
    elif way == FOLDER:
        folder(workbench)
    else:
        st.caption("Code draws portraits, real and manipulated, so that every page can be tried without a download.")
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
        "A zip of folders real/ and fake/, of one of the known layouts, or of pictures with a manifest.csv. The whole "
        "zip is refused for links, passwords, names that lead out of it, and for an extreme size after unpacking. "
        "Files with odd "
        "names, and files that are neither picture, clip nor list, are left out and named under Files."
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
    archive = Path(st.session_state.get("dataset_upload", ""))
    if not archive.is_file():
        st.caption(f"For a larger set, put its folder where the server may read it, and choose “{FOLDER}”.")
        return
    size = archive.stat().st_size / 2**20
    pairs = {"Archive": archive.name, "Size": f"{size:.1f} MiB", "Kept as": f"sha256 {archive.parent.name}"}
    st.html(html.facts(pairs))
    form(workbench, str(archive), f"zip.{archive.parent.name[:12]}")


def stored(stream: object, name: str, workbench: Workbench) -> Path:
    """Keep an upload by its hash.

    Args:
        stream: The bytes.
        name: Name of the file on the visitor's machine.
        workbench: Keeps the file.

    Returns:
        Its place.

    Raises:
        ValueError: It is too large, empty or no zip, or the server could not keep it.
    """
    path = workbench.store_upload(stream, name)  # type: ignore[arg-type]
    try:
        if is_archive(path):
            return path
        path.unlink()
    except OSError as error:
        raise ValueError(f"the server could not read it again ({error.strerror}); upload the file again") from error
    raise ValueError(
        "this is not a zip file, although its name ends with .zip; pack the folder as a zip and upload that"
    )


def folder(workbench: Workbench) -> None:
    """Show the choice of a folder, zip or manifest below one of the roots that the operator allowed."""
    roots = workbench.settings.readable_roots()
    st.html(html.facts([("The server may read below", " , ".join(str(root) for root in roots))]))
    st.caption(
        "Put a folder there, or start the workbench with AWARE_DATA_ROOTS set to more folders, separated by "
        f"{os.pathsep!r}. The command `aware prepare` reads any folder of the person who runs it."
    )
    places = offered(roots)
    if not places:
        st.caption("Nothing below these folders looks like a data set yet. A path below them can also be typed.")
    named = st.selectbox(
        "Folder, zip or manifest", places, index=None, accept_new_options=True,
        key="dataset-folder", placeholder="choose one, or type a path below these folders",
    )  # fmt: skip
    if not named:
        return
    try:
        path = allowed(named, roots)
    except ValueError as error:
        widgets.notice([str(error)], "error")
        return
    form(workbench, str(path), f"folder.{path}")
