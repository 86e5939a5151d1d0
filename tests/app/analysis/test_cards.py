"""Cards: what is marked, what is greyed, and that nothing from outside becomes markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from app.analysis import card_tables, cards
from app.ui import html
from app.ui.widgets import plain_markdown
from core.documents.decision import Decision, TraceStep
from core.documents.policy import Exits, Guarantee
from tests.support.seed_workspace import STAGE1, analysis, face


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


def hostile_guarantees(document):
    one = Guarantee(stage=HOSTILE, side="real", method=HOSTILE, bound=0.03, confidence=0.9, groups=7)
    return document.bundle.model_copy(update={"policy_guarantees": [one]})


def test_hostile_words_stay_words():
    document = analysis(HOSTILE, [face(0, 0.9)], reason=HOSTILE, rule=HOSTILE, warnings=[HOSTILE])
    step = document.trace[0].model_copy(update={"reason": HOSTILE, "member": HOSTILE})
    document = document.model_copy(update={"trace": [step, *document.trace[1:]]})
    evil = document.evidence[0].model_copy(update={"title": HOSTILE, "caption": HOSTILE, "caveat": HOSTILE})
    made = (
        cards.verdict_card(document) + cards.stage_strip(document, {}) + html.facts(cards.media_facts(document))
        + html.notes(document.warnings) + cards.evidence_words(evil) + html.empty_state(HOSTILE, HOSTILE)
        + cards.file_head(HOSTILE) + card_tables.guarantee_table(hostile_guarantees(document), {})
    )  # fmt: skip
    seen = Tags(made)
    assert not {"script", "img"} & set(seen.tags)
    assert set(seen.attributes) <= {"class", "style", "role", "aria-label", "tabindex", "title"}
    assert "<script>alert(1)</script>" in seen.text


@given(st.text(max_size=60))
def test_any_text_comes_out_as_itself(words):
    words = words.replace("\r", " ").replace("\x00", " ").replace("`", " ")
    assert Tags(html.facts({"name": words})).text == "name" + words
    assert Tags(html.facts({words: "value"})).text == words + "value"
    assert Tags(f"<p>{html.prose(words)}</p>").text == words


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


def test_guarantees_are_a_table_with_titles_and_a_row_an_exit():
    given = [
        Guarantee(stage="stage1", side="real", method="learn_then_test", bound=0.0258, confidence=0.9, observed=0.0098,
                  groups=205),
        Guarantee(stage="tiny", side="fake", method="manual", groups=40, feasible=False),
    ]  # fmt: skip
    by = analysis("x.png", [face(0, 0.9)]).bundle.model_copy(update={"policy_guarantees": given})
    drawn = card_tables.guarantee_table(by, {"tiny": "The tiny expert"})
    assert drawn.count("<tr>") == 3
    for words in ("Stage 1", "2.6%", "1.0%", "90%", "205", "Learn then Test", "The tiny expert", "no guarantee"):
        assert f"<td>{words}</td>" in drawn
    sentences = by.model_copy(update={"policy_guarantees": [], "policy_promises": ["one exit: at most .03"]})
    assert "<li>one exit: at most .03</li>" in card_tables.guarantee_table(sentences, {})
    assert card_tables.guarantee_table(sentences.model_copy(update={"policy_promises": []}), {}) == ""


def test_a_map_that_failed_its_check_comes_last_and_dimmed_and_figures_have_scales():
    first = analysis("x.png", [face(0, 0.9)]).evidence[0]
    bad = first.model_copy(update={"title": "bad", "values": {"informative": 0.0, "regions_beaten": 0.5}})
    good = first.model_copy(update={"title": "good", "values": {"informative": 1.0}})
    assert [item.title for item in card_tables.in_order([bad, good])] == ["good", "bad"]
    members = [bad.model_copy(update={"member": name}) for name in ("first", "")]
    kept = good.model_copy(update={"member": "second"})
    assert card_tables.members_in_order([members[0], members[1], kept]) == ["second", "first", ""]
    assert "aw-dim" in cards.evidence_words(bad)
    assert "share, 0 to 1" in cards.evidence_words(bad)
    assert "aw-dim" not in cards.evidence_words(good)
    assert "<details" not in cards.evidence_words(good)


def test_a_card_without_a_rule_of_many_has_no_empty_line():
    whole = analysis("x.png", [face(0, 0.9)])
    assert cards.verdict_card(whole.model_copy(update={"rule": ""})).count("<p") == 1
    assert cards.verdict_card(whole).count("<p") == 2


WHY = "The picture is too small for a verdict."


def withheld_document(**changes):
    """A document whose stage 3 answers real (0.12, exit 0.35) and whose answer is withheld."""
    whole = analysis("x.png", [face(0, 0.12)])
    reason = f"{WHY} The answer of the cascade (real) is withheld: 0.120 against the band 0.35 to 0.65."
    return whole.model_copy(update={"verdict": "uncertain", "reason": reason, **changes})


def test_a_withheld_answer_has_a_hollow_pointer_its_stage_says_withheld_and_one_sentence_says_why():
    document = withheld_document(withheld=WHY)
    card, strip = cards.verdict_card(document), cards.stage_strip(document, {})
    assert 'class="hollow"' in card
    assert "answer withheld" in card
    assert f"Stage 3 answers real, but this answer is withheld. {WHY}" in Tags(card).text
    assert Tags(card).text.count(WHY) == 1
    assert '<span class="aw-tag">withheld</span>' in strip
    assert '<span class="aw-tag">decided</span>' not in strip


def test_a_document_from_before_the_field_is_read_by_its_contradiction():
    document = withheld_document()
    assert document.withheld == ""
    assert cards.withheld_why(document) == document.reason
    assert 'class="hollow"' in cards.verdict_card(document)
    assert '<span class="aw-tag">withheld</span>' in cards.stage_strip(document, {})
    assert Tags(cards.verdict_card(document)).text.count(WHY) == 1


@pytest.mark.parametrize("p_fake", [0.12, 0.5, 0.9])
def test_an_answer_that_stands_is_not_called_withheld(p_fake):
    document = analysis("x.png", [face(0, p_fake)])
    assert "hollow" not in cards.verdict_card(document)
    assert ">withheld<" not in cards.stage_strip(document, {})
    assert '<span class="aw-tag">decided</span>' in cards.stage_strip(document, {})


def test_terms_carry_their_meaning_as_help_for_pointer_keyboard_and_screen_reader():
    card = cards.verdict_card(analysis("x.png", [face(0, 0.5)]))
    for word in ("Uncertain", "p_fake"):
        assert re.search(rf'<abbr[^>]*tabindex="0"[^>]*title="[^"]+"[^>]*>{word}</abbr>', card), word
