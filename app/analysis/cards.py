"""Turn an analysis into HTML, for the page and the demo alike; every word from outside is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from app.analysis.card_tables import check_figures, passed
from app.ui.formatting import when
from app.ui.html import prose, term
from app.ui.theme import VERDICT_COLOURS
from core.documents.analysis import Analysis, BundleReference, Evidence, FaceReport
from core.documents.decision import Decision, TraceStep
from core.documents.policy import Exits
from core.glossary import define

STAGES = (("stage1", "Stage 1: filter"), ("stage2", "Stage 2: experts"), ("stage3", "Stage 3: meta-model"))
WORDS = {"real": "Real", "fake": "Fake", "uncertain": "Uncertain", "not_applicable": "Not applicable"}
STAGE_NAMES = {"stage1": "Stage 1", "stage2": "Stage 2", "stage3": "Stage 3"}
VERDICT_TERMS = {"uncertain": "uncertain", "not_applicable": "not applicable"}
"""Verdicts with an entry of their own in the glossary; the others share the entry "verdict"."""
STATUS_WORDS = {"skipped": "not asked", "missing": "missing", "failed": "failed"}


def tone(verdict: str) -> str:
    """Return the inline style that gives a card the colour of its verdict."""
    return f"--aw-tone: {VERDICT_COLOURS.get(verdict, VERDICT_COLOURS['not_applicable'])}"


def decider(decision: Decision | Analysis) -> TraceStep | None:
    """Return the step of a trace that decided: the last scored step of the deciding stage; None without one."""
    steps = [s for s in decision.trace if s.stage == decision.decided_by and s.status == "scored"]
    closed = [s for s in steps if s.outcome not in (None, "open")] or steps
    return closed[-1] if closed else None


def withheld_why(decision: Decision | Analysis) -> str:
    """Return why the answer of the deciding stage is withheld; empty when the answer stands.

    A document written before the field `withheld` existed tells it by its contradiction: the verdict is uncertain,
    but the deciding step left as real or fake. Its reason then holds the why.
    """
    if decision.withheld:
        return decision.withheld
    step = decider(decision)
    contradicts = decision.verdict == "uncertain" and step is not None and step.outcome in ("real", "fake")
    return decision.reason if contradicts else ""


def zones(exits: Exits | None) -> str:
    """Draw the three parts of a bar from 0 to 1: exits as real, stays open, exits as fake."""
    low = (exits.real_below if exits else None) or 0.0
    high = exits.fake_above if exits and exits.fake_above is not None else 1.0
    parts = (("real", 0.0, low), ("open", low, high), ("fake", high, 1.0))
    return "".join(
        f'<span class="aw-zone {name}" style="left:{100 * a:.2f}%;width:{100 * (b - a):.2f}%"></span>'
        for name, a, b in parts
        if b > a
    )


def scale(p_fake: float, exits: Exits | None, open_word: str = "uncertain", withheld: bool = False) -> str:
    """Draw a bar from 0 to 1 with the exits of the deciding step and a pointer at p_fake.

    Args:
        p_fake: The probability of fake, in [0, 1].
        exits: The exits of the deciding step; None draws the whole bar open.
        open_word: What happens between the two exits.
        withheld: Whether the answer is withheld; the pointer is hollow then.

    Returns:
        The HTML.
    """
    low = "never" if exits is None or exits.real_below is None else f"up to {exits.real_below:.3g}"
    high = "never" if exits is None or exits.fake_above is None else f"from {exits.fake_above:.3g}"
    label = f"p_fake {p_fake:.3f} on a scale from 0, real, to 1, fake; real {low}, fake {high}"
    label += "; the answer is withheld" if withheld else ""
    hollow = ' class="hollow"' if withheld else ""
    return (
        f'<div class="aw-scale" role="img" aria-label="{escape(label)}">'
        f'<div class="aw-pointer"><i{hollow} style="left:{100 * p_fake:.2f}%"></i></div>'
        f'<div class="aw-bar">{zones(exits)}</div>'
        f'<div class="aw-ends"><span>real {low}</span><span>{escape(open_word)} between</span>'
        f"<span>fake {high}</span></div></div>"
    )


def verdict_card(analysis: Analysis) -> str:
    """Draw the verdict, p_fake on its scale, and the reason; a withheld answer says why it is withheld."""
    step, withheld = decider(analysis), withheld_why(analysis)
    word = WORDS[analysis.verdict] if analysis.complete or analysis.verdict != "not_applicable" else "Looking"
    if not analysis.complete:
        word = f"{word} so far"
    if analysis.complete:
        word = term(word, define(VERDICT_TERMS.get(analysis.verdict, "verdict")))
    figure = drawn = ""
    if analysis.p_fake is not None:
        figure = f'<span class="aw-p">{term("p_fake", define("p_fake"))} {analysis.p_fake:.3f}</span>'
        drawn = scale(analysis.p_fake, step.exits if step else None, open_word(step), bool(withheld))
    chip = '<span class="aw-chip">answer withheld</span>' if withheld else ""
    rule = f'<p class="aw-why aw-quiet">{prose(analysis.rule)}</p>' if analysis.rule else ""
    return (
        f'<div class="aw aw-verdict" style="{tone(analysis.verdict)}">'
        f'<div class="aw-verdict-top"><span class="aw-word">{word}</span>{figure}{chip}</div>'
        f'<p class="aw-why">{reason_words(analysis, withheld)}</p>{drawn}{rule}</div>'
    )


def reason_words(analysis: Analysis, withheld: str) -> str:
    """Say in one line why the verdict is what it is.

    Args:
        analysis: The document.
        withheld: Why its answer is withheld, from `withheld_why`; empty when the answer stands.

    Returns:
        The HTML of the reason. A withheld answer names the stage and what it would answer, then why not.
    """
    step = decider(analysis)
    if not analysis.withheld or step is None or step.outcome not in ("real", "fake"):
        return prose(analysis.reason)
    stage = STAGE_NAMES[step.stage]
    return f"{stage} answers {step.outcome}, but this answer is withheld. {prose(withheld)}"


def file_head(name: str, picture: str = "") -> str:
    """Name the file of a card or of a refusal.

    Args:
        name: Name of the file.
        picture: HTML of its small picture, made by this project, never from outside.

    Returns:
        The HTML.
    """
    return f'<div class="aw aw-file">{picture}<b>{escape(name)}</b></div>'


def open_word(step: TraceStep | None) -> str:
    """Say what happens to an item between the two exits of a step: it is passed on, or it ends uncertain."""
    return "uncertain" if step is None or step.stage == "stage3" or step.outcome == "uncertain" else "passed on"


def stage_strip(decision: Decision | Analysis, titles: Mapping[str, str], complete: bool = True) -> str:
    """Draw three boxes, one for each stage, with the deciding one marked and those not reached grey.

    Args:
        decision: A decision, or the document of a file.
        titles: Member name -> title.
        complete: Whether the analysis has ended.

    Returns:
        The HTML. The mark says "withheld" where the answer of the deciding stage is withheld.
    """
    boxes, withheld = [], bool(withheld_why(decision))
    for stage, title in STAGES:
        steps = [s for s in decision.trace if s.stage == stage]
        decided = decision.decided_by == stage
        reached = any(s.status != "skipped" for s in steps)
        classes = "aw-stage" + (" decided" if decided else "") + ("" if reached else " idle")
        classes += " withheld" if decided and withheld else ""
        tag = f'<span class="aw-tag">{"withheld" if withheld else "decided"}</span>' if decided else ""
        inside = "".join(step_row(s, titles) for s in steps)
        if not steps:
            inside = f'<div class="aw-step aw-quiet">{"not reached" if complete else "not reached yet"}</div>'
        boxes.append(f'<div class="{classes}"><div class="aw-stage-head"><span>{title}</span>{tag}</div>{inside}</div>')
    strip = f'<div class="aw aw-strip" style="{tone(decision.verdict)}">{"".join(boxes)}</div>'
    return f'<div class="aw-strip-box">{strip}</div>'


def step_row(step: TraceStep, titles: Mapping[str, str]) -> str:
    """Draw the part of one member: its name, its p_fake on its exits, and its reason.

    Args:
        step: The step of the trace.
        titles: Member name -> title.

    Returns:
        The HTML.
    """
    figure = f"{step.p_fake:.3f}" if step.p_fake is not None else STATUS_WORDS.get(step.status, "no figure")
    bar = ""
    if step.p_fake is not None:
        bar = (
            f'<div class="aw-bar">{zones(step.exits)}'
            f'<span class="aw-mark" style="left:{100 * step.p_fake:.2f}%"></span></div>'
        )
    trouble = " trouble" if step.status in ("missing", "failed") else ""
    title = escape(titles.get(step.member, step.member))
    return (
        f'<div class="aw-step{trouble}"><div class="aw-step-head"><b>{title}</b>'
        f'<span class="aw-num">{escape(figure)}</span></div>{bar}'
        f'<div class="aw-quiet">{prose(step.reason)}</div></div>'
    )


def face_line(face: FaceReport) -> str:
    """Draw a face's own verdict in one line, under its picture."""
    decision = face.decision
    figure = "" if decision.p_fake is None else f' <span class="aw-num">{decision.p_fake:.3f}</span>'
    return (
        f'<div class="aw" style="{tone(decision.verdict)}"><b>Face {face.face + 1}</b> '
        f'<span class="aw-chip">{WORDS[decision.verdict]}</span>{figure}</div>'
    )


