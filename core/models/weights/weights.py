"""Initial weights: from the hub, from a file, or random by choice. Never random by accident."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
import torch
from huggingface_hub import constants
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from core.artifacts.files import read_json, sha256_file

PROBE_SECONDS = 5.0


class WeightsOutOfReach(Exception):
    """Pretrained weights were asked for and cannot be had. The message says what to do."""

    def __init__(self, model: str, reason: str) -> None:
        super().__init__(
            f"pretrained weights of {model} cannot be loaded ({reason}). Connect to the internet, or copy the model "
            "into the Hugging Face cache (HF_HOME) from a machine that has it, or give a local .safetensors file as "
            "weights, or choose weights `none` to start from random ones."
        )


def fetch(model: str, build: Callable[[], nn.Module]) -> nn.Module:
    """Run a builder that downloads weights.

    A hub that does not answer within PROBE_SECONDS is left alone and the cache is asked at once: the hub's own client
    would retry every file for a minute first. HF_HUB_OFFLINE and HF_ENDPOINT are honoured.

    Args:
        model: Name of the model, for messages.
        build: Builds the network and downloads its weights.

    Returns:
        The network.

    Raises:
        WeightsOutOfReach: The hub and its cache both fail.
    """
    offline = constants.HF_HUB_OFFLINE
    try:
        constants.HF_HUB_OFFLINE = offline or not _hub_answers()
        return build()
    except (OSError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
        raise WeightsOutOfReach(model, f"{type(error).__name__}: {reason}") from error
    finally:
        constants.HF_HUB_OFFLINE = offline


def _hub_answers() -> bool:
    try:
        requests.head(constants.ENDPOINT, timeout=PROBE_SECONDS, allow_redirects=False)
    except requests.RequestException:
        return False
    return True


def initialise(
    detector: nn.Module,
    weights: str,
    from_file: Callable[[Any, Path], dict[str, torch.Tensor] | None] | None = None,
) -> dict[str, Any]:
    """Put initial weights into a freshly built detector.

    Args:
        detector: The network.
        weights: `pretrained` (they are in it already), `none`, or a weights file.
        from_file: Reads a weights file of another layout; returns None for an ordinary one.

    Returns:
        Where the weights come from, for run.json.

    Raises:
        ValueError: The file does not exist or does not fit.
    """
    if weights == "pretrained":
        return {"kind": "pretrained"}
    if weights == "none":
        return {"kind": "random"}
    path = Path(weights)
    if not path.is_file():
        raise ValueError(f"weights {weights!r} are neither `pretrained`, `none` nor a file")
    foreign = from_file(detector, path) if from_file is not None else None
    state = foreign if foreign is not None else read_safetensors(path)
    own = detector.state_dict()
    # A reader of foreign files fills what the file lacks with the network's own tensors: those stay random.
    kept = {key for key, value in state.items() if key in own and value.data_ptr() == own[key].data_ptr()}
    fresh = kept | set(load_strict(detector, state, str(path)))
    return {"kind": "file", "file": path.name, "sha256": sha256_file(path), "left_random": sorted(fresh)}


def recorded_options(path: Path, detector: str) -> dict[str, Any]:
    """Find the options that a detector was built with for given weights.

    A file in a run's folder is described by its run.json, one in a bundle's member folder by bundle.json.

    Args:
        path: The weights file.
        detector: Registered name of the detector.

    Returns:
        The options; empty for a file of another detector or one that stands alone.
    """
    run, bundle = path.parent / "run.json", path.parent.parent / "bundle.json"
    rows: list[dict[str, Any]] = []
    if run.is_file():
        rows = [read_json(run)]
    elif bundle.is_file():
        rows = [row for row in read_json(bundle).get("members", []) if row.get("name") == path.parent.name]
    return dict(next((row.get("options", {}) for row in rows if row.get("detector") == detector), {}))


def read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a .safetensors file, on the CPU.

    Args:
        path: The file.

    Returns:
        Tensors by name.

    Raises:
        ValueError: It is another kind of file, or not whole.
    """
    if path.suffix != ".safetensors":
        raise ValueError(f"{path}: weights must be a .safetensors file (pickled checkpoints are not opened)")
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole .safetensors file: {error}") from error


def load_strict(detector: nn.Module, state: dict[str, torch.Tensor], where: str) -> list[str]:
    """Load a state dict with every key, shape and value checked.

    The one exception is the head: parameters under the detector's `head_prefixes` may be missing or of another shape,
    because a backbone file has none of ours. They stay random. Counters of batches that BatchNorm keeps
    (`num_batches_tracked`) may be missing too.

    Args:
        detector: The network.
        state: Tensors by name.
        where: Name of the file, for messages.

    Returns:
        Names of the parameters that stay random.

    Raises:
        ValueError: Keys are missing, unknown, of another shape or not finite; the message names the first.
    """
    own = detector.state_dict()
    heads = tuple(getattr(detector, "head_prefixes", ()))
    optional = {key for key in own if key.startswith(heads) or key.endswith("num_batches_tracked")}
    wrong = [key for key in state if key in own and state[key].shape != own[key].shape and key not in optional]
    problems = {
        "missing": [key for key in own if key not in state and key not in optional],
        "unknown": [key for key in state if key not in own and not key.startswith(heads)],
        "of another shape": wrong,
        "not finite": [k for k, t in state.items() if t.is_floating_point() and not bool(torch.isfinite(t).all())],
    }
    for what, keys in problems.items():
        if keys:
            shown = ", ".join(keys[:4]) + (", ..." if len(keys) > 4 else "")
            raise ValueError(f"{where} does not fit: {len(keys)} tensor(s) {what}: {shown}")
    fitting = {key: value for key, value in state.items() if key in own and value.shape == own[key].shape}
    detector.load_state_dict(fitting, strict=False)
    return sorted(key for key in own if key not in fitting and not key.endswith("num_batches_tracked"))
