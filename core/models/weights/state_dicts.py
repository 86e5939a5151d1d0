"""State dicts as others wrap them. torch alone: the confined child that reads foreign files imports this."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

WRAPPERS = ("state_dict", "model_state_dict", "model")
MOST_KEYS = 20_000


def unwrap(state: Any) -> dict[str, Tensor]:
    """Take the tensors out of a state dict, raw or kept under a usual name; a `module.` prefix is removed.

    Args:
        state: What a weights file holds.

    Returns:
        Tensors by name.

    Raises:
        ValueError: It is no mapping, an entry is no tensor, or two keys become one.
    """
    for name in WRAPPERS:
        if isinstance(state, Mapping) and isinstance(state.get(name), Mapping):
            state = state[name]
            break
    if not isinstance(state, Mapping) or not state:
        raise ValueError(f"it holds no state dict, neither at its top nor under {', '.join(WRAPPERS)}")
    if len(state) > MOST_KEYS:
        raise ValueError(f"the state dict has {len(state)} entries; at most {MOST_KEYS} are read")
    others = [key for key, value in state.items() if not isinstance(value, Tensor) or not isinstance(key, str)]
    if others:
        raise ValueError(f"the state dict holds entries that are no tensors: {', '.join(str(k) for k in others[:5])}")
    tensors = {key.removeprefix("module."): value for key, value in state.items()}
    if len(tensors) != len(state):
        raise ValueError("the state dict holds some entries twice, with and without the prefix `module.`")
    return tensors
