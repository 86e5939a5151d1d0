"""The time left is the whole training's, and nothing is promised from the first steps."""

import pytest

from core.train.loop import time_left


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((0.0, 0, 0, 40, 12), "starting"),
        ((1.0, 0, 2, 40, 12), "starting"),
        ((28.0, 0, 28, 40, 12), "about 8 min left in all"),  # 452 steps of a second each, not the epoch's 12
        ((30.0, 11, 30, 40, 12), "about 10 s left in all"),
        ((400.0, 0, 40, 40, 100), "about 11.0 h left in all"),
        ((1.0, 0, 1, 1, 4), "about 3 s left in all"),
        ((40.0, 11, 40, 40, 12), "about 0 s left in all"),
    ],
)
def test_time_left(given, said):
    assert time_left(*given) == said
