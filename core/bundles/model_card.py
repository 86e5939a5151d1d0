"""Write the generated part of a model card from the stack's report and predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.documents.bundle import Member
from core.documents.policy import CascadePolicy, Exits, Guarantee
from core.evaluate.thresholds import threshold_rows
from core.glossary import define
from core.policies.cost import cascade_cost
from core.policies.replay.audit import audit
from core.policies.replay.simulate import simulate
from core.stacking.feature_sets import STAGE3
from core.stacking.report import RIVALS

TERMS = ("AUROC", "F1", "ECE", "NLL", "filtration", "leakage", "false alarms", "group", "guarantee")
"""Terms of the card that it explains, from the glossary."""
CONFIDENCES = (0.90, 0.95, 0.98, 0.99)
"""Customary confidences of real at which stage 1 is shown as a filter."""


def model_card(
    intro: str,
    members: Sequence[Member],
    policy: CascadePolicy,
    table: pd.DataFrame,
    report: Mapping[str, Any],
    hashes: Mapping[str, str],
    notes: Sequence[str] = (),
) -> str:
    """Write card.md: the author's text, members, figures on test, exits and guarantees, limits, terms, hashes.

    Args:
        intro: The author's text, Markdown.
        members: Stage 1 first, then the experts in the order they are asked.
        policy: The exits that the bundle ships with.
        table: predictions.parquet.
        report: stack_report.json.
        hashes: Relative path -> SHA-256 of the files of the bundle.
        notes: Further sentences for the section on limits.

    Returns:
        The card, Markdown.
    """
    test = table[table["split"] == "test"].reset_index(drop=True)
    blocks = [
        [intro],
        ["## Members", *_members(members)],
        ["## Figures on the test split", *_comparison(report["comparison"])],
        [COMPARISON_NOTE] if report["comparison"] else [],
        ["### By source", BY_SOURCE_NOTE, "", *_by_source(report)],
        _left_out(report),
        _importance(report),
        ["### Stage 1 as a filter", *_filter(test)] if len(test) else [],
        ["### The whole cascade under this policy", *_cascade(test, policy, members)] if len(test) else [],
        ["## Exits of the policy", *_exits(policy), "", *[_guarantee(g) for g in policy.guarantees]],
        ["## Limits and leakage", *[f"- {note}" for note in [*report.get("notes", []), *notes]]],
        ["## Terms", *[f"- **{term}**: {define(term)}" for term in TERMS]],
        ["## Files", "| file | SHA-256 |", "|---|---|", *[f"| {n} | `{h}` |" for n, h in sorted(hashes.items())]],
    ]
    return "\n\n".join("\n".join(_spaced(block)) for block in blocks if block) + "\n"


AUDIT_NOTE = (
    "Intervals are 95 % over resampled groups (videos or identities); those of shares of groups are exact binomial."
)
COMPARISON_NOTE = (
    "The brackets give 95 % intervals over resampled groups; differences use the same draws. The mean is the mean of "
    "the members' calibrated log-odds."
)
BY_SOURCE_NOTE = (
    "Each source is compared with all test items of the other class, because a source mostly holds one label. F1 and "
    "ECE depend on that mixture: compare them along a row only."
)
SHUFFLE_NOTE = "All columns of a member are shuffled together; the brackets give 95 % of the shuffles."


def _spaced(block: list[str]) -> list[str]:
    """A blank line after each heading."""
    return [line + "\n" if line.startswith("##") else line for line in block]


def _members(members: Sequence[Member]) -> list[str]:
    rows = ["| member | detector | role | GFLOP an item | CPU s an item | input |", "|---|---|---|---|---|---|"]
    for m in members:
        seconds = "" if m.seconds is None else f"{m.seconds:.3f}"
        eats = f"{m.input.size} px, box x{m.input.crop_scale:g}"
        rows.append(f"| {m.name} | {m.title} | {m.role} | {m.gflops:.3g} | {seconds} | {eats} |")
    return rows


def _comparison(figures: Sequence[Mapping[str, Any]]) -> list[str]:
    if not figures:
        return ["The data set has no test split: there are no figures."]
    rows = ["| what | AUROC | AUROC less that of the mean | F1 at 0.5 | ECE | NLL | items | groups |", "|---" * 8 + "|"]
    for f in figures:
        shown = [_between(f["auroc"], f["interval"]), _gap(f.get("less_mean"))]
        shown += [_between(f[name], f.get(f"{name}_interval")) for name in ("f1", "ece")]
        rows.append(f"| {f['name']} | {' | '.join(shown)} | {number(f['nll'])} | {f['items']} | {f['groups']} |")
    return rows


def _between(value: float | None, interval: Sequence[float] | None) -> str:
    if value is None or interval is None:
        return number(value)
    return f"{number(value)} ({interval[0]:.3f} to {interval[1]:.3f})"


def _gap(gap: Mapping[str, Any] | None) -> str:
    """A difference of two AUROCs on the same draws of groups."""
    if gap is None:
        return ""
    between = "" if gap["interval"] is None else f" ({gap['interval'][0]:+.3f} to {gap['interval'][1]:+.3f})"
    return f"{gap['value']:+.3f}{between}"


def _by_source(report: Mapping[str, Any]) -> list[str]:
    """AUROC, F1 and ECE, a table each: a row a source, a column each expert, the mean, the regression and stage 3."""
    figures = report.get("by_source", {})
    names = [member["name"] for member in report.get("members", [])]
    ways = [way for way in (*names, *RIVALS, STAGE3) if way in figures]
    blocks = []
    for title, name, interval in (
        ("AUROC", "auroc", "interval"),
        ("F1", "f1", "f1_interval"),
        ("ECE", "ece", "ece_interval"),
    ):
        sources = figures[ways[0]] if ways else {}
        if not any(name in row for row in sources.values()):
            continue
        heads = ["stage 3" if way == STAGE3 else way for way in ways]
        blocks += ["", f"| {title}: source | items | fakes | {' | '.join(heads)} |", "|---" * (3 + len(ways)) + "|"]
        for source, first in sources.items():
            shown = [_between(figures[way][source][name], figures[way][source].get(interval)) for way in ways]
            blocks.append(f"| {source} | {first['items']} | {first['fakes']} | {' | '.join(shown)} |")
    return blocks[1:]


def _left_out(report: Mapping[str, Any]) -> list[str]:
    """Figures on the sources that stage 3 did not learn from; nothing when it learned from all."""
    if not report.get("left_out"):
        return []
    named = ", ".join(report["exclude_datasets"])
    return [f"### Sources that stage 3 did not learn from: {named}", *_comparison(report["left_out"])]


def _importance(report: Mapping[str, Any]) -> list[str]:
    """How much stage 3 uses each member: the AUROC lost when it is shuffled, and its share of the trees' gain."""
    dropped = report.get("permutation") or {}
    rows = ["### How much stage 3 uses each member"] if dropped else []
    if dropped:
        rows += [SHUFFLE_NOTE, "", "| member | AUROC lost on test when shuffled | share of gain |", "|---|---|---|"]
    for name, drop in dropped.items():
        gain = sum(v for key, v in report.get("importance", {}).items() if key.startswith(f"{name}:"))
        rows.append(f"| {name} | {drop['drop']:+.4f} ({drop['low']:+.4f} to {drop['high']:+.4f}) | {gain:.2f} |")
    return rows


