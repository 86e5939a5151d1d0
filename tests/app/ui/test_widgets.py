"""Small parts of every page: an empty state leads on."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from app.ui import navigation, widgets
from tests.support.page_text import texts


def test_an_empty_state_has_the_button_that_leads_on(monkeypatch):
    opened = []
    monkeypatch.setattr(navigation, "go_to", lambda name, **query: opened.append((name, query)))
    test = AppTest.from_string(
        "from app.ui import widgets\nwidgets.empty('No run yet', 'Train one first.', 'Train', 'train', tab='x')\n",
        default_timeout=180,
    ).run()
    assert "No run yet" in texts(test)
    (button,) = test.button
    button.click().run()
    assert not test.exception
    assert opened == [("train", {"tab": "x"})]


def test_a_button_without_a_target_is_refused():
    with pytest.raises(ValueError, match="both a label and a page"):
        widgets.empty("No run yet", "Train one first.", label="Train")
