"""Members that are not those that stage 3 was fitted on are refused, each by name."""

from __future__ import annotations

import numpy as np
import pytest

from core.stacking.member_identity import MemberIdentity, check_identity, weights_fingerprint
from core.stacking.meta_model import MetaModel, Projection


def member(name, **changes):
    given = {"name": name, "detector": "d", "embedding_size": 4, "weights": "a" * 64, "calibrator": "c" * 64}
    return MemberIdentity(**{**given, **changes})


MEMBERS = [member("stage1"), member("texture"), member("genconvit")]


def test_the_same_members_pass():
    check_identity(MEMBERS, list(MEMBERS), "here")


def test_order_and_absence_are_refused_with_all_names():
    with pytest.raises(ValueError, match=r"fitted on stage1, texture, genconvit.*given stage1, genconvit, texture"):
        check_identity(MEMBERS, [MEMBERS[0], MEMBERS[2], MEMBERS[1]], "here")
    with pytest.raises(ValueError, match=r"given stage1, texture: "):
        check_identity(MEMBERS, MEMBERS[:2], "here")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("weights", "b" * 64, "texture: weights bbbbbbbbbbbb, not aaaaaaaaaaaa"),
        ("calibrator", "e" * 64, "texture: calibrator eeeeeeeeeeee, not cccccccccccc"),
        ("embedding_size", 5, "texture: embedding size 5, not 4"),
        ("detector", "other", "texture: detector other, not d"),
    ],
)
def test_a_member_that_is_another_is_named(field, value, said):
    with pytest.raises(ValueError, match=said):
        check_identity(MEMBERS, [MEMBERS[0], member("texture", **{field: value}), MEMBERS[2]], "here")


def test_the_fingerprint_survives_half_precision_and_nothing_else():
    rng = np.random.default_rng(0)
    tensors = {"b": rng.normal(size=(3, 2)).astype(np.float32), "a": np.arange(3)}
    half = {"a": tensors["a"], "b": tensors["b"].astype(np.float16).astype(np.float32)}
    assert weights_fingerprint(half) == weights_fingerprint(tensors)
    assert weights_fingerprint({**tensors, "b": tensors["b"] * 1.01}) != weights_fingerprint(tensors)
    assert weights_fingerprint({**tensors, "b": tensors["b"].T}) != weights_fingerprint(tensors)
    assert weights_fingerprint({"c": tensors["b"], "a": tensors["a"]}) != weights_fingerprint(tensors)


def test_a_stack_of_before_is_held_to_names_and_sizes():
    projections = {"texture": Projection(np.zeros(4, np.float32), np.zeros((2, 4), np.float32))}
    old = MetaModel(["stage1", "texture"], projections, None, None)
    old.check(MEMBERS[:2], "here")
    with pytest.raises(ValueError, match="given stage1, other"):
        old.check([MEMBERS[0], member("other")], "here")
    with pytest.raises(ValueError, match=r"texture gives 5 numbers an item, and its projection takes 4"):
        old.check([MEMBERS[0], member("texture", embedding_size=5)], "here")