def _filter(test: pd.DataFrame) -> list[str]:
    """Filtration and leakage of stage 1 at CONFIDENCES of real."""
    y, p = test["label"].to_numpy(np.int64), test["p_stage1"].to_numpy(np.float64)
    rows = [
        "| confidence of real | filtration (exits / all) | leakage (fakes that exit as real / all fakes) |",
        "|---|---|---|",
    ]
    for row in threshold_rows(p, y, test["group"].astype(str).to_numpy(), CONFIDENCES):
        rows.append(f"| {row['threshold']:.2f} | {_share(row['filtration'])} | {_share(row['leakage'])} |")
    return rows


def _share(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "unknown"
    between = "" if figure["low"] is None else f" ({figure['low']:.3f} to {figure['high']:.3f})"
    return f"{figure['value']:.3f}{between}, {figure['numerator']} / {figure['denominator']}"


def _cascade(test: pd.DataFrame, policy: CascadePolicy, members: Sequence[Member]) -> list[str]:
    """The whole cascade on the test split: who decides, how often rightly, how often no stage does, and the cost."""
    audited = audit(policy, test, stage1="stage1")
    asked = simulate(test, policy, "stage1")["asked"]
    order = ["stage1", *(expert.name for expert in policy.experts)]
    cost = cascade_cost({m.name: m.gflops for m in members}, order, asked)
    rows = [AUDIT_NOTE, "", "| decided by | share | right when it decides |", "|---|---|---|"]
    for stage, decided in audited["decided_by"].items():
        rows.append(f"| {stage} | {_share(decided)} | {_share(audited['right_by'][stage])} |")
    rows += [
        "",
        f"- Uncertain: {_share(audited['uncertain'])}.",
        f"- Fakes called real: {_share(audited['leakage'])} of all fakes; groups with one: "
        f"{_share(audited['group_leakage'])}.",
        f"- Reals called fake: {_share(audited['false_alarms'])} of all reals; groups with one: "
        f"{_share(audited['group_false_alarms'])}.",
        f"- Cost: {cost['cost']:.3g} GFLOP for each item. All experts on every item cost {cost['cost_of_experts']:.3g} "
        f"GFLOP, so the speed-up is {cost['speed_up']:.2f}.",
    ]
    return rows


def _exits(policy: CascadePolicy) -> list[str]:
    stages: list[tuple[str, Exits]] = [("stage1", policy.stage1)]
    stages += [(expert.name, expert.exits) for expert in policy.experts]
    stages.append(("stage3", policy.final))
    rows = ["| stage | exits as real at or below | exits as fake at or above |", "|---|---|---|"]
    for name, exits in stages:
        rows.append(f"| {name} | {number(exits.real_below, 'no exit')} | {number(exits.fake_above, 'no exit')} |")
    return rows


def _guarantee(g: Guarantee) -> str:
    observed = "no group exits, so the error rate is unknown" if g.observed is None else f"observed {g.observed:.4f}"
    bound = "no guarantee"
    if g.confidence is not None and g.bound is not None:
        bound = f"at most {g.bound:.4f} with confidence {g.confidence:.2f}"
    return f"- {g.stage}, {g.side}: {g.method}, {observed}, {bound}, {g.groups} groups.{' ' + g.note if g.note else ''}"


def number(value: float | None, without: str = "") -> str:
    """Write a figure with three decimals, or four when it is below 0.01.

    Args:
        value: The figure; None when there is none.
        without: What is written then.

    Returns:
        The text.
    """
    if value is None:
        return without
    return f"{value:.4f}" if abs(value) < 0.01 else f"{value:.3f}"
