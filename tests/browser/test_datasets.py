"""A researcher's way with data in a real browser: a zip is uploaded, prepared, looked at, thinned out, undone."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from shoot import settle
from skimage import data

from core.data.manifest.exclusions import excluded
from jobs.client import Workbench

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
PATIENCE = 180_000  # milliseconds; two cores may be busy with other work


@pytest.fixture
def page(browser):
    """A page that remembers what it asked from outside this machine, and what broke."""
    opened = browser.new_page(viewport={"width": 1440, "height": 1400})
    opened.outside, opened.broken = [], []
    local = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")
    opened.on("request", lambda r: None if r.url.startswith(local) else opened.outside.append(r.url))
    opened.on("pageerror", lambda error: opened.broken.append(str(error)))
    yield opened
    opened.close()


def archive(path: Path, hostile: str = "") -> Path:
    """Ten real and ten fake pictures, cut from one photograph; a name that is markup; a page dressed as a picture."""
    rng = np.random.default_rng(1)
    with zipfile.ZipFile(path, "w") as packed:
        for number in range(20):
            top, left = rng.integers(0, 380, 2)
            stream = io.BytesIO()
            Image.fromarray(data.astronaut()[top : top + 120, left : left + 120]).save(stream, "PNG")
            label = ("real", "fake")[number % 2]
            name = f"face-{chr(97 + number)}.png"  # numbers alone could be the frames of a clip
            packed.writestr(f"my set/{label}/<b>swap<b>/{name}" if number % 2 else f"my set/{label}/{name}",
                            stream.getvalue())  # fmt: skip
        packed.writestr("my set/fake/page.png", "<script>document.title='owned'</script>" * 9)
        if hostile:
            packed.writestr(hostile, "x")
    return path


def upload(page, site: str, path: Path) -> None:
    page.goto(f"{site}/datasets")
    settle(page)
    opener = page.get_by_text("Prepare another data set")
    if opener.count():
        opener.click()
    page.get_by_role("radio", name="Upload a zip").or_(page.get_by_text("Upload a zip", exact=True)).first.click()
    page.wait_for_selector("input[type=file]", state="attached", timeout=PATIENCE)
    page.set_input_files("input[type=file]", str(path))
    page.wait_for_selector("text=sha256", timeout=PATIENCE)


def test_a_zip_becomes_a_data_set_that_can_be_thinned_out_and_restored(page, site, workbench: Workbench, tmp_path):
    upload(page, site, archive(tmp_path / "my faces.zip"))
    page.get_by_role("button", name="Prepare", exact=True).click()
    page.wait_for_selector("text=Data set my_faces is ready", timeout=PATIENCE)
    job = workbench.jobs(kind="prepare", limit=1)[0]
    assert job.state == "done"
    folder = workbench.artifact("dataset", "my_faces").path
    page.wait_for_selector("text=items in use", timeout=PATIENCE)
    assert "dataset=my_faces" in page.url

    page.get_by_text("Pictures", exact=True).first.click()
    previews = "[...document.querySelectorAll('[data-testid=stImage] img')]"
    page.wait_for_function(f"{previews}.filter(i => i.naturalWidth > 50).length == 20", timeout=PATIENCE)
    assert page.evaluate("document.title") != "owned"
    assert page.locator("[data-testid=stMain] b", has_text="swap").count() == 0, "names are text"
    ticks = page.locator("[class*=st-key-tick-] label")
    ticks.nth(0).click()
    ticks.nth(3).click()
    page.get_by_label("Reason").fill("cut through the face")
    page.get_by_role("button", name="Exclude", exact=True).click()
    page.wait_for_selector("text=2 pictures excluded", timeout=PATIENCE)
    assert len(excluded(folder)) == 2
    page.wait_for_function(f"{previews}.length == 18", timeout=PATIENCE)

    page.get_by_text("Exclusions", exact=True).first.click()
    page.get_by_role("button", name="Undo the last act").click()
    page.wait_for_selector("text=No picture is excluded now", timeout=PATIENCE)
    assert excluded(folder) == {}

    page.get_by_text("Files", exact=True).first.click()
    page.wait_for_selector("text=my_faces.zip", timeout=PATIENCE)
    page.wait_for_selector("text=by its content", timeout=PATIENCE)

    page.get_by_text("Card", exact=True).first.click()
    page.wait_for_selector("text=items in use", timeout=PATIENCE)
    with page.expect_download() as taken:
        page.get_by_role("button", name="Manifest as CSV").first.click()
    rows = list(csv.DictReader(io.StringIO(Path(taken.value.path()).read_text())))
    assert len(rows) == 20
    page.get_by_role("button", name=re.compile("Train on this data set")).click()
    page.wait_for_url("**/train?dataset=my_faces", timeout=PATIENCE)
    page.wait_for_selector("text=Start training", timeout=PATIENCE)
    assert page.locator("[data-testid=stForm]").get_by_text("my_faces").count() or "my_faces" in str(
        page.evaluate("[...document.querySelectorAll('[data-testid=stForm] input')].map(i => i.value)")
    )
    assert page.outside == []
    assert page.broken == []


def test_a_hostile_zip_fails_with_its_reason_and_leaves_nothing(page, site, workbench: Workbench, tmp_path):
    before = {path.name for path in workbench.workspace.root.iterdir()}
    upload(page, site, archive(tmp_path / "slip.zip", hostile="../../slipped.csv"))
    page.get_by_role("button", name="Prepare", exact=True).click()
    page.wait_for_selector("text=leads out of the archive", timeout=PATIENCE)
    assert workbench.jobs(kind="prepare", limit=1)[0].state == "failed"
    assert {path.name for path in workbench.workspace.root.iterdir()} == before
    assert not list(workbench.workspace.root.rglob("slipped*"))
    assert page.broken == []
