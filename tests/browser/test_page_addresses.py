"""Every page opens by its address in a real browser: no 404 in the log, no "Page not found" over the page."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from app.server.deep_links import page_names

pytestmark = pytest.mark.browser


@pytest.mark.timeout(900)
def test_every_page_opens_by_its_name_without_a_404(site, browser):
    page = browser.new_page()
    failed: list[str] = []
    page.on("response", lambda answer: failed.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    page.on("console", lambda line: failed.append(line.text) if line.type == "error" else None)
    try:
        for name in ("", *page_names()):
            page.goto(f"{site}/{name}", timeout=180_000)
            page.locator("[data-testid=stMain] h1").first.wait_for(timeout=180_000)
            assert page.get_by_text("Page not found").count() == 0, name
            assert urlsplit(page.url).path == ("/" if name == page_names()[0] else f"/{name}")
        assert failed == []
    finally:
        page.close()
