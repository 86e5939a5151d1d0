"""Leaks between splits: planted ones are found and named, in order of certainty, and nothing else is."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.manifest.leaks import leaks, near_pairs


def frame(**columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"split": ["train", "train", "test", "test"], **columns})


def test_planted_leaks_are_named_most_certain_first() -> None:
    rows = frame(
        sha256=["aa", "bb", "cc", "aa"],
        identity=["p", "q", "q", "r"],
        video=["v", "w", "x", "v"],
        phash=["0" * 14 + "f0", "f" * 16, "0" * 14 + "f3", "8" * 16],
    )
    found = leaks(rows)
    assert [item.kind for item in found] == ["bytes", "identity", "video", "near"]
    assert [item.rows for item in found] == [(0, 3), (1, 2), (0, 3), (0, 2)]
    assert all("train and test" in item.sentence for item in found)
    assert found[3].distance == 2


def test_a_swap_of_two_people_leaks_each_of_them() -> None:
    found = leaks(frame(identity=["p; q", "r", "q", "s;p"]))
    assert {(item.sentence.split("'")[1], item.rows) for item in found} == {("p", (0, 3)), ("q", (0, 2))}


def test_what_stays_in_one_split_or_is_unknown_is_no_leak() -> None:
    rows = frame(
        sha256=["aa", "aa", "", ""],
        identity=["", "", "", ""],
        video=["v", "v", "w", "w"],
        phash=["0" * 16] * 2 + [""] * 2,
    )
    assert leaks(rows) == []
    assert leaks(frame()) == []
    assert leaks(rows.assign(split="")) == []


def test_the_same_bytes_are_not_said_to_look_alike_as_well() -> None:
    rows = frame(sha256=["aa", "bb", "aa", "cc"], phash=["0" * 16, "f" * 16, "0" * 16, "f" * 16])
    assert [(item.kind, item.rows) for item in leaks(rows)] == [("bytes", (0, 2)), ("near", (1, 3))]


@given(seed=st.integers(0, 10_000), distance=st.integers(0, 8), split=st.booleans())
@settings(max_examples=60, deadline=None)
def test_bands_find_exactly_what_comparing_all_pairs_finds(seed: int, distance: int, split: bool) -> None:
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 1 << 63, 12, dtype=np.uint64)
    flips = [sum(1 << bit for bit in set(rng.integers(0, 64, rng.integers(0, 10)).tolist())) for _ in range(60)]
    bits = rng.choice(base, 60) ^ np.array(flips, np.uint64)
    sides = rng.choice(["train", "test"], 60) if split else None
    one, two, apart = near_pairs(bits, distance, sides)
    expected = {
        (i, j, bin(int(bits[i] ^ bits[j])).count("1"))
        for i in range(60)
        for j in range(i + 1, 60)
        if bin(int(bits[i] ^ bits[j])).count("1") <= distance and (sides is None or sides[i] != sides[j])
    }
    assert set(zip(one.tolist(), two.tolist(), apart.tolist(), strict=True)) == expected


def test_a_distance_out_of_range_and_a_broken_hash_are_refused() -> None:
    with pytest.raises(ValueError, match="0 to 16"):
        near_pairs(np.zeros(3, np.uint64), 40)
    with pytest.raises(ValueError, match="16 hex digits"):
        leaks(frame(phash=["zz"] * 4))


@pytest.mark.benchmark
def test_a_hundred_thousand_rows_take_seconds() -> None:
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 1 << 63, 100_000, dtype=np.uint64)
    bits[1::1000] = bits[::1000] ^ np.uint64(5)
    started = time.process_time()  # what other work on the machine takes does not count
    one, _, _ = near_pairs(bits, 4, np.arange(len(bits)) % 4)
    assert len(one) >= 100
    assert time.process_time() - started < 20


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        ("identity", {"identity": ["anna", "ben"], "donor": ["", "anna"]}),
        ("identity", {"identity": ["ben", "cleo"], "donor": ["anna", "anna"]}),
        ("video", {"video": ["v1", "v2"], "original": ["", "v1"]}),
        ("video", {"video": ["v2", "v3"], "original": ["v1", "v1"]}),
    ],
)
def test_a_borrowed_face_and_a_fake_s_original_leak_like_the_person_and_the_clip(kind, columns) -> None:
    found = leaks(frame(split=["train", "test"], **columns))
    assert [(leak.kind, leak.rows) for leak in found] == [(kind, (0, 1))]
    assert leaks(frame(split=["test", "test"], **columns)) == []
