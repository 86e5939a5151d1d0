"""Each board alone in a real browser: what a slider moves, typed numbers, arrow keys, files, odd inputs."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import expit

from app.scores.detector import DRAWS
from app.views.calibrate.board import BoardState, ScaleEvidence, calibration_data
from app.views.cascade.board import BoardView, cascade_data
from app.views.evaluate.threshold_board import ThresholdEvidence, threshold_data
from core.calibrate.scale_bands import ScaleBands
from core.calibrate.scale_table import ScaleTable
from core.documents.policy import Exits
from core.metrics.all_metrics import all_metrics
from core.metrics.binomial import wilson
from core.metrics.debiased import debiased_ece
from core.metrics.delong import delong
from core.metrics.metrics import brier, confusion, eer, nll, threshold_metrics
from core.metrics.reliability import ece, mce, reliability
from core.policies.boards.effective_sizes import effective_sizes
from core.policies.boards.joint_counts import joint_figures as cascade_figures
from core.policies.boards.joint_counts import joint_tally
from core.policies.boards.joint_table import build_joint_table
from core.policies.replay.base_rate import at_base_rate
from tests.support.boards import COSTS, MEMBERS, MOVE, READ, SAID, STANDS, draw, drawn, overconfident, percent, saved

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

N = 1500
GROUPS = np.arange(N) // 3
UNITS = [
    {"name": "GFLOP", "words": "an item", "costs": COSTS},
    {"name": "ms", "words": "on a CPU", "costs": [1, 2, 3, 0]},
]
MARKS = "() => [...document.querySelectorAll('.plot svg')].map((svg) => svg.innerHTML)"


def calibration(z, p, y, groups=None, **look):
    groups = np.arange(len(y)) if groups is None else groups
    found = {when: all_metrics(q, y, groups, draws=DRAWS) for when, q in (("before", expit(z)), ("after", p))}
    evidence = ScaleEvidence(ScaleTable.build(z, p, y), ScaleBands.build(z, p, y, groups, DRAWS), found)
    return calibration_data(evidence, BoardState(**look), "x")


def thresholds(p, y, groups=None, prevalence=None, curve="roc"):
    groups = np.arange(len(y)) if groups is None else groups
    found = all_metrics(p, y, groups, draws=DRAWS)
    return threshold_data(ThresholdEvidence.build(p, y, groups, 0.5, found), 0.5, prevalence, curve)


def cascade(columns, y, view=None, policy=True):
    table = build_joint_table(columns, y, MEMBERS)
    home = [(len(e) // 5, 4 * len(e) // 5) for e in table.edges]
    fronts = {"GFLOP": {"leakage": [[3, 0.3, home], [12, 0.1, table.closed()]], "auroc_loss": []}}
    groups = effective_sizes(table.edges, columns, y, np.arange(len(y)) // 3)
    return cascade_data(table, MEMBERS, UNITS, groups, home, home if policy else None, "x", fronts=fronts,
                        front_note="Front over 2 points.", view=view)  # fmt: skip


def number(text: str) -> float:
    return float(text.split(" | ")[0])


def rows_of(page, which: int) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(saved(page, "CSV", which).decode())))


@pytest.mark.parametrize("look", [
    {"temperature": 0.1, "bins": 2}, {"temperature": 10.0, "bins": 50},
    {"temperature": 1.7, "bins": 15, "binning": "mass"}, {"temperature": 0.4, "bins": 10, "which": "top_label"},
    {"bins": 9, "which": "top_label", "binning": "mass"},
])  # fmt: skip
def test_calibration_figures_are_those_of_core_where_cells_are_exact(browser, look):
    z, after, y = overconfident(N, digits=2)
    page = draw(browser, "calibration_board", calibration(z, after, y, **look))
    shown, p = page.evaluate(READ, [0]), expit(z / look.get("temperature", 1.0))
    which, binning = look.get("which", "binary"), look.get("binning", "width")
    title = {"binary": "p_fake", "top_label": "top label"}[which]
    assert number(shown["NLL"]) == pytest.approx(nll(p, y), abs=6e-5)
    assert number(shown["Brier"]) == pytest.approx(brier(p, y), abs=6e-5)
    assert number(shown[f"ECE, {title}"]) == pytest.approx(ece(p, y, look["bins"], which, binning), abs=6e-5)
    assert number(shown[f"MCE, {title}"]) == pytest.approx(mce(p, y, look["bins"], which, binning), abs=6e-5)
    assert f"{nll(after, y):.4f} as calibrated" in shown["NLL"]
    assert f"{ece(after, y, look['bins'], which, binning):.4f} as calibrated" in shown[f"ECE, {title}"]
    assert page.broken == []
    page.close()


def test_every_calibration_control_moves_every_chart_it_bears_on(browser):
    z, after, y = overconfident(N)
    page = draw(browser, "calibration_board", calibration(z, after, y, GROUPS, loss="ece"))
    before, cards, said = page.evaluate(MARKS), page.evaluate(READ, [0]), page.evaluate(SAID, [0])
    hot = page.evaluate(MOVE, [0, 0, 150])
    assert [a != b for a, b in zip(before, page.evaluate(MARKS), strict=True)] == [True] * 4
    assert [n for n in cards if cards[n] == hot[n]] == ["least NLL at"], "it is the one figure without a temperature"
    assert said[0] != page.evaluate(SAID, [0])[0]
    for act in (lambda: page.evaluate(MOVE, [0, 1, 31]), lambda: page.get_by_role("button", name="top label").click()):
        earlier = page.evaluate(MARKS)
        act()
        assert [a != b for a, b in zip(earlier, page.evaluate(MARKS), strict=True)] == [True] * 4
    earlier = page.evaluate(MARKS)
    page.get_by_role("button", name="equal mass").click()
    assert [a != b for a, b in zip(earlier, page.evaluate(MARKS), strict=True)][:2] == [True] * 2
    assert page.broken == []
    page.close()


def test_numbers_can_be_typed_and_stepped_and_the_server_hears_of_it(browser):
    z, after, y = overconfident(N)
    page = draw(browser, "calibration_board", calibration(z, after, y))
    field = page.get_by_label("temperature, typed")
    field.fill("1,745")
    field.press("Enter")
    assert number(page.evaluate(READ, [0])["NLL"]) == pytest.approx(nll(expit(z / 1.745), y), abs=2e-4)
    page.wait_for_function("() => window.sent.length === 1")
    assert page.evaluate("() => window.sent[0]") == [
        "at", {"temperature": 1.745, "bins": 15, "which": "binary", "binning": "width", "loss": "nll"},
    ]  # fmt: skip
    field.fill("nonsense")
    field.press("Enter")
    assert field.input_value() == "1.75", "what is no number changes nothing"
    slider = page.get_by_label("number of bins", exact=True)
    slider.focus()
    slider.press("ArrowRight")
    assert page.get_by_label("number of bins, typed").input_value() == "16"
    slider.press("End")
    assert page.get_by_label("number of bins, typed").input_value() == "50"
    page.get_by_role("button", name="Least NLL here").click()
    shown = page.evaluate(READ, [0])
    assert shown["NLL"].split(" | ")[0] in shown["least NLL at"]
    page.close()


def test_intervals_and_chance_of_the_calibration_board(browser):
    rng = np.random.default_rng(4)
    p = np.round(rng.uniform(0, 1, N), 3).clip(0.001, 0.999)
    y = (rng.uniform(0, 1, N) < p).astype(np.int64)
    page = draw(browser, "calibration_board", calibration(np.log(p / (1 - p)), p, y))
    rows = [row for row in rows_of(page, 0) if row["series"] == "calibrated"]
    low, high = wilson([float(r["observed"]) for r in rows], [int(r["items"]) for r in rows])
    assert [float(r["low"]) for r in rows] == pytest.approx(low.tolist(), abs=2e-3), "items that are their own groups"
    assert [float(r["high"]) for r in rows] == pytest.approx(high.tolist(), abs=2e-3)
    assert sum(int(r["items"]) for r in rows) == N
    chance = float(page.evaluate(SAID, [0])[0].split("chance alone gives at most ")[1].split(". ")[0])
    again = [ece(p, (rng.uniform(0, 1, N) < p).astype(np.int64)) for _ in range(200)]
    assert chance == pytest.approx(np.mean(again), rel=0.05), "what a perfect calibrator shows on so many items"
    assert ece(p, y) - debiased_ece(p, y, binning="width") < 2 * chance
    wanted = all_metrics(p, y, np.arange(N), draws=DRAWS)
    shown = page.evaluate(READ, [0])
    for title, name in (("NLL", "nll"), ("Brier", "brier"), ("ECE, p_fake", "ece_binary_width")):
        found = [float(v) for v in shown[title].split("95\xa0%: ")[1].split(";")[0].split(" to ")]
        assert found == pytest.approx([wanted[name]["low"], wanted[name]["high"]], abs=1.01e-4), name
    assert "about" in page.evaluate(MOVE, [0, 1, 14])["ECE, p_fake"], "in other bins it is not drawn"
    page.close()


def test_the_threshold_board_at_the_base_rate_asked_about(browser):
    columns, y = drawn(N)
    p = columns[0]
    page = draw(browser, "threshold_board", thresholds(p, y, GROUPS))
    own, found = page.evaluate(READ, [0]), threshold_metrics(confusion(p, y, 0.5))
    for title, name in (("F1", "f1"), ("MCC", "mcc")):
        assert number(own[title]) == pytest.approx(found[name], abs=6e-5)
    assert own["accuracy"].startswith(percent(found["accuracy"]))
    before = page.evaluate(MARKS)
    rare = page.evaluate(MOVE, [0, 1, 60])
    moved = [a != b for a, b in zip(before, page.evaluate(MARKS), strict=True)]
    assert moved == [False, False, True, True], "shares of a class do not depend on how many fakes there are"
    pi = 1 / (1 + np.exp(7 - 11.6 * 60 / 200))
    hit, alarm = found["recall"], 1 - found["specificity"]
    bayes = at_base_rate(pi, hit, alarm)
    assert rare["precision"].startswith(percent(bayes.precision_fake[0]))
    assert rare["accuracy"].startswith(percent(pi * hit + (1 - pi) * (1 - alarm)))
    right = bayes.precision_fake[0]
    assert number(rare["F1"]) == pytest.approx(2 * right * hit / (right + hit), abs=6e-5)
    # the same as if the fakes had been thinned out: a bin's share of fakes by Bayes' rule
    bins = rows_of(page, 3)
    for row, low in zip(bins, np.arange(15) / 15, strict=True):
        inside = (p > low) & (p <= low + 1 / 15)
        odds = y[inside].sum() / y.sum() * pi / ((1 - y[inside]).sum() / (1 - y).sum() * (1 - pi))
        assert float(row["observed"]) == pytest.approx(odds / (1 + odds), abs=0.02)
    page.close()


def test_det_names_the_equal_error_rate_and_the_link_remembers_it(browser):
    columns, y = drawn(N)
    page = draw(browser, "threshold_board", thresholds(columns[0], y, GROUPS))
    before = page.evaluate(MARKS)
    page.get_by_role("button", name="DET").click()
    assert before[1] != page.evaluate(MARKS)[1]
    said = page.evaluate(SAID, [0])[1]
    assert float(said.split("both errors are ")[1].split(" %")[0]) == pytest.approx(100 * eer(columns[0], y), abs=0.15)
    page.wait_for_function("() => window.sent.length === 1")
    assert page.evaluate("() => window.sent[0][1].curve") == "det"
    page.close()


def test_a_threshold_is_typed(browser):
    columns, y = drawn(N)
    page = draw(browser, "threshold_board", thresholds(columns[0], y))
    field = page.get_by_label("threshold: called fake from p_fake, typed")
    for text, called in (("0.25", (columns[0] >= 0.25).mean()), ("all", 1.0), ("never", 0.0)):
        field.fill(text)
        field.press("Enter")
        shown = page.evaluate("() => document.querySelector('h4 span').textContent").split(" of ")[0]
        assert int(shown.replace(",", "")) == pytest.approx(called * N, abs=0.003 * N)
    rate = page.get_by_label("what if: share of fakes among all items, typed")
    rate.fill("2")
    rate.press("Enter")
    assert rate.input_value() == "2.00 %"
    page.close()


def test_every_cascade_slider_moves_every_chart_and_its_point_stays_in_the_frame(browser):
    columns, y = drawn(N)
    page = draw(browser, "cascade_board", cascade(columns, y))
    for stage in range(4):
        before = page.evaluate(MARKS)
        page.evaluate(MOVE, [0, 2 * stage, 90])
        moved = [a != b for a, b in zip(before, page.evaluate(MARKS), strict=True)]
        assert moved == [True, True, True, stage < 3], "what the last stage is asked keeps its p_fake, decided or not"
    page.get_by_role("button", name="AUROC loss").click()
    for value in (5, 120, 200):
        page.evaluate(MOVE, [0, 0, value])
        row = next(r for r in rows_of(page, 2) if r["series"] == "these sliders")
        top = page.evaluate("""() => Math.max(...[...document.querySelectorAll('.plot')[2].querySelectorAll(
          'text[text-anchor=end]')].map((t) => parseFloat(t.textContent)))""")
        assert 100 * float(row["risk"]) <= 1.34 * top, "the axis reaches as far as the point (ticks end below its top)"
        assert float(row["low"]) < float(row["risk"]) < float(row["high"])
    page.close()


def test_the_cascade_board_opens_on_the_view_of_a_link_and_reports_it(browser):
    columns, y = drawn(N)
    view = BoardView((2, 1), "ms", "auroc_loss")
    page = draw(browser, "cascade_board", cascade(columns, y, view))
    pressed = page.evaluate(
        "() => [...document.querySelectorAll('.choices [aria-pressed=true]')].map((b) => b.textContent)"
    )
    assert pressed == ["ms", "AUROC loss"]
    assert page.evaluate("() => document.querySelector('h5').textContent") == "genconvit: every threshold"
    field = page.get_by_label("texture: real up to, typed")
    field.fill("0,05")
    field.press("Enter")
    page.wait_for_function("() => window.sent.length === 1")
    name, at = page.evaluate("() => window.sent[0]")
    assert (name, at["focus"], at["unit"], at["risk"]) == ("at", [1, 0], "ms", "auroc_loss")
    edges = build_joint_table(columns, y, MEMBERS).edges[1]
    assert edges[at["cuts"][1][0]] == 0.05
    assert field.input_value() == "0.05"
    page.close()


def test_a_typed_exit_between_two_steps_is_asked_for_and_a_wrong_one_is_refused_aloud(browser):
    columns, y = drawn(N)
    page = draw(browser, "cascade_board", cascade(columns, y))
    stage = page.get_by_role("group", name="texture", exact=True)
    field, hint = stage.get_by_label("texture: real up to, typed"), stage.get_by_role("status")
    stood = page.evaluate(STANDS, [0])
    for text, sentence in (("abc", "abc is no exit"), ("1.2", "1.2 is no exit"), ("0.999", "Real must lie below fake")):
        field.fill(text)
        field.press("Tab")
        assert sentence in hint.text_content()
        assert (field.get_attribute("aria-invalid"), field.input_value()) == ("true", text)
        assert page.evaluate(STANDS, [0]) == stood, "a wrong number moves nothing"
    field.fill("12.5 %")
    field.press("Enter")
    # The board may send where its sliders rest at any moment: the last question is meant, not the last message.
    asked = page.evaluate("() => window.sent.findLast(([name]) => name === 'typed')[1]")
    assert (asked["stage"], asked["side"], asked["value"]) == (1, 0, 0.125)
    assert field.get_attribute("aria-invalid") is None
    assert "12.5 % exactly" in hint.text_content()
    exact = build_joint_table(columns, y, MEMBERS, exits={"texture": [Exits(real_below=0.125)]})
    data = cascade(columns, y) | {"table": exact.to_document(), "typed": [1, 0], "identity": "finer"}
    data["cuts"] = [list(cut) for cut in exact.closed()]
    data["cuts"][1][0] = exact.indices(1, Exits(real_below=0.125))[0]
    page.close()
    page = draw(browser, "cascade_board", data)
    assert page.evaluate("() => document.activeElement.value") == "0.125", "the field keeps the focus"
    assert "0.125 is set" in page.get_by_role("group", name="texture", exact=True).get_by_role("status").text_content()
    page.close()


@pytest.mark.parametrize("width", [1020, 512])  # of the board: of pages of 1440 and 800 pixels with their sidebar
def test_sliders_are_wide_and_stay_beside_the_curve_that_they_move(browser, width):
    columns, y = drawn(N)
    page = draw(browser, "cascade_board", cascade(columns, y), width)
    sliders = page.locator("input[type=range]")
    assert all(sliders.nth(i).bounding_box()["width"] >= 280 for i in range(8))
    last = page.get_by_label("stack: fake from", exact=True)
    last.focus()
    page.wait_for_function("() => document.querySelector('h5').textContent.startsWith('stack')")
    curve, slider = page.locator(".moved svg").bounding_box(), last.bounding_box()
    height = page.viewport_size["height"]
    for box in (curve, slider):
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height, "both are on the screen"
    covered = slider["y"] < curve["y"] + curve["height"] and slider["x"] < curve["x"] + curve["width"]
    assert not (covered and slider["x"] + slider["width"] > curve["x"]), "the curve does not lie over its slider"
    page.close()


def test_a_phone_has_everything_below_each_other(browser):
    columns, y = drawn(N)
    page = draw(browser, "cascade_board", cascade(columns, y), 340)
    boxes = [page.locator(s).first.bounding_box() for s in (".figures", ".moved", ".controls", ".plots")]
    assert all(a["y"] + a["height"] <= b["y"] for a, b in pairwise(boxes))
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 340
    page.close()


@pytest.mark.parametrize("name", ["calibration_board", "threshold_board", "cascade_board"])
def test_every_chart_is_saved_whole(browser, name):
    z, after, y = overconfident(N)
    columns, of = drawn(N)
    data = {"calibration_board": lambda: calibration(z, after, y), "cascade_board": lambda: cascade(columns, of),
            "threshold_board": lambda: thresholds(columns[0], of)}  # fmt: skip
    page = draw(browser, name, data[name]())
    titles = page.evaluate("() => [...document.querySelectorAll('h5')].map((h) => h.firstChild.textContent)")
    for which, (title, said) in enumerate(zip(titles, page.evaluate(SAID, [0]), strict=True)):
        page.close()
        page = draw(browser, name, data[name]())  # a page may hand out some ten files until Chromium asks
        svg = saved(page, "SVG", which).decode()
        assert ET.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
        words = " ".join("".join(t.itertext()) for t in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"))
        assert title in words
        assert said.split()[0] in words
        assert said.split()[-1] in words, "the sentence is there to its end"
        assert 'class="marks"' in svg
        picture = saved(page, "PNG", which)
        assert picture.startswith(b"\x89PNG")
        assert int.from_bytes(picture[16:20], "big") == 1140
        assert len(rows_of(page, which)) >= 2
    assert page.broken == []
    page.close()


@pytest.mark.parametrize(("p", "y"), [
    (np.linspace(0.01, 0.99, 12), np.zeros(12, np.int64)), (np.linspace(0.01, 0.99, 12), np.ones(12, np.int64)),
    (np.full(40, 0.5), np.arange(40) % 2), (np.repeat([0.0, 1.0], 20), np.arange(40) % 2),
    (np.repeat([0.0, 1.0], 20), np.repeat([0, 1], 20)), (np.array([0.3]), np.array([1])),
])  # fmt: skip
def test_odd_items_break_no_board(browser, p, y):
    z = np.log(p.clip(1e-12, 1 - 1e-12) / (1 - p.clip(1e-12, 1 - 1e-12)))
    boards = {"calibration_board": calibration(z, p, y, loss="ece", binning="mass"),
              "threshold_board": thresholds(p, y), "cascade_board": cascade([p] * 4, y)}  # fmt: skip
    for name, data in boards.items():
        page = draw(browser, name, data, width=800)
        for slider, value in ((0, 0), (1, 10_000), (0, 10_000), (1, 0)):
            page.evaluate(MOVE, [0, slider, value])
        whole = page.evaluate("() => document.querySelector('.board').innerHTML")
        assert "NaN" not in whole
        assert "Infinity" not in whole
        assert page.broken == []
        wide = page.evaluate("() => document.documentElement.scrollWidth")
        assert wide <= 800, "nothing is wider than the screen"
        page.close()


@pytest.mark.parametrize("threshold", [0.5, 0.25])
def test_the_boards_intervals_are_those_of_the_headline(browser, threshold):
    columns, y = drawn(N)
    p, groups = columns[0], GROUPS
    evidence = ThresholdEvidence.build(p, y, groups, threshold, all_metrics(p, y, groups, draws=DRAWS))
    page = draw(browser, "threshold_board", threshold_data(evidence, threshold, None))
    wanted, shown = all_metrics(p, y, groups, draws=DRAWS, threshold=threshold), page.evaluate(READ, [0])
    for title, name in (("recall", "recall"), ("balanced accuracy", "balanced_accuracy"), ("accuracy", "accuracy"),
                        ("precision", "precision")):  # fmt: skip
        assert f"{percent(wanted[name]['low'])} to {percent(wanted[name]['high'])}" in shown[title].replace("\xa0", " ")
    for title in ("F1", "MCC"):
        of = wanted[title.lower()]
        assert f"{of['low']:.3f} to {of['high']:.3f}" in shown[title]
    said = page.evaluate(SAID, [0])
    for which, name in ((1, "auroc"), (3, "ece_binary_width")):
        assert f"{wanted[name]['low']:.3f} to {wanted[name]['high']:.3f}" in said[which], name
    at = next(row for row in rows_of(page, 1) if row["chosen"] == "1")
    assert [float(at["recall_low"]), float(at["recall_high"])] == pytest.approx(
        [wanted["recall"]["low"], wanted["recall"]["high"]], abs=1e-6
    )
    bars = reliability(p, y, 15)
    rows = rows_of(page, 3)
    assert [float(r["stated"]) for r in rows] == pytest.approx(bars.stated[bars.count > 0].tolist(), abs=1e-12)
    assert [int(r["items"]) for r in rows] == bars.count[bars.count > 0].tolist()
    page.close()


def test_the_calibration_boards_intervals_are_those_of_the_report_at_any_temperature(browser):
    z, after, y = overconfident(N, digits=2)
    page = draw(browser, "calibration_board", calibration(z, after, y, GROUPS))
    for step in (60, 100, 128):
        shown, p = page.evaluate(MOVE, [0, 0, step]), expit(z / 10 ** (step / 100 - 1))
        wanted = all_metrics(p, y, GROUPS, draws=DRAWS)
        for title, name in (("NLL", "nll"), ("Brier", "brier")):
            assert f"{wanted[name]['low']:.4f} to {wanted[name]['high']:.4f}" in shown[title]
    bins = rows_of(page, 3)
    p = expit(z / 10**0.28)
    assert [float(r["at_temperature"]) for r in bins] == pytest.approx([ece(p, y, b) for b in range(2, 51)], abs=1e-9)
    page.close()


def test_cascade_intervals_count_effective_groups(browser):
    columns, y = drawn(N)
    table = build_joint_table(columns, y, MEMBERS)
    page = draw(browser, "cascade_board", cascade(columns, y))
    groups = effective_sizes(table.edges, columns, y, np.arange(N) // 3)
    cuts = [(len(table.edges[0]) // 4, len(table.edges[0]) - 1), *table.closed()[1:]]
    for stage, (real, fake) in enumerate(cuts):
        page.evaluate(MOVE, [0, 2 * stage + 1, fake])
        shown = page.evaluate(MOVE, [0, 2 * stage, real])
    f = cascade_figures(joint_tally(table, cuts), COSTS)
    low, high = wilson(f["leakage1"], groups["stages"][0]["fake"][cuts[0][0]])
    assert f"{percent(float(low))} to {percent(float(high))}" in shown["stage-1 leakage"].replace("\xa0", " ")
    assert groups["stages"][0]["fake"][cuts[0][0]] > groups["least"]["fake"], "groups here do not agree wholly"
    assert "no exit is open" in shown["false alarms"]
    assert "n = " in page.evaluate(SAID, [0])[1].replace("\xa0", " ")
    open_ = page.evaluate(MOVE, [0, 0, 0])
    assert "as much as with all members" in open_["AUROC"]
    assert "slower: " in open_["expected cost"]
    found = delong(columns[-1], y, groups=np.arange(N) // 3)
    assert f"{found.low:.3f} to {found.high:.3f}" in open_["AUROC"]
    row = next(r for r in rows_of(page, 2) if r["series"] == "front")
    assert row["cost_unit"] == "GFLOP"
    assert float(row["filter: real up to"]) == table.edges[0][len(table.edges[0]) // 5]
    first = rows_of(page, 0)[0]
    assert {"stage", "leaves_as", "leaves_low", "error_high", "items_leaving", "n", "stack: fake above"} <= set(first)
    page.close()


def test_without_a_policy_nothing_of_one_is_drawn(browser):
    columns, y = drawn(N)
    page = draw(browser, "cascade_board", cascade(columns, y, policy=False))
    whole = page.evaluate("() => document.querySelector('.layout').innerText")
    assert "policy in force" not in whole
    assert "found" not in page.evaluate("() => document.querySelectorAll('.keys')[2].textContent")
    assert not page.get_by_role("button", name="Back to the policy in force").is_visible()
    assert {r["series"] for r in rows_of(page, 2)} == {"front", "these sliders"}
    page.close()


def test_ticks_step_by_one_two_or_five(browser):
    columns, y = drawn(N)
    page = draw(browser, "threshold_board", thresholds(columns[0], y))
    for text in page.evaluate("""() => [...document.querySelectorAll('svg')].map((svg) =>
      [...svg.querySelectorAll('text[text-anchor=end]')].map((t) => parseFloat(t.textContent)))"""):
        steps = np.diff(text)
        assert steps.std() < 1e-9
        assert f"{steps[0]:e}"[0] in "125"
    page.close()
