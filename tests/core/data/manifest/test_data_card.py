"""The card's figures against numpy, and what it takes from file names."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from core.data.manifest.card import clip_hint, dataset_card


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"label": [0, 1] * 20, "dataset": "s", "split": "train", "method": "none"})
    return rows.assign(
        path=[f"{i}.png" for i in range(40)],
        group=[f"g{i // 4}" for i in range(40)],
        identity=["anna", "anna; ben", "", ""] * 10,
        compression=["c23", "c23", "c40", ""] * 10,
        sharpness=rng.gamma(2, 50, 40),
        yaw=np.nan,
        brightness=[100.0, np.nan] * 20,
    )


def test_quality_is_summed_up_by_label(frame):
    quality = dataset_card(frame)["quality"]
    assert set(quality) == {"sharpness", "brightness"}
    for part, rows in (("all", frame), ("real", frame[frame["label"] == 0]), ("fake", frame[frame["label"] == 1])):
        expected = np.percentile(rows["sharpness"], [5, 50, 95])
        found = quality["sharpness"][part]
        assert [found["p05"], found["median"], found["p95"]] == pytest.approx(expected, abs=0.005)
        assert found["items"] == len(rows)
    assert quality["brightness"]["all"] == {"items": 20, "p05": 100.0, "median": 100.0, "p95": 100.0}
    assert "fake" not in quality["brightness"]


def test_people_and_compressions_are_counted(frame):
    card = dataset_card(frame)
    assert card["largest_identities"] == {"anna": 20, "ben": 10}
    assert {name: row["items"] for name, row in card["compressions"].items()} == {"c23": 20, "c40": 10}
    assert card["identities"] == 2


def test_frames_of_clips_are_suggested_never_applied():
    paths = pd.Series([f"fakes/033_097/{i:04d}.png" for i in range(10)] + [f"reals/055_{i:03d}.png" for i in range(6)])
    hint = clip_hint(paths)
    assert "2 clips of several pictures each, e.g. 'fakes/033_097' with 10" in hint
    assert "`identity` 033;097" in hint
    frame = pd.DataFrame({"path": paths, "group": paths, "label": [1] * 10 + [0] * 6, "dataset": "s", "identity": ""})
    card = dataset_card(frame.assign(split="train", method="none"))
    assert any(hint in warning for warning in card["warnings"])
    assert card["groups"] == 16


def test_names_of_two_clips_are_suggested():
    names = pd.Series(["033_097.mp4", "044_945.mp4", "a/001_870.png", "b_002_006"])
    assert "4 names hold two numbers" in clip_hint(names)


@pytest.mark.parametrize("names", [["a.png", "b.png", "c.png"], [f"img_{i}.png" for i in range(9)]])
def test_plain_names_suggest_nothing(names):
    assert clip_hint(pd.Series(names)) == ""
