"""The sweep works in blocks: it counts the same where a block ends, whatever the scores' signs and sizes."""

import numpy as np
import pytest

from core.metrics import sweep as module
from core.metrics.sweep import sweep

TINY = np.nextafter(0.0, 1.0)
WORLDS = {
    "probabilities": lambda rng: rng.random(61),
    "tied": lambda rng: rng.integers(0, 5, 61) / 8,
    "log-odds": lambda rng: rng.normal(0, 4, 61),
    "tied log-odds": lambda rng: rng.integers(-3, 4, 61) * 1.5,
    "zeros of both signs": lambda rng: rng.choice([0.0, -0.0, TINY, -TINY, 1.0], 61),
    "huge": lambda rng: rng.normal(0, 1e300, 61),
    "negative after 60 others": lambda rng: np.append(rng.random(60), -0.5),
    "large after 60 others": lambda rng: np.append(rng.random(60), 2.0),
    "one value": lambda rng: np.full(61, 0.25),
}


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("block", [1, 2, 7, 60, 61, 1 << 15])
@pytest.mark.parametrize("threads", [1, 2])
def test_counts_do_not_depend_on_blocks_and_threads(monkeypatch, world, block, threads):
    monkeypatch.setattr(module, "BLOCK", block)
    if threads == 2:
        monkeypatch.setattr(module, "PARTED", 2)
        monkeypatch.setattr(module, "_cores", lambda: 2)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        scores, labels = WORLDS[world](rng), rng.integers(0, 2, 61)
        before = scores.copy()
        found = sweep(scores, labels)
        assert np.array_equal(found.score, np.unique(scores + 0.0))
        assert np.array_equal(found.items, [(scores <= s).sum() for s in found.score])
        assert np.array_equal(found.fakes, [labels[scores <= s].sum() for s in found.score])
        assert np.array_equal(scores, before), "the caller's scores are left alone"


def test_strided_scores_are_swept_too():
    scores, labels = np.linspace(-1, 1, 40), np.arange(40) % 2
    found = sweep(scores[::2], labels[::2])
    assert np.array_equal(found.score, scores[::2])
    assert found.n == 20
