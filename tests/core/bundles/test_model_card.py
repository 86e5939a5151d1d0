"""The generated part of the model card: its cascade figures are the audit's, with intervals over groups."""

import numpy as np
import pandas as pd

from core.bundles.model_card import TERMS, model_card
from core.documents.bundle import Member
from core.documents.inputs import InputSpec
from core.documents.policy import CascadePolicy, Exits
from core.glossary import define
from core.stacking.report import comparison


def test_intervals_count_groups_and_not_frames():
    """Ten frames a video, all alike: the interval of 1 in 10 videos is far wider than that of 10 in 100 frames."""
    p = np.repeat([0.05, *[0.95] * 9, *[0.05] * 10], 10)
    table = pd.DataFrame({"p_stage1": p, "label": np.repeat([1, 0], 100), "group": np.repeat(np.arange(20), 10)})
    table = table.assign(split="test", dataset="clips", sample_id=[f"s{i}" for i in range(200)])
    policy = CascadePolicy(
        policy_id="p", name="p", created_at="", experts=[], final=Exits(), stage1=Exits(real_below=0.1, fake_above=0.9)
    )
    size = InputSpec(size=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    member = Member(name="stage1", title="One", role="stage1", detector="x", input=size, gflops=1.0)
    card = model_card("# Card", [member], policy, table, {"comparison": []}, {})
    line = next(line for line in card.splitlines() if line.startswith("- Fakes called real"))
    assert "10 / 100 of all fakes" in line
    low, high = (float(v) for v in line.split("(")[1].split(")")[0].split(" to "))
    assert low == 0.0
    assert high > 0.25  # about 3 of 10 videos; frame by frame it would end under 0.18
    assert line.endswith("groups with one: 0.100 (0.003 to 0.445), 1 / 10.")


def test_a_card_explains_its_terms_as_the_glossary_does():
    card = model_card("# Card", [], CascadePolicy(
        policy_id="p", name="p", created_at="", experts=[], final=Exits(), stage1=Exits()
    ), pd.DataFrame({"split": []}), {"comparison": []}, {})  # fmt: skip
    assert [term for term in TERMS if f"- **{term}**: {define(term)}" not in card] == []


def drawn_report():
    """stack_report.json as far as the card reads it, from drawn scores; stage 3 did not learn from source `new`."""
    rng = np.random.default_rng(0)
    groups = np.arange(240) // 2
    labels = rng.integers(0, 2, 120)[groups]
    source = np.where(groups < 30, "new", np.where(labels == 1, "gan", "photo"))
    frame = pd.DataFrame({"label": labels, "group": groups, "dataset": source, "split": "test"})
    ways = {
        name: 1 / (1 + np.exp(-skill * (2 * labels - 1) - rng.normal(size=240)))
        for name, skill in (("stage1", 0.5), ("texture", 1.0), ("mean", 1.0), ("logistic", 1.0), ("lightgbm", 1.2))
    }
    found = comparison(frame, ways, np.arange(0), 0, draws=100, left_out=["new"])
    return found | {
        "members": [{"name": "stage1"}, {"name": "texture"}],
        "exclude_datasets": ["new"],
        "permutation": {"texture": {"drop": 0.12, "low": 0.08, "high": 0.15}},
        "importance": {"texture: log-odds": 0.25, "texture: embedding": 0.5, "stage1: log-odds": 0.25},
        "notes": ["Said once."],
    }


def tables_of(card):
    """(rows, cells a row) of every Markdown table, each checked to be rectangular."""
    found, rows = [], []
    for line in [*card.splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
        elif rows:
            assert len({len(row) for row in rows}) == 1, rows
            assert set(rows[1]) == {"---"}, rows[:2]
            found.append(rows)
            rows = []
    return found


def test_the_report_is_told_whole_in_tables():
    report = drawn_report()
    policy = CascadePolicy(policy_id="p", name="p", created_at="", experts=[], final=Exits(), stage1=Exits())
    table = pd.DataFrame({"split": []})
    tables = tables_of(model_card("# Card", [], policy, table, report, {"a": "b"}))
    by_head = {rows[0][0]: rows for rows in tables}
    assert {"AUROC: source", "F1: source", "ECE: source"} <= set(by_head)
    assert by_head["AUROC: source"][0][3:] == ["stage1", "texture", "mean", "logistic", "stage 3"]
    gan = next(row for row in by_head["ECE: source"] if row[0] == "gan")
    said = report["by_source"]["texture"]["gan"]
    low, high = said["ece_interval"]
    assert gan[4] == f"{said['ece']:.3f} ({low:.3f} to {high:.3f})"
    compared, left_out = (rows for rows in tables if rows[0][0] == "what")
    assert [row[0] for row in compared[2:]] == [row["name"] for row in report["comparison"]]
    stage1, less = compared[2], report["comparison"][0]["less_mean"]
    assert stage1[2] == f"{less['value']:+.3f} ({less['interval'][0]:+.3f} to {less['interval'][1]:+.3f})"
    assert stage1[4].startswith(f"{report['comparison'][0]['ece']:.3f} (")
    assert {row[-2] for row in left_out[2:]} == {"60"}
    assert by_head["member"][-1] == ["texture", "+0.1200 (+0.0800 to +0.1500)", "0.75"]


def test_an_older_report_without_new_figures_is_still_told():
    report = drawn_report()
    for row in report["comparison"]:
        del row["less_mean"], row["f1_interval"], row["ece_interval"]
    for found in report["by_source"].values():
        for row in found.values():
            for name in ("f1", "ece", "f1_interval", "ece_interval", "interval"):
                row.pop(name, None)
    del report["left_out"], report["permutation"]
    policy = CascadePolicy(policy_id="p", name="p", created_at="", experts=[], final=Exits(), stage1=Exits())
    heads = [rows[0][0] for rows in tables_of(model_card("# C", [], policy, pd.DataFrame({"split": []}), report, {}))]
    assert "AUROC: source" in heads
    assert "ECE: source" not in heads
    assert heads.count("what") == 1
