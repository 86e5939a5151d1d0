"""Splits are a law of seed and group alone, and groups never cross."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.manifest.splits import SPLITS, Shares, assign_splits, kept_cuts, split_of, unit_of

GROUPS = [f"person {i}" for i in range(4000)]


def frame_of(groups, splits=""):
    return pd.DataFrame({"group": groups, "split": splits})


def test_unit_is_sha256_of_seed_salt_and_group():
    expected = int.from_bytes(hashlib.sha256(b"7\x1fval\x1fanna").digest()[:8], "big") / 2**64
    assert unit_of("anna", 7, "val") == expected


def test_shares_are_kept_within_binomial_error():
    shares = Shares(0.6, 0.1, 0.15)
    found = pd.Series([split_of(group, shares, seed=3) for group in GROUPS]).value_counts()
    for name, share in shares.as_dict().items():
        error = np.sqrt(share * (1 - share) * len(GROUPS))
        assert abs(found[name] - share * len(GROUPS)) < 4 * error


def test_seeds_are_independent():
    same = np.mean([split_of(g, Shares(0.5, 0.5, 0.0), 0) == split_of(g, Shares(0.5, 0.5, 0.0), 1) for g in GROUPS])
    assert abs(same - 0.5) < 4 * 0.5 / np.sqrt(len(GROUPS))


def test_zero_share_takes_nothing_and_excess_is_refused():
    assert "val_select" not in {split_of(group, Shares(0.5, 0.0, 0.25), 0) for group in GROUPS[:500]}
    assert {split_of(group, Shares(0.6, 0.2, 0.2), 0) for group in GROUPS[:500]} == set(SPLITS[:3])
    with pytest.raises(ValueError, match=r"add up to 1\.2"):
        split_of("a", Shares(0.6, 0.3, 0.3), 0)


names = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=30, unique=True)


@settings(deadline=None, max_examples=50)
@given(old=names, new=names, seed=st.integers(0, 9), data=st.data())
def test_new_rows_never_move_old_groups(old, new, seed, data):
    words = {group: data.draw(st.sampled_from(["train", "val"])) for group in {*old, *new}}
    for rows in ([""] * len(old), [words[g] for g in old]):
        before = assign_splits(frame_of(old, rows), Shares(), seed)
        more = rows + ([""] * len(new) if rows[0] == "" else [words[g] for g in new])
        after = assign_splits(frame_of(old + new, more), Shares(), seed)
        if rows[0] == "" or set(rows) == set(more):  # a split that appears for the first time may take its share
            assert after[: len(old)].tolist() == before.tolist()


@settings(deadline=None, max_examples=50)
@given(groups=st.lists(st.sampled_from(GROUPS[:20]), min_size=1, max_size=200), seed=st.integers(0, 99))
def test_a_group_is_in_one_split(groups, seed):
    frame = frame_of(groups)
    frame["split"] = assign_splits(frame, Shares(0.3, 0.3, 0.2), seed)
    assert (frame.groupby("group")["split"].nunique() == 1).all()


def test_train_and_val_become_four():
    words = ["train"] * 3000 + ["val"] * 1000
    result = assign_splits(frame_of(GROUPS, words), Shares(0.6, 0.1, 0.15), seed=0)
    train, val = result[:3000], result[3000:]
    assert set(train) == {"train", "val_select"}
    assert set(val) == {"val_calib", "test"}
    assert abs((val == "test").sum() - 500) < 4 * np.sqrt(250)
    assert abs((train == "val_select").sum() - 3000 / 7) < 4 * np.sqrt(3000 * 6 / 49)


@pytest.mark.parametrize(
    ("given_words", "expected"),
    [
        ({"train", "val", "test"}, {"train": {"train"}, "val": {"val_select", "val_calib"}, "test": {"test"}}),
        ({"test"}, {"test": {"test"}}),
        ({"train", "test"}, {"train": {"train", "val_select", "val_calib"}, "test": {"test"}}),
        (set(SPLITS), {name: {name} for name in SPLITS}),
    ],
)
def test_kept_splits_take_only_from_their_donor(given_words, expected):
    cuts = kept_cuts(given_words, Shares())
    assert {name: {target for target, share in cut.items() if share > 0} for name, cut in cuts.items()} == expected


def test_rows_without_a_word_follow_their_group():
    frame = frame_of(["a", "a", "b"], ["test", "", "train"])
    assert assign_splits(frame, Shares(), 0)[:2].tolist() == ["test", "test"]


def test_a_group_with_two_words_is_refused():
    with pytest.raises(ValueError, match="group 'a' is in two splits"):
        assign_splits(frame_of(["a", "a"], ["train", "test"]), Shares(), 0)
