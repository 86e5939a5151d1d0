"""The Gradio demo, empty and with a card, for readers with a keyboard, a screen reader, a zoom or a telephone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from shoot import ROOT, free_port, wait_for
from test_accessibility import PATIENCE, place, sideways, violations, walk

from app.analysis.requests import submit
from core.analysis.spec import AnalyzeSpec
from core.artifacts.files import write_json
from jobs.client import Workbench
from jobs.kind import Produced
from jobs.settings import Settings
from tests.support.seed_workspace import analysis, face, picture

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    opened = Workbench.open(Settings(home=tmp_path_factory.mktemp("demo-home")))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def demo_site(workbench: Workbench) -> Iterator[str]:
    home, port = workbench.workspace.root, free_port()
    with open(home / "demo.log", "w") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", "app.demo", "--port", str(port)],
            cwd=ROOT, env={**os.environ, "AWARE_HOME": str(home)}, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            wait_for(f"http://127.0.0.1:{port}/", started, 120)
            yield f"http://127.0.0.1:{port}"
        finally:
            started.terminate()
            started.wait(30)


@pytest.fixture(scope="module")
def judged(workbench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture whose analysis is already there: the demo shows it at once, and no worker is needed."""
    file = tmp_path_factory.mktemp("media") / "visitor.png"
    picture(file, 0)
    with open(file, "rb") as stream:
        stored = workbench.store_upload(stream, file.name)
    job_id = submit(AnalyzeSpec(files=[str(stored)], whole_frame=False), workbench)
    workbench.store.claim("analyze", "by-hand", time.time(), job_id=job_id)
    folder = workbench.workspace.analyses / job_id
    folder.mkdir(parents=True)
    document = analysis(file.name, [face(0, 0.912), face(1, 0.12)])
    write_json(folder / "analysis.json", document.model_dump(mode="json"))
    for name in [*(item.crop for item in document.faces), *(item.file for item in document.evidence)]:
        picture(folder / str(name), 1)
    produced = Produced("analysis", job_id, str(folder), {})
    result = {"message": "", "values": {}, "produced": [vars(produced)]}
    workbench.store.finish(job_id, 1, "done", time.time(), result=result, produced=[produced])
    return file


@pytest.mark.parametrize("width", [1440, 720, 390])
def test_the_demo_has_no_serious_violation_and_does_not_scroll_sideways(browser, demo_site, judged, width):
    page = browser.new_page(viewport={"width": width, "height": 1000})
    page.goto(demo_site)
    page.wait_for_selector("input[type=file]", state="attached", timeout=PATIENCE)
    page.get_by_text("No analysis yet").wait_for(timeout=PATIENCE)
    empty, empty_wide = violations(page), sideways(page)
    page.set_input_files("input[type=file]", str(judged))
    page.get_by_text("visitor").first.wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Analyze").click()
    page.wait_for_selector(".aw-stage.decided", timeout=PATIENCE)
    page.get_by_role("tab").first.wait_for(timeout=PATIENCE)
    filled, filled_wide = violations(page), sideways(page)
    page.close()
    assert (empty, filled) == ([], [])
    assert (empty_wide, filled_wide) == (0, 0)


def test_the_keyboard_reaches_the_upload_the_option_and_the_button(browser, demo_site):
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.goto(demo_site)
    page.get_by_text("No analysis yet").wait_for(timeout=PATIENCE)
    reached = walk(page, 12)
    page.close()
    order = [place(reached, wanted) for wanted in ("Click to upload", "input", "Analyze")]
    assert order == sorted(order), reached
