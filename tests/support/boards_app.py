"""A Streamlit page of all three boards over AWARE_BOARD_ITEMS drawn items: what the browser and the benchmark drive."""

from __future__ import annotations

import os
import time

import streamlit as st

from app.views.calibrate.board import BoardState, ScaleEvidence, calibration_board
from app.views.cascade.board import cascade_board, cascade_data
from app.views.evaluate.threshold_board import FIXED, ThresholdEvidence, threshold_board
from core.calibrate.scale_bands import ScaleBands
from core.calibrate.scale_table import ScaleTable
from core.policies.boards.effective_sizes import effective_sizes
from core.policies.boards.grid import cascade_grid
from core.policies.boards.joint_table import build_joint_table
from core.policies.search.pareto import Limits, front
from tests.support.boards import COSTS, MEMBERS, drawn, overconfident


@st.cache_resource
def tables(n: int):
    columns, y = drawn(n)
    start = time.process_time()
    joint = build_joint_table(columns, y, MEMBERS)
    built = time.process_time() - start
    points = front(cascade_grid(joint), COSTS, "leakage", Limits(false_alarms=0.1, auroc_loss=0.02))
    groups = effective_sizes(joint.edges, columns, y, None)
    known = {name: {"value": 0.0, "low": None, "high": None, "note": ""} for name in FIXED.values()}  # stands still
    single = ThresholdEvidence.build(columns[-1], y, None, 0.5, known)
    items = overconfident(n)
    scale = ScaleEvidence(ScaleTable.build(*items), ScaleBands.build(*items, None))
    return joint, single, scale, groups, [[p.cost, p.risk, p.cuts] for p in points], built


def page() -> None:
    st.set_page_config(layout="wide")
    n = int(os.environ.get("AWARE_BOARD_ITEMS", "100000"))
    joint, single, scale, groups, points, built = tables(n)
    st.caption(f"{n} items, joint table in {built:.2f} s")
    units = [{"name": "GFLOP", "words": "an item", "costs": COSTS}]
    home = [(60, 200)] * 4
    fronts = {"GFLOP": {"leakage": points, "auroc_loss": []}}
    cascade_board(cascade_data(joint, list(MEMBERS), units, groups, home, home, "drawn", fronts=fronts))
    threshold_board(single)
    calibration_board(scale, BoardState(), "drawn", "calibration")
    st.caption("drawn")


page()
