"""The Cascade page's sliders in a real browser: the page's arithmetic is the server's, and the server is not asked."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from shoot import at_rest, settle

from app.policies.exits import active_policy, cuts_of
from app.scores.sources import member_facts, predictions_of, score_sources, stages_of
from app.views.cascade.board import cuts_of_text
from app.views.cascade.tables import joint_of
from core.documents.policy import Exits
from core.policies.boards.joint_counts import joint_auroc, joint_figures, joint_tally
from core.policies.boards.joint_table import JointTable

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

BOARD = """
  const walk = (node) =>
    [...node.querySelectorAll('*')].flatMap((e) => [e, ...(e.shadowRoot ? walk(e.shadowRoot) : [])]);
  const board = walk(document).find((e) => e.classList?.contains('board'));
"""
READ = f"""() => {{ {BOARD}
  const words = (card) => [card.children[0].textContent, card.children[1].textContent];
  return Object.fromEntries([...board.querySelectorAll('.figure')].map(words));
}}"""
MOVE = f"""([stage, side, value]) => {{ {BOARD}
  const slider = board.querySelectorAll('.stage')[stage].querySelectorAll('input[type=range]')[side];
  slider.value = value;
  slider.dispatchEvent(new Event('input', {{ bubbles: true }}));
  return Number(board.dataset.ms);
}}"""
STANDS = f"""() => {{ {BOARD}
  const stands = (stage) => [...stage.querySelectorAll('input[type=range]')].map((i) => Number(i.value));
  return [...board.querySelectorAll('.stage')].map(stands);
}}"""
LET_GO = f"""([stage, side]) => {{ {BOARD}
  const slider = board.querySelectorAll('.stage')[stage].querySelectorAll('input[type=range]')[side];
  slider.dispatchEvent(new Event('change', {{ bubbles: true }}));
}}"""


def percent(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{100 * value:.2f} %" if value < 0.1 else f"{100 * value:.1f} %"


def shown(table: JointTable, cuts: list[tuple[int, int]], costs: list[float]) -> dict[str, str]:
    f = joint_figures(joint_tally(table, cuts), costs)
    names = {"filtration": "filtration", "stage-1 leakage": "leakage1", "leakage, cascade": "leakage",
             "false alarms": "false_alarms", "coverage": "coverage", "precision of real": "precision_real",
             "precision of fake": "precision_fake", "uncertain": "uncertain"}  # fmt: skip
    auroc = joint_auroc(table, cuts)
    return {title: percent(f[name]) for title, name in names.items()} | {"AUROC": f"{auroc:.4f}"}


def test_sliders_answer_in_the_browser_as_the_server_would(browser, site, workbench):
    source = score_sources(workbench)[0]
    frame = predictions_of(source)
    members = stages_of(frame)
    table, _ = joint_of(source, "val_calib", active_policy(workbench))
    costs = member_facts(source, members).gflops
    cuts = cuts_of(active_policy(workbench), table)
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    sent: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda _: sent.append("frame")))
    page.goto(f"{site}/cascade")
    settle(page)
    page.wait_for_function("() => document.querySelector('h1')")
    at_rest(page)
    before = page.evaluate(READ)
    assert {k: before[k] for k in shown(table, cuts, costs)} == shown(table, cuts, costs)
    quiet = len(sent)
    times = []
    rng = np.random.default_rng(0)
    for _ in range(25):
        stage, side = int(rng.integers(len(members))), int(rng.integers(2))
        low, high = (0, cuts[stage][1]) if side == 0 else (cuts[stage][0], table.edges[stage].size - 1)
        value = int(rng.integers(low, high + 1))
        times.append(page.evaluate(MOVE, [stage, side, value]))
        cuts[stage] = (value, cuts[stage][1]) if side == 0 else (cuts[stage][0], value)
        after = page.evaluate(READ)
        assert {k: after[k] for k in shown(table, cuts, costs)} == shown(table, cuts, costs)
    assert len(sent) == quiet, "a slider asked the server"
    print(f"\nslider to figures, 25 moves: median {np.median(times):.2f} ms, most {max(times):.2f} ms of script")
    page.close()


def test_save_as_policy_puts_the_sliders_in_force(browser, site, workbench):
    source = score_sources(workbench)[0]
    table, _ = joint_of(source, "val_calib", active_policy(workbench))
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.goto(f"{site}/cascade")
    settle(page)
    at_rest(page)
    page.evaluate(MOVE, [0, 0, 30])
    page.get_by_role("button", name="Save as policy").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("from the browser")
    dialog.get_by_label("Author").fill("Ada")
    dialog.get_by_label("Why").fill("a test")
    dialog.get_by_label("Why").press("Tab")
    at_rest(page)
    dialog.get_by_role("button", name="Save and put in force").click()
    page.get_by_text("policy in force (from the browser)").wait_for(timeout=180_000)
    policy = active_policy(workbench)
    assert (policy.name, policy.reason) == ("from the browser", "a test")
    assert cuts_of(policy, table)[0][0] == 30
    assert workbench.active_history()[0].reason == "a test"
    workbench.set_active(policy="", reason="back after a test")
    page.close()


def test_a_link_carries_the_sliders_and_a_search_moves_them(browser, site, workbench):
    source = score_sources(workbench)[0]
    table, _ = joint_of(source, "val_calib", active_policy(workbench))
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.goto(f"{site}/cascade?exits=0.05~0.9_~_~_~")
    settle(page)
    at_rest(page)
    assert page.evaluate(STANDS)[0] == [
        table.indices(0, Exits(real_below=0.05))[0],
        int(abs(table.edges[0] - 0.9).argmin()),
    ]
    page.evaluate(MOVE, [1, 0, 25])
    page.evaluate(LET_GO, [1, 0])
    page.wait_for_function("() => location.search.includes('exits=')")
    at_rest(page)
    assert cuts_of_text(table, parse_qs(urlsplit(page.url).query)["exits"][0])[1][0] == 25
    page.get_by_role("spinbutton", name="Most leakage, in groups").first.fill("0.9")
    page.get_by_role("spinbutton", name="Most false alarms, in groups").first.fill("0.9")
    page.get_by_role("spinbutton", name="Most AUROC lost").first.fill("1")
    page.get_by_role("button", name="Find the cheapest").click()
    page.get_by_text("The sliders show these exits now").wait_for(timeout=180_000)
    at_rest(page)
    shared = cuts_of_text(table, parse_qs(urlsplit(page.url).query)["exits"][0])
    assert [tuple(c) for c in page.evaluate(STANDS)] == shared
    page.close()


def test_a_typed_exit_is_counted_exactly_and_the_field_keeps_the_focus(browser, site, workbench):
    source = score_sources(workbench)[0]
    frame = predictions_of(source)
    rows, first = frame[frame["split"] == "val_calib"], stages_of(frame)[0]
    value = 0.2471
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.goto(f"{site}/cascade")
    settle(page)
    field = page.locator("[aria-label$=': real up to, typed']").first
    field.fill(str(value))
    field.press("Enter")
    page.get_by_text(f"{value} is set, counted exactly.").wait_for(timeout=60_000)
    page.wait_for_function("(value) => location.search.includes(`exits=${value}`)", arg=value)
    assert page.locator("[aria-label$=': real up to, typed']").first.input_value() == str(value)
    assert page.evaluate(READ)["filtration"] == percent(float((rows[f"p_{first}"] <= value).mean()))
    label = f"() => {{ {BOARD} return board.getRootNode().activeElement?.ariaLabel; }}"
    assert page.evaluate(label).endswith(": real up to, typed")
    page.close()
