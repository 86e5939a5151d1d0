"""What a policy promises, as a small folded table, and how the figures beside a heat map are read. Pure HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from core.documents.analysis import BundleReference, Evidence
from core.documents.policy import Guarantee

STAGE_TITLES = {"stage1": "Stage 1", "stage3": "Stage 3: meta-model", "cascade": "All exits together"}
METHODS = {
    "learn_then_test": "Learn then Test",
    "clopper_pearson": "Clopper-Pearson",
    "conformal_risk_control": "conformal risk control",
    "observed": "as observed",
    "manual": "set by hand",
}
SCALES = {
    "similarity_to_randomised": ("likeness to the map of random weights", "-1 to 1, passes up to 0.71"),
    "drop_hot": ("change when the hottest region is blurred", "log-odds, passes above 0 and the next figure"),
    "drop_elsewhere": ("change when other regions are blurred", "log-odds, mean"),
    "regions_beaten": ("other regions that change less", "share, 0 to 1"),
    "mse": ("mean squared difference", "0 equal, 1 most"),
    "ssim": ("structural likeness", "1 equal, 0 none"),
    "psnr": ("peak signal to noise", "dB, higher is closer"),
}
HEAD = ("Exit", "Leaves as", "Wrong at most", "Seen", "Sure to", "Groups", "Chosen by")


def promise_table(by: BundleReference, titles: Mapping[str, str]) -> str:
    """Folded: a row an exit. Documents of older versions hold sentences, which become a list; empty without any."""
    if by.policy_guarantees:
        rows = "".join(_row(one, titles) for one in by.policy_guarantees)
        head = "".join(f"<th>{name}</th>" for name in HEAD)
        inside = f'<table class="aw-table"><tr>{head}</tr>{rows}</table>'
    elif by.policy_promises:
        inside = f'<ul class="aw-notes">{"".join(f"<li>{escape(one)}</li>" for one in by.policy_promises)}</ul>'
    else:
        return ""
    said = (
        "Each line holds for one exit and one face, on material like the validation items; errors and items are "
        "counted in groups (people, clips), not in frames."
    )
    return (
        '<details class="aw aw-fold"><summary>What the policy promises</summary>'
        f'<div class="aw-wide">{inside}</div><p class="aw-quiet">{said}</p></details>'
    )


def _row(one: Guarantee, titles: Mapping[str, str]) -> str:
    sure = "" if one.bound is None else "on average" if one.confidence is None else f"{one.confidence:.0%}"
    cells = (
        titles.get(one.stage) or STAGE_TITLES.get(one.stage, one.stage),
        one.side,
        "no promise" if one.bound is None else f"{one.bound:.1%}" + ("" if one.feasible else ", over the target"),
        "" if one.observed is None else f"{one.observed:.1%}",
        sure,
        str(one.groups),
        METHODS.get(one.method, one.method.replace("_", " ")),
    )
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def passed(item: Evidence) -> bool:
    """Whether a map passed its own check; what has none counts as passed."""
    return item.values.get("informative", 1.0) > 0


def members_in_order(items: Sequence[Evidence]) -> list[str]:
    """Members with evidence: those with a map that failed its check after the others, the picture itself ("") last."""
    failed = {item.member for item in items if not passed(item)}
    return sorted(dict.fromkeys(item.member for item in items), key=lambda member: (member == "", member in failed))


def in_order(items: Sequence[Evidence]) -> list[Evidence]:
    """Maps that failed their check after all others, else as they came."""
    return sorted(items, key=lambda item: not passed(item))


def check_figures(item: Evidence) -> str:
    """Folded: the figures of a picture's own check, each with its scale; empty without any."""
    rows = []
    for name, value in item.values.items():
        if name != "informative":  # the title says it
            words, how = SCALES.get(name, (name.replace("_", " "), ""))
            rows.append(f"<tr><td>{escape(words)}</td><td>{value:.3g}</td><td>{escape(how)}</td></tr>")
    if not rows:
        return ""
    return (
        '<details class="aw-fold aw-quiet"><summary>Figures of its check</summary><div class="aw-wide">'
        f'<table class="aw-table">{"".join(rows)}</table></div></details>'
    )
