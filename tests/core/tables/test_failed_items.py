"""Items without a score stay with their split through selecting, saving and loading."""

import pandas as pd
import pytest

from core.tables.predictions import Predictions


def scored(splits: list[str]) -> pd.DataFrame:
    n = len(splits)
    ids = [f"s{i}" for i in range(n)]
    return pd.DataFrame({"sample_id": ids, "group": ids, "dataset": "d", "label": [0, 1] * (n // 2), "log_odds": 0.5,
                         "split": splits})  # fmt: skip


def lost(**columns) -> pd.DataFrame:
    return pd.DataFrame({"sample_id": ["x", "y"], "group": ["g", "h"], "dataset": "d", "label": [1, 0],
                         "reason": "broken", **columns})  # fmt: skip


def test_a_split_keeps_its_failed_items(tmp_path):
    whole = Predictions(scored(["test", "test", "val_calib", "val_calib"]), lost(split=["test", "val_calib"]))
    assert list(whole.select("test").failed["sample_id"]) == ["x"]
    whole.save(tmp_path / "p.parquet")
    again = Predictions.load(tmp_path / "p.parquet")
    assert list(again.select("val_calib").failed["sample_id"]) == ["y"]
    with pytest.raises(ValueError, match="no predictions for split 'train'"):
        whole.select("train")


def test_failed_items_without_a_split_may_be_of_any():
    whole = Predictions(scored(["test", "test", "val_calib", "val_calib"]), lost())
    assert len(whole.select("test").failed) == 2
