"""Batches of an epoch: every item once, none alone where a BatchNorm would see it alone, the same after a resume."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from core.data.loading.dataset import EpochSampler
from core.train.loop import EpochBatches, steps_of


def sampler(items: int, start: int = 0) -> EpochSampler:
    rows = np.arange(items)
    made = EpochSampler(rows % 2, np.array(["a"] * items), rows, "none", seed=0)
    made.start = start
    return made


@given(items=st.integers(1, 200), batch_size=st.integers(1, 40))
def test_every_item_is_in_one_batch_and_only_a_single_item_is_alone(items, batch_size):
    batches = list(EpochBatches(sampler(items), batch_size))
    assert [row for batch in batches for row in batch] == list(sampler(items))
    assert len(batches) == steps_of(items, batch_size) == len(EpochBatches(sampler(items), batch_size))
    sizes = [len(batch) for batch in batches]
    assert max(sizes) <= batch_size + 1
    assert 1 not in sizes or batch_size == 1 or items == 1


@given(items=st.integers(2, 100), batch_size=st.integers(1, 20), data=st.data())
def test_a_resumed_epoch_goes_on_with_the_same_batches(items, batch_size, data):
    whole = list(EpochBatches(sampler(items), batch_size))
    done = data.draw(st.integers(0, len(whole)))
    rest = list(EpochBatches(sampler(items, start=min(done * batch_size, items)), batch_size))
    if done < len(whole):
        assert rest == whole[done:]


def test_a_batch_norm_on_a_map_of_one_pixel_takes_every_batch_of_five_by_two():
    norm = nn.BatchNorm1d(3)
    for batch in EpochBatches(sampler(5), 2):
        norm(torch.randn(len(batch), 3))
    assert torch.isfinite(norm.running_var).all()
