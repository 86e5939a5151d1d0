"""The generated part of the model card: its cascade figures are the audit's, with intervals over groups."""

import numpy as np
import pandas as pd

from core.artifacts.bundle_schema import Member
from core.artifacts.card import model_card
from core.cascade.types import CascadePolicy, Exits
from core.models.inputs import InputSpec


def test_intervals_count_groups_and_not_frames():
    """Ten frames a video, all alike: the interval of 1 in 10 videos is far wider than that of 10 in 100 frames."""
    p = np.repeat([0.05, *[0.95] * 9, *[0.05] * 10], 10)
    table = pd.DataFrame({"p_stage1": p, "label": np.repeat([1, 0], 100), "group": np.repeat(np.arange(20), 10)})
    table = table.assign(split="test", dataset="clips", sample_id=[f"s{i}" for i in range(200)])
    policy = CascadePolicy(
        policy_id="p", name="p", created_at="", experts=[], final=Exits(), stage1=Exits(real_below=0.1, fake_above=0.9)
    )
    size = InputSpec(size=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    member = Member(name="stage1", title="One", role="stage1", detector="x", input=size, gflops=1.0)
    card = model_card("# Card", [member], policy, table, {"comparison": []}, {})
    line = next(line for line in card.splitlines() if line.startswith("- Fakes called real"))
    assert "10 / 100 of all fakes" in line
    low, high = (float(v) for v in line.split("(")[1].split(")")[0].split(" to "))
    assert low == 0.0
    assert high > 0.25  # about 3 of 10 videos; frame by frame it would end under 0.18
    assert line.endswith("groups with one: 0.100 (0.003 to 0.445), 1 / 10.")
