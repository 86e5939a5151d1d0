"""Groups and items in error: by hand, and against the replay and the audit on random tables."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from core.documents.policy import CascadePolicy, Exits, ExpertExits
from core.policies.replay.audit import audit
from core.policies.replay.batch import Items
from core.policies.replay.error_counts import Count, counts, policy_counts
from tests.support.replaying import replay_exits

GRID = [0.0, 0.1, 0.5, 0.9, 1.0]


def test_two_groups_of_many_items_are_few_groups_and_many_items():
    """Fakes of 100 groups, one item each but for two of 50 that leave as real: 2 % of groups, half of the items."""
    group = [*(f"g{i}" for i in range(98)), *["x"] * 50, *["y"] * 50]
    p = np.array([0.9] * 98 + [0.0] * 100)
    frame = pd.DataFrame({"p_a": p, "p_b": p, "label": 1, "group": group})
    found = counts(Items.of_frame(frame, ["a", "b"]), [Exits(real_below=0.1), Exits()])
    assert found["leakage1"] == found["leakage"] == Count(2, 100, 100, 198)
    assert found["leakage"].bound(0.9) == pytest.approx(binomtest(2, 100, alternative="less").proportion_ci(0.9).high)
    assert found["false_alarms"] == Count(0, 0, 0, 0)
    assert found["false_alarms"].bound(0.9) == 1
    assert found["false_alarms"].group_share is None


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_counts_are_those_of_the_replay_and_the_audit(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    frame = pd.DataFrame({f"p_{m}": rng.choice(GRID, n) for m in ("a", "b", "stack")})
    frame = frame.assign(label=rng.integers(0, 2, n), group=rng.integers(0, 9, n).astype(str), dataset="x",
                         split="test", sample_id=np.arange(n).astype(str))  # fmt: skip
    exits = [Exits(real_below=0.1, fake_above=0.9), Exits(real_below=0.5), Exits(fake_above=1.0)]
    policy = CascadePolicy(policy_id="", name="", created_at="", stage1=exits[0], final=exits[2],
                           experts=[ExpertExits(name="b", exits=exits[1])])  # fmt: skip
    found = policy_counts(policy, frame, "a")
    done = replay_exits(Items.of_frame(frame, ["a", "b", "stack"]), exits, [1, 1, 0])
    assert (found["leakage"].groups_in_error, found["false_alarms"].groups_in_error) == (
        done.leaked_groups[0],
        done.false_alarm_groups[0],
    )
    said = audit(policy, frame, stage1="a", draws=0)
    for name in ("leakage", "false_alarms"):
        count = found[name]
        assert (count.items_in_error, count.items) == (said[name]["numerator"], said[name]["denominator"])
        by_group = said[f"group_{name}"]
        assert (count.groups_in_error, count.groups) == (by_group["numerator"], by_group["denominator"])
    fakes = frame[frame["label"] == 1]
    assert found["leakage1"].items_in_error == (fakes["p_a"] <= 0.1).sum()
    assert found["leakage1"].groups_in_error == fakes[fakes["p_a"] <= 0.1]["group"].nunique()
