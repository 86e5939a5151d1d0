"""A Streamlit page of both boards over AWARE_BOARD_ITEMS drawn predictions: what test_board_speed.py drives."""

from __future__ import annotations

import os
import time

import numpy as np
import streamlit as st

from app.cascade_board import cascade_board
from app.threshold_board import threshold_board
from core.cascade.grid import cascade_grid
from core.cascade.joint import JointTable
from core.cascade.pareto import Limits, front
from core.cascade.threshold_table import ThresholdTable

MEMBERS = ("filter", "texture", "genconvit", "stack")
COSTS = [2.5, 4.2, 18.4, 0.0]


def drawn(n: int, members: int = 4) -> tuple[list[np.ndarray], np.ndarray]:
    """(members columns of p_fake, labels): items of a common difficulty, members better and better."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n)
    shared = rng.normal(0, 1, n)
    skill = [2.0, 3.0, 4.0, 6.0][:members]
    return [1 / (1 + np.exp(-(rng.normal(0, 1.5, n) + shared + s * (y - 0.5)))) for s in skill], y


@st.cache_resource
def tables(n: int):
    columns, y = drawn(n)
    start = time.process_time()
    joint = JointTable.build(columns, y, MEMBERS)
    built = time.process_time() - start
    points = front(cascade_grid(joint), COSTS, "leakage", Limits(false_alarms=0.1, auroc_loss=0.02))
    groups = {"fake": float(y.sum()), "real": float(n - y.sum()), "all": float(n)}
    return joint, ThresholdTable.build(columns[-1], y), groups, [[p.cost, p.risk] for p in points], built


def page() -> None:
    st.set_page_config(layout="wide")
    n = int(os.environ.get("AWARE_BOARD_ITEMS", "100000"))
    joint, single, groups, points, built = tables(n)
    st.caption(f"{n} items, joint table in {built:.2f} s")
    units = [{"name": "GFLOP", "words": "an item", "costs": COSTS}]
    home = [(60, 200)] * 4
    fronts = {"GFLOP": {"leakage": points, "auroc_loss": []}}
    cascade_board(joint, list(MEMBERS), units, groups, home, home, "drawn", fronts=fronts)
    threshold_board(single, groups)
    st.caption("drawn")


page()
