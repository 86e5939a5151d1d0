"""Every page and the demo for readers who use a keyboard, a screen reader, a large zoom or a telephone.

axe-core runs inside the page (its script comes with a package, nothing is fetched). A serious or critical violation in
our own markup fails the test. What the frameworks draw themselves stands in OF_THE_FRAMEWORK, rule by rule.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from shoot import free_port, settle, streamlit

from app.ui.navigation import modules
from jobs.client import Workbench
from jobs.settings import Settings
from tests.support.seed_workspace import seed

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
PATIENCE = 90_000  # milliseconds; two cores may be busy with other work

OF_THE_FRAMEWORK = {
    # rule: (CSS selector of an ancestor, why it is not ours)
    "list": (
        "[data-testid=stSidebarNavItems]",
        "Streamlit puts the headings of sections between the items of its list",
    ),
    "listitem": ("[data-testid=stSidebarNavItems]", "the same list: Streamlit wraps each item into a div"),
}

# Serious and critical violations as [rule, message, HTML], each with the ancestors that name whose markup it is.
RUN = """async (framework) => {
  const found = await axe.run(document, { resultTypes: ['violations'] });
  const bad = [];
  for (const rule of found.violations) {
    if (!['serious', 'critical'].includes(rule.impact)) continue;
    for (const node of rule.nodes) {
      const place = typeof node.target[0] === 'string' ? document.querySelector(node.target[0]) : null;
      const theirs = framework[rule.id];
      if (theirs && place && place.closest(theirs)) continue;
      bad.push([rule.id, [...node.any, ...node.all, ...node.none].map((check) => check.message).join('; '), node.html]);
    }
  }
  return bad;
}"""


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A workspace with one of everything; no worker changes it."""
    opened = Workbench.open(Settings(home=tmp_path_factory.mktemp("seeded-home")))
    seed(opened, time.time())
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def site(workbench: Workbench) -> Iterator[str]:
    with streamlit(workbench.workspace.root, free_port()) as address:
        yield address


def views() -> dict[str, str]:
    """Every page, the cards of four analyses, and two jobs: name -> path."""
    pages = {module.PAGE.url: module.PAGE.url for module in modules()}
    cards = {f"card-{what}": f"?job=analyze-{what}" for what in ("fake", "group", "clip", "none")}
    return pages | cards | {"job-running": "jobs?job=train-live", "job-failed": "jobs?job=train-failed"}


def violations(page: Any) -> list[list[str]]:
    page.evaluate(AXE)
    return page.evaluate(RUN, {rule: selector for rule, (selector, _) in OF_THE_FRAMEWORK.items()})


def sideways(page: Any) -> int:
    """Pixels by which the page can be scrolled to the side."""
    return page.evaluate(
        """() => Math.max(...[document.documentElement, document.querySelector('[data-testid=stMain]')]
             .filter(Boolean).map((e) => e.scrollWidth - e.clientWidth))"""
    )


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("name", list(views()))
def test_no_page_has_a_serious_violation_or_scrolls_sideways(browser, site, name, width):
    page = browser.new_page(viewport={"width": width, "height": 1000})
    page.goto(f"{site}/{views()[name]}")
    settle(page)
    bad, wide = violations(page), sideways(page)
    page.close()
    assert bad == []
    assert wide <= 0


def test_a_violation_is_seen(browser, site):
    page = browser.new_page()
    page.goto(f"{site}/jobs")
    settle(page)
    added = '<p style="color:#bbb;background:#fff">pale</p><div style="width:3000px;height:2px"></div>'
    page.locator("[data-testid=stMainBlockContainer]").evaluate(
        "(e, html) => e.insertAdjacentHTML('afterbegin', html)", added
    )
    seen, wide = violations(page), sideways(page)
    page.close()
    assert [rule for rule, _, html in seen if "pale" in html] == ["color-contrast"]
    assert wide > 0


@pytest.mark.parametrize("name", list(views()))
def test_nothing_is_lost_at_a_zoom_of_200_per_cent(browser, site, name):
    """A browser of 1440 px at 200 % lays the page out in 720 CSS pixels of twice the size."""
    page = browser.new_page(viewport={"width": 720, "height": 500}, device_scale_factor=2)
    page.goto(f"{site}/{views()[name]}")
    settle(page)
    wide = sideways(page)
    page.close()
    assert wide <= 0


def walk(page: Any, steps: int) -> list[str]:
    """What the Tab key reaches, in order: role or element, and name."""
    reached = []
    for _ in range(steps):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                """() => { const e = document.activeElement;
                     if (e === document.body || e.matches('main, [data-testid=stMain]')) return 'page';
                     return `${e.getAttribute('role') || e.tagName.toLowerCase()}: ` +
                       `${(e.getAttribute('aria-label') || e.innerText || '')}`.replaceAll('\\n', ' '); }"""
            )
        )
    return reached


def place(reached: list[str], wanted: str) -> int:
    assert any(wanted in item for item in reached), f"{wanted!r} is not reached: {reached}"
    return next(i for i, item in enumerate(reached) if wanted in item)


def test_the_keyboard_reaches_upload_options_and_samples_in_their_order(browser, site):
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.goto(site)
    settle(page)
    page.get_by_role("button", name="Photo", exact=True).wait_for(timeout=PATIENCE)
    reached = walk(page, 45)
    order = [place(reached, word) for word in ("Jobs", "How to use this page", "Upload", "Options", "button: Photo")]
    assert order == sorted(order), reached
    page.close()


def test_the_keyboard_reaches_the_terms_the_tabs_and_the_buttons_of_a_card(browser, site):
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.goto(f"{site}/?job=analyze-fake")
    settle(page)
    page.locator(".aw-word").wait_for(timeout=PATIENCE)
    reached = walk(page, 60)
    order = [place(reached, word) for word in ("Upload", "note: Fake", "note: p_fake", "tab: ", "Download JSON",
                                               "Delete this analysis")]  # fmt: skip
    assert order == sorted(order), reached
    page.get_by_role("tab").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    second = page.get_by_role("tab").nth(1)
    page.wait_for_function(
        "e => e.getAttribute('aria-selected') === 'true'", arg=second.element_handle(), timeout=PATIENCE
    )
    page.close()
