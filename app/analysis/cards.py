"""An analysis as HTML, for the page and the demo alike. Pure functions; every word from outside is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from app.analysis.card_tables import check_figures, passed
from app.ui.formatting import when
from app.ui.html import prose
from app.ui.theme import VERDICT_COLOURS
from core.documents.analysis import Analysis, BundleReference, Evidence, FaceReport
from core.documents.decision import Decision, TraceStep
from core.documents.policy import Exits

STAGES = (("stage1", "Stage 1: filter"), ("stage2", "Stage 2: experts"), ("stage3", "Stage 3: meta-model"))
WORDS = {"real": "Real", "fake": "Fake", "uncertain": "Uncertain", "not_applicable": "Not applicable"}
STATUS_WORDS = {"skipped": "not asked", "missing": "missing", "failed": "failed"}


def tone(verdict: str) -> str:
    """Inline style that gives a card its colour."""
    return f"--aw-tone: {VERDICT_COLOURS.get(verdict, VERDICT_COLOURS['not_applicable'])}"


def decider(decision: Decision | Analysis) -> TraceStep | None:
    """The step of a trace whose outcome is the verdict: the last scored one of the deciding stage."""
    steps = [s for s in decision.trace if s.stage == decision.decided_by and s.status == "scored"]
    closed = [s for s in steps if s.outcome not in (None, "open")] or steps
    return closed[-1] if closed else None


def zones(exits: Exits | None) -> str:
    """The three parts of a 0-to-1 bar: leave as real, stay open, leave as fake."""
    low = (exits.real_below if exits else None) or 0.0
    high = exits.fake_above if exits and exits.fake_above is not None else 1.0
    parts = (("real", 0.0, low), ("open", low, high), ("fake", high, 1.0))
    return "".join(
        f'<span class="aw-zone {name}" style="left:{100 * a:.2f}%;width:{100 * (b - a):.2f}%"></span>'
        for name, a, b in parts
        if b > a
    )


def scale(p_fake: float, exits: Exits | None, open_word: str = "uncertain") -> str:
    """A bar from 0 to 1 with the deciding step's exits and a pointer at `p_fake`."""
    low = "never" if exits is None or exits.real_below is None else f"up to {exits.real_below:.3g}"
    high = "never" if exits is None or exits.fake_above is None else f"from {exits.fake_above:.3g}"
    label = f"p_fake {p_fake:.3f} on a scale from 0, real, to 1, fake; real {low}, fake {high}"
    return (
        f'<div class="aw-scale" role="img" aria-label="{escape(label)}">'
        f'<div class="aw-pointer"><i style="left:{100 * p_fake:.2f}%"></i></div>'
        f'<div class="aw-bar">{zones(exits)}</div>'
        f'<div class="aw-ends"><span>real {low}</span><span>{escape(open_word)} between</span>'
        f"<span>fake {high}</span></div></div>"
    )


def verdict_card(analysis: Analysis) -> str:
    """The verdict word, p_fake on its scale with the uncertain band, and why."""
    step = decider(analysis)
    word = WORDS[analysis.verdict] if analysis.complete or analysis.verdict != "not_applicable" else "Looking"
    if not analysis.complete:
        word = f"{word} so far"
    figure = "" if analysis.p_fake is None else f'<span class="aw-p">p_fake {analysis.p_fake:.3f}</span>'
    drawn = "" if analysis.p_fake is None else scale(analysis.p_fake, step.exits if step else None, open_word(step))
    rule = f'<p class="aw-why aw-quiet">{prose(analysis.rule)}</p>' if analysis.rule else ""
    return (
        f'<div class="aw aw-verdict" style="{tone(analysis.verdict)}">'
        f'<div class="aw-verdict-top"><span class="aw-word">{word}</span>{figure}</div>'
        f'<p class="aw-why">{prose(analysis.reason)}</p>{drawn}{rule}</div>'
    )


def file_head(name: str, picture: str = "") -> str:
    """Which file a card, or a refusal, speaks of. picture: HTML of its small picture, made by us, never foreign."""
    return f'<div class="aw aw-file">{picture}<b>{escape(name)}</b></div>'


def open_word(step: TraceStep | None) -> str:
    """What lies between a step's two exits: a decision put off, or an honest end."""
    return "uncertain" if step is None or step.stage == "stage3" or step.outcome == "uncertain" else "passed on"


def stage_strip(decision: Decision | Analysis, titles: Mapping[str, str], complete: bool = True) -> str:
    """Which stage decided and why: three boxes, the decider marked, those not reached greyed."""
    boxes = []
    for stage, title in STAGES:
        steps = [s for s in decision.trace if s.stage == stage]
        decided = decision.decided_by == stage
        reached = any(s.status != "skipped" for s in steps)
        classes = "aw-stage" + (" decided" if decided else "") + ("" if reached else " idle")
        tag = '<span class="aw-tag">decided</span>' if decided else ""
        inside = "".join(step_row(s, titles) for s in steps)
        if not steps:
            inside = f'<div class="aw-step aw-quiet">{"not reached" if complete else "not reached yet"}</div>'
        boxes.append(f'<div class="{classes}"><div class="aw-stage-head"><span>{title}</span>{tag}</div>{inside}</div>')
    strip = f'<div class="aw aw-strip" style="{tone(decision.verdict)}">{"".join(boxes)}</div>'
    return f'<div class="aw-strip-box">{strip}</div>'


def step_row(step: TraceStep, titles: Mapping[str, str]) -> str:
    """One member's part: its name, its figure on its exits, and its reason."""
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
    """A face's own verdict in one line, under its thumbnail."""
    decision = face.decision
    figure = "" if decision.p_fake is None else f' <span class="aw-num">{decision.p_fake:.3f}</span>'
    return (
        f'<div class="aw" style="{tone(decision.verdict)}"><b>Face {face.face + 1}</b> '
        f'<span class="aw-chip">{WORDS[decision.verdict]}</span>{figure}</div>'
    )


def evidence_words(item: Evidence) -> str:
    """What a map shows, what it cannot show, and, folded, the figures of its own check."""
    dim = "" if passed(item) else " aw-dim"
    return (
        f'<div class="aw aw-evidence{dim}"><b>{escape(item.title)}</b><p>{prose(item.caption)}</p>'
        f'<p class="aw-quiet">{prose(item.caveat)}</p>{check_figures(item)}</div>'
    )


def media_facts(analysis: Analysis) -> list[tuple[str, str]]:
    """File and media in words a person reads. Names are text, never markup."""
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
    rows += [(name, words) for name, words in policy_facts(analysis.bundle) if name != "Promises"]
    return rows


def policy_facts(by: BundleReference) -> list[tuple[str, str]]:
    """The policy that a report cites: which, whose, why, and what its thresholds were chosen on."""
    version = f" v{by.policy_version}" if by.policy_version else ""
    made = ", ".join(filter(None, [by.policy_author, when(by.policy_created_at)]))
    mark = by.policy_data_fingerprint[:16]
    chosen_on = f"items with fingerprint {mark}" if mark else ""
    rows = [("Policy", f"{by.policy_name}{version} ({by.policy_id[:12]})"), ("Policy by", made),
            ("Policy reason", by.policy_reason), ("Exits chosen on", chosen_on),
            ("Promises", "; ".join(by.policy_promises))]  # fmt: skip
    return [(name, words) for name, words in rows if words]
