"""Frames into tracks and videos: every rule by hand, every unit once, the levels that a table has."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from core.metrics.levels import TOP, at_level, available_levels, pool, pooling, unit_names
from core.metrics.metrics import CLIP


def by_hand(rule: str, p: np.ndarray) -> float:
    return {
        "mean_log_odds": lambda: expit(logit(np.clip(p, CLIP, 1 - CLIP)).mean()),
        "mean_p": p.mean,
        "max": p.max,
        "median": lambda: np.median(p),
        "top_mean": lambda: np.sort(p)[-TOP:].mean(),
    }[rule]()


@pytest.mark.parametrize("rule", pooling.names())
@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcde"), st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1))), min_size=1
    )
)
def test_each_rule_equals_the_loop_over_units(rule, rows):
    units, p = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    pooled, first = pool(p, units, rule)
    assert [units[i] for i in first] == sorted(set(units))
    assert pooled == pytest.approx([by_hand(rule, p[units == u]) for u in sorted(set(units))], abs=1e-12)
    assert (pooled >= 0).all()
    assert (pooled <= 1).all()


@pytest.mark.parametrize("rule", pooling.names())
def test_a_unit_of_one_item_keeps_its_score(rule):
    p = np.array([0.2, 0.9, 0.5])
    assert pool(p, ["x", "y", "z"], rule)[0] == pytest.approx(p)


def clips() -> pd.DataFrame:
    frame = pd.DataFrame({"sample_id": list("abcdefg"), "p_fake": [0.9, 0.7, 0.1, 0.1, 0.2, 0.4, 0.8]})
    frame["video"] = ["v1", "v1", "v1", "v1", "v2", "v2", ""]
    frame["track"] = [0, 0, 1, 1, 0, 0, 0]
    frame["label"] = [1, 1, 0, 0, 0, 0, 1]
    return frame.assign(group=["g1"] * 4 + ["g2"] * 2 + ["g3"], dataset="d")


def test_levels_of_clips_and_pictures():
    frame = clips()
    assert available_levels(frame) == ("frame", "track", "video")
    assert available_levels(frame.drop(columns="track")) == ("frame", "video")
    assert available_levels(frame[["sample_id"]]) == ("frame",)
    assert available_levels(frame.assign(video="")) == ("frame",)
    tracks = at_level(frame, "track", "mean_p")
    assert tracks["p_fake"].tolist() == pytest.approx([0.8, 0.8, 0.1, 0.3])
    assert tracks["items"].tolist() == [1, 2, 2, 2]
    assert tracks["label"].tolist() == [1, 1, 0, 0]
    videos = at_level(frame, "video", "max").set_index("sample_id")
    assert videos.loc["video v1", "label"] == 1  # one forged person makes the clip a fake
    assert videos.loc["video v1", "p_fake"] == 0.9
    assert videos.loc["item g", "items"] == 1
    assert len(at_level(frame, "frame", "max")) == 7


def test_a_clip_in_two_groups_and_a_missing_column_are_named():
    with pytest.raises(ValueError, match="video v1"):
        at_level(clips().assign(group=list("abcdefg")), "video", "mean_p")
    with pytest.raises(ValueError, match="video, track"):
        unit_names(clips()[["sample_id"]], "track")
    with pytest.raises(ValueError, match="known: frame"):
        unit_names(clips(), "scene")
    with pytest.raises(LookupError, match="mean_log_odds"):
        pool([0.1], ["a"], "best")
