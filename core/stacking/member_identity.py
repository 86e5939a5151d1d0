"""Identify the members that stage 3 was fitted on. A bundle must hold the same ones in the same order."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core.spec import Spec


class MemberIdentity(Spec):
    """A member as stage 3 was fitted on it.

    Attributes:
        name: Column name of the member.
        detector: Its network.
        embedding_size: Numbers an item.
        weights: `weights_fingerprint` of the network.
        calibrator: Fingerprint of the calibrator's JSON.
    """

    name: str
    detector: str
    embedding_size: int
    weights: str
    calibrator: str


def weights_fingerprint(tensors: Mapping[str, np.ndarray]) -> str:
    """Compute the SHA-256 over names, shapes and float16 values of a network's tensors, sorted by name.

    Weights that are stored as float16 and widened again keep their fingerprint: a bundle may be exported in half
    precision.

    Args:
        tensors: Arrays by name.

    Returns:
        64 hex digits.
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = np.asarray(tensors[name])
        if value.dtype.kind == "f":
            with np.errstate(over="ignore"):
                value = value.astype(np.float16)
        digest.update(f"{name}\t{value.shape}\t{value.dtype.str}\n".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()


def check_identity(asked: Sequence[MemberIdentity], found: Sequence[MemberIdentity], where: str) -> None:
    """Check that the members are those that stage 3 was fitted on.

    Args:
        asked: Members that stage 3 was fitted on.
        found: Members at hand.
        where: What is being opened, for the message.

    Raises:
        ValueError: A member is missing, out of place, or another one; the message names each.
    """
    names, there = [item.name for item in asked], [item.name for item in found]
    if names != there:
        raise ValueError(
            f"{where}: stage 3 was fitted on {', '.join(names)}, in this order, and is given {', '.join(there)}: "
            "export the bundle from its own stack"
        )
    problems = [
        f"{a.name}: {field.replace('_', ' ')} {short(getattr(b, field))}, not {short(getattr(a, field))}"
        for a, b in zip(asked, found, strict=True)
        for field in ("detector", "embedding_size", "weights", "calibrator")
        if getattr(a, field) != getattr(b, field)
    ]
    if problems:
        raise ValueError(
            f"{where}: members are not those that stage 3 was fitted on ({'; '.join(problems)}): run `stack` again"
        )


def short(value: Any) -> str:
    """Shorten a fingerprint to its first twelve digits.

    Args:
        value: A fingerprint or anything else.

    Returns:
        The first twelve digits of 64; anything else whole.
    """
    text = str(value)
    return text[:12] if len(text) == 64 else text