def evidence_words(item: Evidence) -> str:
    """Draw what a map shows, what it cannot show, and, folded, the figures of its sanity check."""
    dim = "" if passed(item) else " aw-dim"
    return (
        f'<div class="aw aw-evidence{dim}"><b>{escape(item.title)}</b><p>{prose(item.caption)}</p>'
        f'<p class="aw-quiet">{prose(item.caveat)}</p>{check_figures(item)}</div>'
    )


def media_facts(analysis: Analysis) -> list[tuple[str, str]]:
    """Return the facts on a file as (name, value); values are plain text, never markup."""
    media = analysis.media
    rows = [("File", analysis.file_name)]
    if media.get("format"):
        rows.append(("Format", str(media["format"])))
    if media.get("width"):
        rows.append(("Size", f"{media['width']} × {media['height']} px"))
    if media.get("kind") == "video":
        rows.append(("Length", f"{media.get('duration_s', 0):.1f} s at {media.get('fps', 0):.4g} frames/s"))
        rows.append(("Frames scored", str(media.get("frames_scored", ""))))
    rows.append(("SHA-256", analysis.sha256))
    rows.append(("Bundle", f"{analysis.bundle.name} {analysis.bundle.version}"))
    rows += [(name, words) for name, words in policy_facts(analysis.bundle) if name != "Guarantees"]
    return rows


def policy_facts(by: BundleReference) -> list[tuple[str, str]]:
    """Return the facts on the policy that decided: name, author, reason, and the items that chose its exits."""
    version = f" v{by.policy_version}" if by.policy_version else ""
    made = ", ".join(filter(None, [by.policy_author, when(by.policy_created_at)]))
    mark = by.policy_data_fingerprint[:16]
    chosen_on = f"items with fingerprint {mark}" if mark else ""
    rows = [("Policy", f"{by.policy_name}{version} ({by.policy_id[:12]})"), ("Policy by", made),
            ("Policy reason", by.policy_reason), ("Exits chosen on", chosen_on),
            ("Guarantees", "; ".join(by.policy_promises))]  # fmt: skip
    return [(name, words) for name, words in rows if words]
