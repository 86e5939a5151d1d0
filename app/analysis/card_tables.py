"""Turn the guarantees of a policy and the check figures of a heat map into small folded tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from app.ui.html import term
from core.documents.analysis import BundleReference, Evidence
from core.documents.policy import Guarantee
from core.glossary import define

STAGE_TITLES = {"stage1": "Stage 1", "stage3": "Stage 3: meta-model", "cascade": "All exits together"}
METHODS = {
    "learn_then_test": "Learn then Test",
    "clopper_pearson": "Clopper-Pearson",
    "conformal_risk_control": "conformal risk control",
    "observed": "as observed",
    "manual": "set by hand",
}
SCALES = {
    "similarity_to_randomised": ("similarity to the map of random weights", "-1 to 1, passes up to 0.71"),
    "drop_hot": ("change when the hottest region is blurred", "log-odds, passes above 0 and the next figure"),
    "drop_elsewhere": ("change when other regions are blurred", "log-odds, mean"),
    "regions_beaten": ("other regions that change less", "share, 0 to 1"),
    "mse": ("mean squared difference", "0 identical, 1 largest"),
    "ssim": ("structural similarity", "1 identical, 0 none"),
    "psnr": ("peak signal to noise", "dB, higher is closer"),
}
COLUMN_TITLES = ("Exit", "Answer", "Error at most", "Observed", "Confidence", "Groups", "Chosen by")
COLUMN_TERMS = {"Exit": "exit", "Error at most": "bound", "Confidence": "confidence", "Groups": "group"}


def guarantee_table(by: BundleReference, titles: Mapping[str, str]) -> str:
    """Draw what a policy guarantees, folded, with one row for each exit.

    Args:
        by: The bundle and the policy that decided.
        titles: Member name -> title.

    Returns:
        The HTML; empty when the policy guarantees nothing. Documents of older versions hold sentences instead of
        figures; these become a list.
    """
    if by.policy_guarantees:
        rows = "".join(_row(one, titles) for one in by.policy_guarantees)
        head = "".join(f"<th>{_column_title(name)}</th>" for name in COLUMN_TITLES)
        inside = f'<table class="aw-table"><tr>{head}</tr>{rows}</table>'
    elif by.policy_promises:
        inside = f'<ul class="aw-notes">{"".join(f"<li>{escape(one)}</li>" for one in by.policy_promises)}</ul>'
    else:
        return ""
    scope = (
        "Each row holds for one exit and one face, on material like the calibration items. Errors and items are "
        "counted in groups (people, clips), not in frames."
    )
    return (
        '<details class="aw aw-fold"><summary>What the policy guarantees</summary>'
        f'<div class="aw-wide" tabindex="0" role="group" aria-label="Guarantees">{inside}</div>'
        f'<p class="aw-quiet">{scope}</p></details>'
    )


def _column_title(name: str) -> str:
    return term(name, define(COLUMN_TERMS[name])) if name in COLUMN_TERMS else escape(name)


def _row(one: Guarantee, titles: Mapping[str, str]) -> str:
    sure = "" if one.bound is None else "on average" if one.confidence is None else f"{one.confidence:.0%}"
    cells = (
        titles.get(one.stage) or STAGE_TITLES.get(one.stage, one.stage),
        one.side,
        "no guarantee" if one.bound is None else f"{one.bound:.1%}" + ("" if one.feasible else ", over the target"),
        "" if one.observed is None else f"{one.observed:.1%}",
        sure,
        str(one.groups),
        METHODS.get(one.method, one.method.replace("_", " ")),
    )
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def passed(item: Evidence) -> bool:
    """Tell whether a map passed its sanity check; a map without one counts as passed."""
    return item.values.get("informative", 1.0) > 0


def members_in_order(items: Sequence[Evidence]) -> list[str]:
    """Return the members with evidence: members with a failed map after the others, the picture itself ("") last."""
    failed = {item.member for item in items if not passed(item)}
    return sorted(dict.fromkeys(item.member for item in items), key=lambda member: (member == "", member in failed))


def in_order(items: Sequence[Evidence]) -> list[Evidence]:
    """Return the maps, with those that failed their check after all others."""
    return sorted(items, key=lambda item: not passed(item))


def check_figures(item: Evidence) -> str:
    """Draw the figures of a map's sanity check, folded, each with its scale; empty without any."""
    rows = []
    for name, value in item.values.items():
        if name != "informative":  # whether the check was passed: the title of the map says it
            words, how = SCALES.get(name, (name.replace("_", " "), ""))
            rows.append(f"<tr><td>{escape(words)}</td><td>{value:.3g}</td><td>{escape(how)}</td></tr>")
    if not rows:
        return ""
    return (
        '<details class="aw-fold aw-quiet"><summary>Figures of the sanity check</summary>'
        '<div class="aw-wide" tabindex="0" role="group" aria-label="Figures of the sanity check">'
        f'<table class="aw-table">{"".join(rows)}</table></div></details>'
    )
