"""Both boards over many drawn items in a real browser: the page's arithmetic over coarse tables is the server's."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from shoot import ROOT, free_port, wait_for

from core.cascade.base_rate import at_base_rate
from core.cascade.joint import JointTable, figures
from core.cascade.threshold_table import ThresholdTable

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

N = 120_000
BOARDS = """
  const walk = (node) =>
    [...node.querySelectorAll('*')].flatMap((e) => [e, ...(e.shadowRoot ? walk(e.shadowRoot) : [])]);
  const boards = walk(document).filter((e) => e.classList?.contains('board') && e.dataset.ms);
"""
READ = f"""([which, slider, value]) => {{ {BOARDS}
  const input = boards[which].querySelectorAll('input')[slider];
  input.value = value;
  input.dispatchEvent(new Event('input', {{ bubbles: true }}));
  const words = (card) => {{
    const [name, value, note] = [...card.children].map((child) => child.textContent);
    return [name, value + ' | ' + note];
  }};
  return Object.fromEntries([...boards[which].querySelectorAll('.figure')].map(words));
}}"""


@pytest.fixture(scope="module")
def page(browser):
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "tests" / "benchmarks" / "boards_app.py")]
    server = subprocess.Popen(
        [*command, "--server.port", str(port), "--server.headless", "true"], cwd=ROOT,
        env={**os.environ, "AWARE_BOARD_ITEMS": str(N), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health", server)
        opened = browser.new_page(viewport={"width": 1440, "height": 1000}, accept_downloads=True)
        opened.goto(f"http://127.0.0.1:{port}")
        opened.wait_for_function(f"() => {{ {BOARDS} return boards.length === 2; }}", timeout=200_000)
        yield opened
        opened.close()
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(scope="module")
def items():
    sys.path.append(str(ROOT / "tests" / "benchmarks"))
    from boards_app import MEMBERS, drawn

    return MEMBERS, *drawn(N)


def percent(value: float) -> str:
    return f"{100 * value:.2f} %" if value < 0.1 else f"{100 * value:.1f} %"


def test_a_coarse_joint_table_says_the_same_in_the_page_and_on_the_server(page, items):
    members, columns, y = items
    table = JointTable.build(columns, y, members)
    assert not table.exact
    cuts, rng = [(60, 200)] * 4, np.random.default_rng(0)
    for _ in range(12):
        stage, side = int(rng.integers(4)), int(rng.integers(2))
        value = int(rng.integers(0, 120)) if side == 0 else int(rng.integers(130, 257))
        cuts[stage] = (value, cuts[stage][1]) if side == 0 else (cuts[stage][0], value)
        shown = page.evaluate(READ, [0, 2 * stage + side, value])
        wanted = figures(table.tally(cuts), [2.5, 4.2, 18.4, 0.0])
        for name, key in (("filtration", "filtration"), ("leakage, cascade", "leakage"), ("uncertain", "uncertain")):
            assert shown[name].split(" | ")[0] == percent(wanted[key])
        assert shown["AUROC"].startswith(f"{table.auroc(cuts):.4f}")
        assert shown["expected cost"].startswith(f"{wanted['cost']:.3g}")


def test_one_detectors_thresholds_and_base_rates(page, items):
    _, columns, y = items
    table = ThresholdTable.build(columns[-1], y)
    for index in (100, 512, 700, 900):
        shown = page.evaluate(READ, [1, 0, index])
        tp, fp, fn, tn = table.confusion(index)
        assert shown["recall"].startswith(percent(tp / (tp + fn)))
        assert shown["false alarms"].startswith(percent(fp / (fp + tn)))
        assert shown["F1"].startswith(f"{2 * tp / (2 * tp + fp + fn):.4f}")
        assert shown["an alarm is right"].startswith(percent(tp / (tp + fp)))
    rare = page.evaluate(READ, [1, 1, 60])
    share = 1 / (1 + np.exp(7 - 11.6 * 60 / 200))
    now = at_base_rate(share, tp / (tp + fn), fp / (fp + tn))
    assert rare["an alarm is right"].startswith(percent(now.precision_fake[0]))
    assert rare["a release is right"].startswith(percent(now.precision_real[0]))
    assert rare["false alarms in 1,000"].startswith(f"{now.false_alarms[0]:.1f}")


@pytest.mark.parametrize(("way", "start"), [("SVG", b"<svg"), ("PNG", b"\x89PNG"), ("CSV", b"p_fake,share")])
def test_a_chart_and_its_numbers_can_be_saved(page, way, start):
    with page.expect_download(timeout=30_000) as download:
        page.get_by_label(f"Save this chart as {way}").first.click()
    assert download.value.path().read_bytes().startswith(start)
    assert download.value.suggested_filename == f"cascade_thresholds.{way.lower()}"
