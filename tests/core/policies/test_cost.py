"""Cost model: closed forms."""

import numpy as np
import pytest

from core.policies.cost import cascade_cost, expected_cost, reach_of, speed_up


def test_expected_cost_by_hand():
    assert expected_cost([2.0, 4.0, 18.0], [1.0, 0.5, 0.25]) == pytest.approx(8.5)


def test_speed_up_formula():
    assert float(speed_up(0.1, 0.5)) == pytest.approx(1 / 0.6)
    assert speed_up(0.6, [0.3, 0.5]).tolist() == pytest.approx([1 / 1.3, 1 / 1.1])
    assert (speed_up(0.6, [0.3, 0.5]) < 1).all()  # such a guard loses time


def test_reach_and_cost_of_a_replay():
    asked = np.array([1, 1, 2, 3])
    assert reach_of(asked, 3) == [1.0, 0.5, 0.25]
    found = cascade_cost({"a": 2, "b": 4, "c": 18}, ["a", "b", "c"], asked)
    assert found["cost"] == pytest.approx(8.5)
    assert found["speed_up"] == pytest.approx(22 / 8.5)
    assert found["reach"] == {"a": 1.0, "b": 0.5, "c": 0.25}


@pytest.mark.parametrize(("costs", "reach"), [([1], [1, 1]), ([-1], [1]), ([1], [1.5])])
def test_bad_costs_are_refused(costs, reach):
    with pytest.raises(ValueError):
        expected_cost(costs, reach)


def test_unknown_cost_and_bad_share_are_named():
    with pytest.raises(ValueError, match="for c"):
        cascade_cost({"a": 1}, ["a", "c"], [1])
    with pytest.raises(ValueError, match="share"):
        speed_up(0.5, 1.5)
