"""The boards over many drawn items in a real browser: the page's arithmetic over small tables is the server's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from app.views.evaluate.threshold_board import FIXED, ThresholdEvidence
from core.calibrate.methods.temperature import Temperature
from core.metrics.metrics import brier, nll
from core.metrics.reliability import ece
from core.policies.boards.joint_counts import joint_auroc, joint_figures, joint_tally
from core.policies.boards.joint_table import build_joint_table
from core.policies.replay.base_rate import at_base_rate
from tests.support.boards import MEMBERS, MOVE, boards_page, drawn, overconfident, percent, wait_for_boards

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

N = 120_000


@pytest.fixture(scope="module")
def page(browser):
    with boards_page(N) as address:
        opened = browser.new_page(viewport={"width": 1440, "height": 1000}, accept_downloads=True)
        opened.goto(address)
        wait_for_boards(opened, 3)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def items():
    return drawn(N)


def test_a_coarse_joint_table_says_the_same_in_the_page_and_on_the_server(page, items):
    columns, y = items
    table = build_joint_table(columns, y, MEMBERS)
    assert not table.exact
    cuts, rng = [(60, 200)] * 4, np.random.default_rng(0)
    for _ in range(12):
        stage, side = int(rng.integers(4)), int(rng.integers(2))
        value = int(rng.integers(0, 120)) if side == 0 else int(rng.integers(130, 257))
        cuts[stage] = (value, cuts[stage][1]) if side == 0 else (cuts[stage][0], value)
        shown = page.evaluate(MOVE, [0, 2 * stage + side, value])
        wanted = joint_figures(joint_tally(table, cuts), [2.5, 4.2, 18.4, 0.0])
        for name, key in (("filtration", "filtration"), ("leakage, cascade", "leakage"), ("uncertain", "uncertain")):
            assert shown[name].split(" | ")[0] == percent(wanted[key])
        assert shown["AUROC"].startswith(f"{joint_auroc(table, cuts):.4f}")
        assert shown["expected cost"].startswith(f"{wanted['cost']:.3g}")


def test_one_detectors_thresholds_and_base_rates(page, items):
    columns, y = items
    still = {key: {"value": 0.0, "low": None, "high": None, "note": ""} for key in FIXED.values()}
    table = ThresholdEvidence.build(columns[-1], y, None, 0.5, still, draws=9).table
    for index in (100, 512, 700, 900):
        shown = page.evaluate(MOVE, [1, 0, index])
        tp, fp, fn, tn = table.confusion(index)
        assert shown["recall"].startswith(percent(tp / (tp + fn)))
        assert shown["false alarms"].startswith(percent(fp / (fp + tn)))
        assert shown["F1"].startswith(f"{2 * tp / (2 * tp + fp + fn):.4f}")
        assert shown["precision"].startswith(percent(tp / (tp + fp)))
    rare = page.evaluate(MOVE, [1, 1, 60])
    share = 1 / (1 + np.exp(7 - 11.6 * 60 / 200))
    now = at_base_rate(share, tp / (tp + fn), fp / (fp + tn))
    assert rare["precision"].startswith(percent(now.precision_fake[0]))
    assert rare["NPV"].startswith(percent(now.precision_real[0]))
    assert rare["false alarms in 1,000"].startswith(f"{now.false_alarms[0]:.1f}")


@pytest.mark.parametrize("step", [0, 40, 100, 128, 200])
@pytest.mark.parametrize("bins", [2, 15, 50])
def test_any_temperature_and_bins_say_what_core_says(page, step, bins):
    z, _, y = overconfident(N)
    p = expit(z / 10 ** (step / 100 - 1))
    page.evaluate(MOVE, [2, 0, step])
    shown = page.evaluate(MOVE, [2, 1, bins])
    number = {name: float(text.split(" | ")[0]) for name, text in shown.items() if not name.startswith("least")}
    assert number["NLL"] == pytest.approx(nll(p, y), abs=1e-3)
    assert number["Brier"] == pytest.approx(brier(p, y), abs=1e-4)
    assert number["ECE, p_fake"] == pytest.approx(ece(p, y, bins), abs=4e-4)


def test_the_least_nll_is_at_the_temperature_that_core_fits(page):
    z, _, y = overconfident(N)
    best = page.evaluate(MOVE, [2, 0, 100])["least NLL at"]
    fitted = Temperature().fit(z, y).fitted.temperature
    assert float(best.split(" | ")[0].removeprefix("T = ")) == pytest.approx(fitted, rel=0.012)


@pytest.mark.parametrize(("way", "start"), [("SVG", b"<svg"), ("PNG", b"\x89PNG"), ("CSV", b"stage,leaves_as")])
def test_a_chart_and_its_numbers_can_be_saved(page, way, start):
    with page.expect_download(timeout=180_000) as download:
        page.get_by_label(f"Save this chart as {way}").first.click()
    assert download.value.path().read_bytes().startswith(start)
    assert download.value.suggested_filename == f"cascade_thresholds.{way.lower()}"
