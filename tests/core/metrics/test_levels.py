"""Frames into tracks and videos: every rule by hand, every unit once, the levels that a table has."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from core.metrics.levels import TOP_SCORES, at_level, available_levels, pool, pooling, unit_names, usable_levels
from core.metrics.metrics import MIN_PROBABILITY, auroc


def by_hand(rule: str, p: np.ndarray) -> float:
    return {
        "mean_log_odds": lambda: expit(logit(np.clip(p, MIN_PROBABILITY, 1 - MIN_PROBABILITY)).mean()),
        "mean_p": p.mean,
        "max": p.max,
        "median": lambda: np.median(p),
        "top_mean": lambda: np.sort(p)[-TOP_SCORES:].mean(),
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


def named_alike(**columns: list[str]) -> pd.DataFrame:
    """Two reals and two fakes, two frames each; a real and a fake share the name 001, another pair the name 002."""
    frame = pd.DataFrame({"sample_id": list("abcdefgh"), "video": ["001", "001", "002", "002"] * 2})
    frame["label"], frame["p_fake"] = [0] * 4 + [1] * 4, [0.1, 0.2, 0.2, 0.3, 0.8, 0.9, 0.7, 0.8]
    frame["dataset"], frame["group"] = "d", frame["video"]
    return frame.assign(**columns)


@pytest.mark.parametrize("rule", pooling.names())
@pytest.mark.parametrize(
    "columns",
    [
        {"dataset": ["real"] * 4 + ["gan"] * 4},
        {"method": [""] * 4 + ["FaceSwap"] * 4},
        {"method": ["none"] * 4 + ["FaceSwap"] * 4, "compression": ["c23"] * 8},
        {"compression": ["raw"] * 4 + ["c23"] * 4, "track": ["0"] * 8},
    ],
)
def test_clips_of_one_name_are_as_many_units_as_what_describes_them_says(columns, rule):
    units = at_level(named_alike(**columns), "video", rule)
    assert len(units) == 4
    assert units["sample_id"].is_unique
    assert units["items"].tolist() == [2] * 4
    assert sorted(units["label"]) == [0, 0, 1, 1]
    assert auroc(units["p_fake"], units["label"]) == 1.0


def test_one_name_in_three_methods_and_two_data_sets_is_five_clips():
    frame = named_alike(method=["", "", "x", "x", "y", "y", "z", "z"], label=[0, 0, *[1] * 6], video="001", group="g")
    assert at_level(frame, "video", "max")["method"].tolist() == ["", "x", "y", "z"]
    both = pd.concat([frame, frame.assign(dataset="e", method="x", label=1)], ignore_index=True)
    both["sample_id"] = [f"s{i}" for i in range(len(both))]
    units = at_level(both, "video", "max")
    assert units["items"].tolist() == [2, 2, 2, 2, 8]
    assert units["sample_id"].tolist()[-1] == "video 001 (e, -)"


def test_a_real_person_beside_a_forged_one_stays_in_the_forged_clip():
    frame = clips().assign(method=["swap", "swap", "", "", "", "", ""])
    videos = at_level(frame, "video", "max").set_index("sample_id")
    assert videos.loc["video v1", "items"] == 4
    assert videos.loc["video v1", "label"] == 1


@pytest.mark.parametrize("level", ["track", "video"])
def test_a_unit_with_two_labels_is_refused_by_name(level):
    frame = named_alike(track=["0", "0", "1", "1"] * 2)
    with pytest.raises(ValueError, match=r"'video 001.*' holds real and fake items that no column separates"):
        at_level(frame, level, "mean_p")
    with pytest.raises(ValueError, match="'video 001' holds real and fake items"):
        at_level(named_alike(), "video", "mean_p")
    levels, notes = usable_levels(frame.assign(track=["0", "0", "1", "2"] * 2))
    assert levels == ("frame",)
    assert len(notes) == 2
    assert "The level video is left out: 'video 001' holds real and fake items" in notes[1]


def test_tracks_of_two_clips_of_one_name_are_no_second_track():
    frame = named_alike(method=[""] * 4 + ["x"] * 4, track=["0"] * 4 + ["1"] * 4)
    assert available_levels(frame) == ("frame", "track", "video")  # the tracks may be two persons of one clip
    frame = named_alike(dataset=["a"] * 4 + ["b"] * 4, track=["0"] * 4 + ["1"] * 4)
    assert available_levels(frame) == ("frame", "video")


def test_an_unknown_clip_is_no_clip():
    frame = clips()
    frame.loc[6, "video"] = None
    assert at_level(frame, "video", "max")["sample_id"].tolist() == ["item g", "video v1", "video v2"]
