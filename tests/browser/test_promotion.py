"""A policy's way in a real browser: saved, looked at, put in force with what changes, and back by one click."""

from __future__ import annotations

import pytest
from shoot import at_rest, settle

from app.policies.exits import active_policy
from tests.support.boards import MOVE, wait_for_boards

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]


def test_save_then_promote_then_back(browser, site, workbench):
    assert active_policy(workbench) is not None
    before = workbench.active().policy
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.goto(f"{site}/cascade?tab=policies")
    settle(page)
    wait_for_boards(page)
    page.evaluate(MOVE, [0, 0, 41])
    page.get_by_role("button", name="Save as policy").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("promoted by hand")
    dialog.get_by_label("Author").fill("Ada")
    dialog.get_by_label("Why").fill("fewer calls of the experts")
    dialog.get_by_label("Why").press("Tab")
    at_rest(page)
    dialog.get_by_role("button", name="Save only").click()
    dialog.wait_for(state="detached", timeout=180_000)
    assert workbench.active().policy == before, "saving alone changes nothing that is in force"
    item = next(item for item in workbench.artifacts("policy") if "promoted" in item.path.read_text())

    page.get_by_role("button", name="Use", exact=True).first.click(timeout=180_000)
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Then: promoted by hand").wait_for(timeout=180_000)
    said = dialog.inner_text()
    assert "Now: " in said
    assert "exits and guarantees change" in said
    assert "finished analyses keep the policy that judged them" in said
    assert workbench.active().policy == before, "looking at the changes changes nothing"
    dialog.locator("table").first.wait_for(timeout=180_000)
    seen = dialog.locator("table").first.inner_text()
    assert "leakage" in seen, seen
    reason = dialog.get_by_label("Why (kept in the history)")
    assert reason.input_value() == "fewer calls of the experts", "the reason it was saved with is offered"
    dialog.get_by_role("button", name="Yes, put it in force").click()
    dialog.wait_for(state="detached", timeout=180_000)
    page.get_by_text("policy in force (promoted by hand)").wait_for(timeout=180_000)
    assert workbench.active().policy == item.path
    assert workbench.active_history()[0].reason == "fewer calls of the experts"
    page.locator("[data-testid=stButton] button", has_text="Back to").click()
    page.get_by_text("policy in force (promoted by hand)").wait_for(state="detached", timeout=180_000)
    assert workbench.active().policy == before
    assert workbench.active_history()[0].reason.startswith("back to ")
    page.close()
