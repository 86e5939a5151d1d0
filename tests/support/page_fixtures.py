"""A workspace of its own for every page test, and a way to run one page without the navigation."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from jobs.client import Workbench
from jobs.settings import Settings
from tests.support.seed_workspace import seed


@pytest.fixture
def workbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workbench]:
    """An empty workspace; pages find it through AWARE_HOME."""
    monkeypatch.setenv("AWARE_HOME", str(tmp_path / "home"))
    opened = Workbench.open(Settings.read())
    yield opened
    opened.close()


@pytest.fixture
def seeded(workbench: Workbench) -> dict[str, str]:
    """The same workspace with one of everything; names of its jobs."""
    return seed(workbench, time.time())


@pytest.fixture
def open_page(workbench: Workbench):
    """Run the `render()` of one page (AppTest does not follow st.navigation)."""

    def run(name: str, **query: str) -> AppTest:
        test = AppTest.from_string(f"from pages.{name} import render\nrender()\n", default_timeout=180)
        for key, value in query.items():
            test.query_params[key] = value
        test.run()
        assert not test.exception, [item.message for item in test.exception]
        return test

    return run
