"""Charts in a real Chromium without a network: PNG and SVG, numbers as CSV, a link that comes back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from shoot import settle

from core.progress import Silent
from core.scores.imported_run import import_scores
from core.scores.spec import ImportScoresSpec
from jobs.workspace.runs import produced_run

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]


@pytest.fixture(scope="module")
def two(workbench):
    """Two runs of imported scores of the same items."""
    truth = np.random.default_rng(0).integers(0, 2, 200)
    for seed, name in enumerate(("left", "right"), 1):
        z = np.random.default_rng(seed).normal(0, 2, 200) + 2 * (truth - 0.5)
        frame = pd.DataFrame({"id": [f"i{i}" for i in range(200)], "label": truth, "score": expit(z), "split": "test"})
        file = workbench.workspace.root / f"{name}.csv"
        frame.assign(group=[f"g{i // 2}" for i in range(200)]).to_csv(file, index=False)
        folder = workbench.workspace.runs / name
        import_scores(ImportScoresSpec(file=str(file)), folder, Silent())
        workbench.register(produced_run(folder))
    return "with=runs/left/scores,runs/right/scores"


def test_a_chart_gives_png_svg_and_csv_offline(browser, site, two):
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    abroad: list[str] = []
    page.route(
        "**/*",
        lambda route: (
            route.continue_()
            if "127.0.0.1" in route.request.url or route.request.url.startswith(("data:", "blob:"))
            else (abroad.append(route.request.url), route.abort())
        ),
    )
    page.goto(f"{site}/compare?{two}&tab=curves")
    settle(page)
    page.locator("[data-testid=stVegaLiteChart] svg.marks").first.wait_for(timeout=180_000)
    svg = page.get_by_role("button", name="SVG").first
    svg.wait_for(timeout=180_000)
    with page.expect_download(timeout=180_000) as got:
        svg.click()
    assert got.value.suggested_filename == "compare-roc.svg"
    assert Path(got.value.path()).read_bytes().startswith(b"<svg")
    # the tools at a chart's corner show themselves when the pointer is on it
    page.locator("[data-testid=stVegaLiteChart]").first.hover()
    with page.expect_download(timeout=180_000) as got:
        page.locator("[data-testid=stElementToolbar] button[aria-label='Download as PNG']").first.click()
    picture = Path(got.value.path()).read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 2000
    with page.expect_download(timeout=180_000) as got:
        page.get_by_role("button", name="CSV").first.click()
    table = pd.read_csv(got.value.path())
    assert got.value.suggested_filename == "compare-roc.csv"
    assert {"detector", "fpr", "tpr", "low", "high"} <= set(table.columns)
    assert table["detector"].dropna().nunique() == 2
    assert abroad == []
    page.close()


def test_a_copied_link_opens_the_comparison(browser, site, two):
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.goto(f"{site}/compare?{two}&figure=nll")
    settle(page)
    page.get_by_role("tab", name="Curves").click()
    page.wait_for_function("() => location.search.includes('tab=curves')")
    address = page.url
    again = browser.new_page(viewport={"width": 800, "height": 1000})
    again.goto(address)
    settle(again)
    assert again.get_by_role("tab", name="Curves").get_attribute("aria-selected") == "true"
    assert again.get_by_text("200 items of 100 groups").count() == 1
    again.close()
    page.close()


def test_scores_are_uploaded_checked_and_judged(browser, site, workbench, tmp_path):
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 300)
    file = tmp_path / "their.csv"
    frame = pd.DataFrame(
        {"id": [f"t{i}" for i in range(300)], "label": truth, "group": [f"p{i // 3}" for i in range(300)]}
    )
    frame.assign(score=expit(rng.normal(0, 2, 300) + 3 * (truth - 0.5))).to_csv(file, index=False)
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.goto(f"{site}/compare?tab=import")
    settle(page)
    page.locator("input[type=file]").first.set_input_files(str(file))
    page.get_by_text("id, label, group, score").wait_for(timeout=180_000)
    page.get_by_role("button", name="Import scores").click()
    page.get_by_text("Run their holds 300 scores of 100 groups").first.wait_for(timeout=180_000)
    page.goto(f"{site}/evaluate?scores=runs/their/scores")
    settle(page)
    page.get_by_text("of 100 groups").or_(page.get_by_text("groups;")).first.wait_for(timeout=180_000)
    assert "scores=runs%2Ftheir%2Fscores" in page.url, "the page chose other scores than the link's"
    page.close()
