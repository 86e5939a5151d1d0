"""Stores the state of a training in one file, without pickle: safetensors, with JSON in its header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.artifacts.files import atomic_path


def save_tensors(path: Path, tensors: Mapping[str, Tensor], document: Any = None) -> None:
    """Write named tensors, and a JSON document in the file's header, atomically.

    Args:
        path: The file.
        tensors: Name -> tensor on any device.
        document: JSON; None: none.
    """
    whole = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
    metadata = {"format": "pt"} if document is None else {"format": "pt", "document": json.dumps(document)}
    with atomic_path(path) as temporary:
        save_file(whole, temporary, metadata=metadata)


def save_weights(path: Path, module: nn.Module) -> None:
    """Write a module's state dict as .safetensors, atomically.

    Args:
        path: The file.
        module: The network.
    """
    save_tensors(path, module.state_dict())


def load_tensors(path: Path) -> tuple[dict[str, Tensor], Any]:
    """Read a file that `save_tensors` wrote.

    Args:
        path: The file.

    Returns:
        (name -> tensor on the CPU, the document or None).

    Raises:
        ValueError: The file is not complete.
    """
    try:
        with safe_open(path, "pt") as opened:
            metadata = opened.metadata() or {}
        return load_file(path), json.loads(metadata.get("document", "null"))
    except (SafetensorError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not a complete checkpoint: {error}") from error


def flatten_optimizer(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return an optimiser's state in a form that safetensors and JSON can store.

    Args:
        optimizer: Any optimiser.

    Returns:
        (tensors named `<parameter>/<name>`, JSON document with the numbers and the parameter groups).
    """
    state = optimizer.state_dict()
    tensors: dict[str, Tensor] = {}
    scalars: dict[str, dict[str, Any]] = {}
    for index, values in state["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"{index}/{name}"] = value
            else:
                scalars.setdefault(str(index), {})[name] = value
    return tensors, {"scalars": scalars, "param_groups": state["param_groups"]}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], document: Any) -> None:
    """Load what `flatten_optimizer` returned into an optimiser of the same parameters.

    Args:
        optimizer: The optimiser to change.
        tensors: Its tensors.
        document: Its document.
    """
    state: dict[int, dict[str, Any]] = {int(index): dict(values) for index, values in document["scalars"].items()}
    for key, value in tensors.items():
        index, name = key.split("/")
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": document["param_groups"]})


def with_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put a prefix before every key, so that several state dicts fit into one file.

    Args:
        prefix: Without the colon.
        tensors: A state dict.

    Returns:
        `prefix:key` -> tensor.
    """
    return {f"{prefix}:{key}": value for key, value in tensors.items()}


def without_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors that `with_prefix` has marked, under their own keys.

    Args:
        prefix: Without the colon.
        tensors: Tensors of several state dicts.

    Returns:
        One state dict.
    """
    head = f"{prefix}:"
    return {key[len(head) :]: value for key, value in tensors.items() if key.startswith(head)}
