"""Cards: what is marked, what is greyed, and that nothing from outside becomes markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from seed_workspace import STAGE1, analysis, face

from app import cards
from app.widgets import plain_markdown
from core.cascade.types import Decision, Exits, TraceStep


class Tags(HTMLParser):
    """Counts the tags and collects the text of a piece of HTML."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.attributes: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.text += data


HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(1)">" onload="x'


def test_hostile_words_stay_words():
    document = analysis(HOSTILE, [face(0, 0.9)], reason=HOSTILE, rule=HOSTILE, warnings=[HOSTILE])
    step = document.trace[0].model_copy(update={"reason": HOSTILE, "member": HOSTILE})
    document = document.model_copy(update={"trace": [step, *document.trace[1:]]})
    evil = document.evidence[0].model_copy(update={"title": HOSTILE, "caption": HOSTILE, "caveat": HOSTILE})
    made = (
        cards.verdict_card(document) + cards.stage_strip(document, {}) + cards.facts(cards.media_facts(document))
        + cards.notes(document.warnings) + cards.evidence_words(evil) + cards.empty(HOSTILE, HOSTILE)
    )  # fmt: skip
    seen = Tags(made)
    assert not {"script", "img"} & set(seen.tags)
    assert set(seen.attributes) <= {"class", "style", "role", "aria-label"}
    assert "<script>alert(1)</script>" in seen.text


@given(st.text(max_size=60))
def test_any_text_comes_out_as_itself(words):
    words = words.replace("\r", " ").replace("\x00", " ").replace("`", " ")
    assert Tags(cards.facts({"name": words})).text == "name" + words
    assert Tags(f"<p>{cards.prose(words)}</p>").text == words


def test_the_decider_is_marked_and_what_was_not_asked_is_grey():
    trace = [
        TraceStep(stage="stage1", member="filter", status="scored", p_fake=0.01, exits=STAGE1, outcome="real",
                  reason="under 0.04"),
        TraceStep(stage="stage2", member="expert", status="skipped", reason="stage 1 had decided"),
    ]  # fmt: skip
    decision = Decision(verdict="real", p_fake=0.01, decided_by="stage1", reason="", trace=trace)
    boxes = re.split(r'<div class="aw-stage(?= |")', cards.stage_strip(decision, {"filter": "The filter"}))[1:]
    assert len(boxes) == 3
    assert boxes[0].startswith(" decided")
    assert "The filter" in boxes[0]
    assert boxes[1].startswith(" idle")
    assert "not asked" in boxes[1]
    assert boxes[2].startswith(" idle")
    assert "not reached" in boxes[2]


def test_a_failed_expert_is_named_without_a_number():
    strip = cards.stage_strip(analysis("x.png", [face(0, 0.9)]), {"genconvit": "GenConViT"})
    part = strip[strip.index("trouble") :][:200]
    assert "GenConViT" in part
    assert "failed" in part


@pytest.mark.parametrize(
    ("exits", "expected"),
    [
        (Exits(real_below=0.35, fake_above=0.65), [("real", 0, 35), ("open", 35, 30), ("fake", 65, 35)]),
        (Exits(fake_above=0.9), [("open", 0, 90), ("fake", 90, 10)]),
        (Exits(), [("open", 0, 100)]),
        (None, [("open", 0, 100)]),
    ],
)
def test_the_scale_shows_the_exits_it_was_given(exits, expected):
    drawn = cards.zones(exits)
    assert drawn == "".join(
        f'<span class="aw-zone {name}" style="left:{left:.2f}%;width:{width:.2f}%"></span>'
        for name, left, width in expected
    )


def test_a_partial_answer_says_that_it_is_one():
    whole = analysis("x.png", [face(0, 0.9)])
    assert "so far" in cards.verdict_card(whole.model_copy(update={"complete": False}))
    assert "so far" not in cards.verdict_card(whole)


def test_markdown_of_a_file_keeps_its_shape_and_fetches_nothing():
    text = "# Card\n\n- a\n\n![x](http://h/p.png) [l](http://h) [r][1] <img src=x> <http://h>\n\n[1]: http://h\n"
    assert {"img", "a"} <= set(Tags(MarkdownIt().render(text)).tags), "the text must be dangerous as it stands"
    seen = Tags(MarkdownIt().render(plain_markdown(text)))
    assert set(seen.tags) == {"h1", "ul", "li", "p"}
    assert "http://h/p.png" in seen.text
    assert ":red[" not in plain_markdown(":red[y]")
    assert "://" not in plain_markdown("see http://h and www.h.org")
