"""The three pages of boards in a real browser: what a link of a moved board opens for somebody else."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from shoot import at_rest, settle

from app.scores.detector import DRAWS
from core.calibrate.fit import calibrate_run
from core.calibrate.spec import CalibrateSpec
from core.evaluate.report import evaluate_run, find_calibrator
from core.evaluate.spec import EvaluateSpec
from core.metrics.all_metrics import all_metrics
from core.metrics.metrics import confusion, nll, threshold_metrics
from core.progress import Silent
from core.tables.predictions import Predictions
from jobs.kind import Produced
from tests.support.boards import FIND, MOVE, READ, SAID, STANDS, percent, saved, wait_for_boards

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

PRESSED = f"""() => {{ {FIND}
  return [...boards[0].querySelectorAll('[aria-pressed=true]')].map((b) => b.textContent);
}}"""


class Folder:
    def __init__(self, folder):
        self.folder = folder


def predictions(split: str, seed: int) -> Predictions:
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, 400)
    frame = pd.DataFrame({"sample_id": [f"{split}{i}" for i in range(400)], "label": label, "split": split})
    frame["group"] = [f"{split}{i // 4}" for i in range(400)]
    return Predictions(frame.assign(dataset="drawn", log_odds=rng.normal(0, 3, 400) + 4 * (label - 0.5)))


@pytest.fixture(scope="module")
def judged(workbench):
    """A run of drawn scores, calibrated and evaluated."""
    run = Folder(workbench.workspace.runs / "judged")
    run.folder.mkdir()
    calibrate_run(CalibrateSpec(run="judged"), run.folder, predictions("val_calib", 0), Silent())
    spec = EvaluateSpec(run="judged", n_bootstrap=50)
    evaluate_run(spec, run.folder, predictions("test", 1), *find_calibrator(spec, run.folder), Silent())
    workbench.register(Produced("run", "judged", str(run.folder), {}))
    return run.folder


def opened(browser, address: str, width: int = 1440):
    """The page in a browser that has never been here."""
    page = browser.new_context(viewport={"width": width, "height": 1000}, accept_downloads=True).new_page()
    page.goto(address)
    settle(page)
    wait_for_boards(page)
    at_rest(page)
    return page


def typed(page, label: str, text: str) -> None:
    field = page.get_by_label(f"{label}, typed", exact=True)
    field.fill(text)
    field.press("Enter")


def opens_the_same(browser, page, arrived: Callable[[dict[str, list[str]]], bool]) -> None:
    """Wait until the address says so, then see that another browser shows the same board by it."""
    for _ in range(360):
        if arrived(parse_qs(urlsplit(page.url).query)):
            break
        page.wait_for_timeout(500)
    assert arrived(parse_qs(urlsplit(page.url).query)), page.url
    again = opened(browser, page.url, width=800)
    for what in (READ, STANDS):
        assert again.evaluate(what, [0]) == page.evaluate(what, [0])
    assert again.evaluate(PRESSED) == page.evaluate(PRESSED)
    assert again.evaluate("() => document.documentElement.scrollWidth") <= 800
    again.context.close()
    page.context.close()


def test_the_calibrate_page_agrees_with_core_and_its_link_opens_it(browser, site, judged):
    page = opened(browser, f"{site}/calibrate?run=judged")
    rows = pd.read_csv(judged / "calibrated_predictions.csv").dropna(subset=["p_fake_cross_fitted"])
    z, y = rows["log_odds"].to_numpy(), rows["label"].to_numpy()
    for step in (0, 77, 200):
        shown = page.evaluate(MOVE, [0, 0, step])["NLL"]
        assert float(shown.split(" | ")[0]) == pytest.approx(nll(expit(z / 10 ** (step / 100 - 1)), y), abs=6e-5)
        assert f"{nll(rows['p_fake_cross_fitted'], y):.4f} as calibrated" in shown
    for word in ("top label", "equal mass", "ECE"):
        page.get_by_role("button", name=word, exact=True).click()
    typed(page, "number of bins", "8")
    typed(page, "temperature", "1.745")
    assert saved(page, "CSV", 0).startswith(b"series,items,stated,observed,low,high")
    assert saved(page, "PNG", 1).startswith(b"\x89PNG")
    assert b"ECE" in saved(page, "SVG", 1)
    opens_the_same(
        browser, page, lambda found: [found[k][0] for k in ("t", "n_bins", "convention", "bins", "curve") if k in found]
        == ["1.745", "8", "top_label", "mass", "ece"],
    )  # fmt: skip


def test_the_evaluate_page_agrees_with_core_and_its_link_opens_it(browser, site, judged):
    page = opened(browser, f"{site}/evaluate?scores=runs/judged")
    rows, shown = pd.read_csv(judged / "predictions.csv"), page.evaluate(READ, [0])
    wanted = threshold_metrics(confusion(rows["p_fake"], rows["label"]))
    assert shown["recall"].startswith(percent(wanted["recall"]))
    assert float(shown["MCC"].split(" | ")[0]) == pytest.approx(wanted["mcc"], abs=6e-5)
    headline = page.locator("[data-testid=stMainBlockContainer]").inner_text().replace("\n", " ")
    said = " ".join(page.evaluate(SAID, [0]))
    spans = r"95\s%: ([\d.]+)(?:\s%)? to ([\d.]+)"
    for title, words in (("AUROC", said.split("AUROC ")[1]), ("ECE", said.split("ECE in 15 bins of equal width: ")[1])):
        low, high = (float(v) for v in re.findall(spans, words)[0])
        assert f"{low:.3f} to {high:.3f}" in headline, f"one interval of {title} above and on the board"
    groups = pd.factorize(rows["group"].astype(str), sort=True)[0]
    core = all_metrics(rows["p_fake"].to_numpy(), rows["label"].to_numpy(), groups, draws=DRAWS)
    for title, name, part in (("F1", "f1", 1), ("accuracy", "accuracy", 100)):
        low, high = (float(v) for v in re.findall(spans, shown[title])[0])
        assert (low / part, high / part) == pytest.approx((core[name]["low"], core[name]["high"]), abs=6e-4)
    page.get_by_role("button", name="DET", exact=True).click()
    typed(page, "what if: share of fakes among all items", "2")
    typed(page, "threshold: called fake from p_fake", "0.25")
    opens_the_same(browser, page, lambda f: f.get("fakes") == ["0.02"] and f.get("curve") == ["det"])


def test_the_link_of_the_cascade_page_opens_sliders_and_charts(browser, site):
    page = opened(browser, f"{site}/cascade")
    page.get_by_text("Front over").first.wait_for(timeout=180_000)
    page.get_by_role("button", name="AUROC loss", exact=True).click()
    page.get_by_label("fake from, typed").nth(2).fill("0.8")
    page.get_by_label("fake from, typed").nth(2).press("Enter")
    opens_the_same(browser, page, lambda f: f.get("shows", [""])[0].startswith("2f-auroc_loss-") and "exits" in f)


@pytest.mark.parametrize(("path", "label", "name"), [
    ("evaluate?scores=runs/judged", "threshold: called fake from p_fake", "from"),
    ("calibrate?run=judged", "temperature", "t"), ("cascade", ": real up to", "exits"),
])  # fmt: skip
def test_keys_and_typed_numbers_reach_the_address(browser, site, judged, path, label, name):
    page = opened(browser, f"{site}/{path}")

    def stands() -> list[str] | None:
        return parse_qs(urlsplit(page.url).query).get(name)

    def moves(act: Callable[[], None]) -> None:
        before = stands()
        act()
        for _ in range(360):
            if stands() not in (None, before):
                return
            page.wait_for_timeout(500)
        raise AssertionError(f"{name} stays {before}")

    whole = label[0] != ":"
    slider = page.get_by_label(label, exact=True) if whole else page.locator(f"[aria-label$='{label}']").first
    slider.focus()
    for key in ("ArrowRight", "PageUp", "ArrowLeft"):
        moves(lambda key=key: page.keyboard.press(key))
    field = page.get_by_label(f"{label}, typed", exact=True) if whole else page.get_by_label(f"{label}, typed").first

    def write() -> None:
        field.click()
        page.keyboard.type("0.3")
        page.keyboard.press("Enter")

    moves(write)
    assert "0.3" in stands()[0] or "0.29" in stands()[0] or "0.30" in stands()[0]
    page.context.close()
