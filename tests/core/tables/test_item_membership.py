"""A sketch of items: exact while small, a fair sample beyond, and never a false accusation."""

import base64
import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.tables import item_membership as item_sketch
from core.tables.item_membership import hashes, overlap, sketch
from core.tables.predictions import item_fingerprint

ITEMS = st.sets(st.integers(0, 400), min_size=1)


@settings(max_examples=60, deadline=None)
@given(ITEMS, ITEMS)
def test_a_small_set_is_counted_exactly(fitted, judged):
    found = overlap(sketch(fitted, [i % 2 for i in fitted]), judged, [i % 2 for i in judged])
    assert found.exact
    assert (found.items, found.seen) == (len(judged), len(fitted & judged))


@settings(max_examples=40, deadline=None)
@given(ITEMS, st.permutations(range(50)))
def test_order_does_not_matter_and_a_label_belongs_to_its_item(fitted, order):
    rows = [f"s{i}" for i in range(50)]
    assert sketch(rows, [0] * 50) == sketch([rows[i] for i in order], [0] * 50)
    assert overlap(sketch(fitted, [0] * len(fitted)), fitted, [1] * len(fitted)).seen == 0
    assert sketch(rows, [1] * 50) == sketch(rows, np.ones(50)) == sketch(rows, np.ones(50, np.int8))


def test_a_large_set_is_told_by_a_fair_sample(monkeypatch):
    monkeypatch.setattr(item_sketch, "SKETCH_SIZE", 512)
    n = 20_000
    kept = sketch(range(n), [0] * n)
    assert len(base64.b64decode(kept)) == 512 * 8
    for share in (0.0, 0.1, 0.5, 0.999):
        common = int(share * n)
        judged = [*range(common), *range(n, 2 * n - common)]
        found = overlap(kept, judged, [0] * n)
        assert not found.exact
        assert found.told == pytest.approx(512, abs=4 * 512**0.5)
        error = 4 * (share * (1 - share) / 512) ** 0.5
        assert found.share == pytest.approx(share, abs=error + 1e-12)
        assert ("about" in found.words()) == (found.told < n)


def test_hashes_are_the_same_on_every_machine():
    """Worked out apart by coreutils: printf 'a\\t1' | b2sum -l 64."""
    assert hashes(["a"], [1]).tobytes().hex() == "82bf8e2ecc9996fd"
    assert hashes(["a"], [1]).dtype == np.dtype("<u8")


def test_a_damaged_sketch_is_named():
    for broken in ("no base64!", base64.b64encode(b"1234567").decode(), base64.b64encode(b"\x01" * 16).decode()):
        with pytest.raises(ValueError, match="sketch of items"):
            overlap(broken, ["a"], [0])


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.integers(0, 1), min_size=1))
def test_a_fingerprint_is_the_hash_of_sorted_lines(rows):
    lines = sorted(f"{i}\t{y}".encode() for i, y in rows.items())
    expected = hashlib.sha256(b"\n".join(lines)).hexdigest()
    assert item_fingerprint(pd.Series(list(rows)), pd.Series(list(rows.values()))) == expected
