"""Every detector by name. A detector is added by one `register` in a module that PLUGINS names."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from core.models.detector import Detector
from core.models.weights.weights import initialise, recorded_options
from core.registry import Registry

PLUGINS = ("core.models.timm_experts", "core.models.genconvit")


@dataclass(frozen=True)
class DetectorEntry:
    """One row of the table of detectors.

    Attributes:
        name: Registered name.
        title: What people read.
        summary: One sentence.
        scale: full, small or tiny.
        build: `build(pretrained=bool, **options)` returns a Detector; with `pretrained` it fetches hub weights and
            raises `WeightsOutOfReach` when it cannot.
        from_file: `from_file(detector, path)` reads a weights file of another layout: a state dict, or None for an
            ordinary file.
        file_options: Options of the builder that a weights file asks for.
        tiny: Options for tests.
    """

    name: str
    title: str
    summary: str
    scale: Literal["full", "small", "tiny"]
    build: Callable[..., Detector]
    from_file: Callable[[Detector, Path], dict[str, torch.Tensor] | None] | None = None
    file_options: Callable[[Path], dict[str, Any]] | None = None
    tiny: dict[str, Any] | None = None


detectors: Registry[DetectorEntry] = Registry("detector")


def register(entry: DetectorEntry) -> DetectorEntry:
    """Add a detector under its own name.

    Args:
        entry: The row.

    Returns:
        The same row.

    Raises:
        ValueError: The name is taken.
    """
    return detectors.add(entry.name, entry)


def build_detector(name: str, weights: str = "none", **options: Any) -> Detector:
    """Build a detector by its name.

    Args:
        name: Registered name.
        weights: `pretrained` (hub or its cache), `none` (random) or a weights file.
        options: Keyword arguments of the entry's builder, e.g. `size`.

    Returns:
        The detector on the CPU, in training mode, with `name`, `options` and `weights_origin` set.

    Raises:
        LookupError: Unknown name.
        ValueError: Unknown option, or a file that does not fit.
        WeightsOutOfReach: The hub's weights cannot be had.
    """
    entry = detectors.get(name)
    path = None if weights in ("pretrained", "none") else Path(weights)
    if path is not None and path.suffix == ".safetensors":
        options = {**recorded_options(path, name), **options}
    if path is not None and entry.file_options is not None:
        options = {**options, **entry.file_options(path)}
    known = [p for p in inspect.signature(entry.build).parameters if p != "pretrained"]
    strange = sorted(set(options) - set(known))
    if strange:
        raise ValueError(f"detector {name!r} has no option {', '.join(strange)}; it has: {', '.join(known) or 'none'}")
    detector = entry.build(pretrained=weights == "pretrained", **options)
    detector.name, detector.options = name, dict(options)
    detector.weights_origin = initialise(detector, weights, entry.from_file)
    return detector


for _plugin in PLUGINS:
    importlib.import_module(_plugin)
