"""The Jobs page in a real Chromium: a list opened by keyboard, a log at its newest lines, an end that is not missed."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from shoot import at_rest, free_port, settle, streamlit

from core.analysis.spec import AnalyzeSpec
from core.train.spec import TrainSpec
from jobs.client import Workbench
from jobs.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]
LONG = "This message is long on purpose, and it must be read to its end at every width without a sideways scroll. " * 2


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A workspace without a worker: the test itself says what becomes of a job."""
    opened = Workbench.open(Settings(home=tmp_path_factory.mktemp("quiet-home")))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def site(workbench: Workbench) -> Iterator[str]:
    with streamlit(workbench.workspace.root, free_port()) as address:
        yield address


@pytest.fixture
def running(workbench):
    """A training that has begun and said much."""
    job_id, now = f"train-{time.time_ns()}", time.time()
    spec = TrainSpec(dataset="faces", epochs=3).model_dump(mode="json")
    workbench.store.add(job_id=job_id, kind="train", pool="by-hand", spec=spec, now=now, worker="by-hand")
    workbench.store.report(job_id, 1, fraction=0.3683, message=LONG.strip())
    log = workbench.job_folder(job_id) / "attempt-1" / "log.txt"
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"line {i}\n" for i in range(200)))
    yield job_id
    if not workbench.job(job_id).ended:
        workbench.store.finish(job_id, 1, "cancelled", time.time())


def opened(browser, width: int = 1440, zone: str = "Asia/Kolkata"):
    return browser.new_page(viewport={"width": width, "height": 1000}, timezone_id=zone)


@pytest.mark.parametrize("width", [1440, 800, 390])
def test_the_list_wraps_tells_local_time_and_opens_by_keyboard(browser, site, workbench, running, width):
    workbench.store.finish(running, 1, "failed", time.time(), error=LONG.strip())
    page = opened(browser, width)
    page.goto(f"{site}/jobs")
    settle(page)
    row = page.locator("tr", has=page.get_by_text("36 %")).first
    row.wait_for(timeout=180_000)
    message = row.locator(".message")
    assert message.inner_text() == LONG.strip()
    assert message.evaluate("e => e.scrollWidth <= e.parentElement.clientWidth + 1"), "the message is cut"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
    stamp = row.locator("time")
    assert stamp.get_attribute("title").endswith(" UTC")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", stamp.inner_text())
    assert stamp.inner_text() != stamp.get_attribute("title").removesuffix(" UTC"), "the zone of Kolkata is not UTC"
    row.get_by_role("button").focus()
    page.wait_for_timeout(4000)  # a refresh of the list passes, and the focus stays
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(re.escape(running)), timeout=180_000)
    page.close()


def test_a_log_opens_at_its_newest_lines_and_follows(browser, site, workbench, running):
    page = opened(browser)
    page.goto(f"{site}/jobs?job={running}")
    log = page.locator(".st-key-job-log")
    log.locator("pre").wait_for(timeout=180_000)
    bottom = """e => { const box = e.getBoundingClientRect(), text = e.querySelector('pre').getBoundingClientRect();
                       return Math.abs(text.bottom - box.bottom) < 40 && e.scrollHeight > e.clientHeight; }"""
    page.wait_for_function(f"({bottom})(document.querySelector('.st-key-job-log'))", timeout=180_000)
    file = workbench.job_folder(running) / "attempt-1" / "log.txt"
    file.write_text(file.read_text() + "the newest line\n")
    page.get_by_text("the newest line").wait_for(timeout=180_000)
    assert log.evaluate(bottom), "the log does not follow"
    page.close()


def test_the_end_of_a_job_arrives_while_its_page_is_used(browser, site, workbench, running):
    page = opened(browser)
    page.goto(f"{site}/jobs?job={running}")
    settle(page)
    page.get_by_text("Input", exact=True).click()
    workbench.store.finish(running, 1, "failed", time.time(), error="Out of memory.")
    page.get_by_text("Input", exact=True).click()
    page.get_by_role("button", name="Retry").wait_for(timeout=180_000)
    page.get_by_text("Out of memory.").first.wait_for(timeout=180_000)
    page.close()


def test_an_analysis_that_ends_while_its_card_is_open_can_be_deleted_at_once(browser, site, workbench, tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(b"x")
    spec = AnalyzeSpec(files=[str(path)]).model_dump(mode="json")
    job_id = f"analyze-{time.time_ns()}"
    workbench.store.add(job_id=job_id, kind="analyze", pool="by-hand", spec=spec, now=time.time(), worker="by-hand")
    page = opened(browser)
    page.goto(f"{site}/?job={job_id}")
    settle(page)
    assert page.get_by_text("Delete this analysis").count() == 0
    page.get_by_text("Options", exact=True).click()  # a popover is open while the job ends
    workbench.store.finish(job_id, 1, "failed", time.time(), error="The file cannot be read.")
    page.keyboard.press("Escape")
    page.get_by_text("Delete this analysis").wait_for(timeout=180_000)
    page.get_by_text("Delete this analysis").click()
    page.get_by_role("button", name="Yes, delete it and its upload").click()
    page.get_by_text("No analysis yet").wait_for(timeout=180_000)
    page.close()
    with pytest.raises(LookupError):
        workbench.job(job_id)


def test_refusals_of_a_batch_stay_until_they_are_hidden(browser, site, tmp_path):
    empty = tmp_path / "nothing.png"
    empty.touch()
    page = opened(browser)
    page.goto(site)
    settle(page)
    page.set_input_files("input[type=file]", str(empty))
    refusal = page.get_by_text("nothing.png: the file is empty")
    refusal.wait_for(timeout=180_000)
    page.get_by_text("Options", exact=True).click()
    page.get_by_text("Score with every expert").click()
    page.keyboard.press("Escape")
    at_rest(page)
    assert refusal.count() == 1, "the refusal vanished at the next click"
    page.get_by_role("button", name="Hide this message").click()
    refusal.wait_for(state="detached", timeout=180_000)
    page.close()
