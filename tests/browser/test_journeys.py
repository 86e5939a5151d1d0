"""A visitor's ways through the product, with a real browser, a real worker and a tiny bundle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from shoot import settle
from skimage import data

from app.ui.navigation import modules
from jobs.client import Workbench

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]
PATIENCE = 180_000  # milliseconds; two cores may be busy with other work


@pytest.fixture(scope="module")
def photograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real photograph under a name that is markup where names are not treated as text."""
    from PIL import Image

    path = tmp_path_factory.mktemp("media") / "![x](http___h.example_p.png) <b>me<b>.png"
    Image.fromarray(data.astronaut()).save(path)
    return path


@pytest.fixture
def page(browser):
    """A page that remembers which addresses outside this machine were asked for, and what broke."""
    opened = browser.new_page(viewport={"width": 1440, "height": 1000})
    opened.outside, opened.broken = [], []
    opened.on("request", lambda r: opened.outside.append(r.url) if is_outside(r.url) else None)
    opened.on("pageerror", lambda error: opened.broken.append(str(error)))
    yield opened
    opened.close()


def is_outside(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:"))


def test_an_upload_becomes_an_explained_verdict(page, site, workbench: Workbench, photograph: Path):
    page.goto(site)
    settle(page)
    page.set_input_files("input[type=file]", str(photograph))
    page.wait_for_selector("text=Download JSON", timeout=PATIENCE)
    word = page.inner_text(".aw-word")
    job = workbench.jobs(kind="analyze", limit=1)[0]
    assert job.state == "done"
    assert word.lower() == job.part["verdict"].replace("_", " ")
    assert f"p_fake {job.part['p_fake']:.3f}" in page.inner_text(".aw-verdict")
    assert page.locator(".aw-stage.decided").count() >= 1
    assert "<b>" not in job.part["file_name"] or page.locator("b", has_text="me").count() == 0
    with page.expect_download() as taken:
        page.click("text=Download JSON")
    assert json.loads(Path(taken.value.path()).read_text()) == job.part
    page.reload()
    page.wait_for_selector(".aw-word", timeout=PATIENCE)
    assert page.inner_text(".aw-word") == word, "the address brings the same verdict back"
    assert page.outside == []
    assert page.broken == []


def test_every_page_opens_without_a_word_to_the_outside(page, site):
    for module in modules():
        page.goto(f"{site}/{module.PAGE.url}")
        settle(page)
        assert page.inner_text("h1") == module.PAGE.title
        assert page.locator("[data-testid=stException]").count() == 0
    assert page.outside == []
    assert page.broken == []


def test_the_demo_gives_the_same_answer_as_the_page(page, demo_site, workbench: Workbench, photograph: Path):
    page.goto(demo_site)
    page.wait_for_selector("input[type=file]", state="attached", timeout=PATIENCE)
    page.set_input_files("input[type=file]", str(photograph))
    page.wait_for_selector(f"text={photograph.suffix[1:]}", timeout=PATIENCE)
    page.get_by_role("button", name="Analyze").click()
    page.wait_for_selector(".aw-stage.decided", timeout=PATIENCE)
    page.wait_for_function("!document.querySelector('.aw-word').innerText.includes('so far')", timeout=PATIENCE)
    newest = workbench.jobs(kind="analyze", limit=1)[0]
    shown = page.inner_text(".aw-verdict")
    assert newest.part["verdict"].lower() in shown.lower()
    assert f"p_fake {newest.part['p_fake']:.3f}" in shown
    left = list((workbench.workspace.root / "demo-cache").rglob("*.png"))
    assert left == [], "the upload stays in no cache that other visitors can read"
    assert page.outside == []
