"""Counts what every detector costs, on networks without memory. `aware detectors count` stores the result."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.utils.flop_counter import FlopCounterMode

from core.models.registry import build_detector, detectors
from core.train.detector_catalogue import DetectorFacts


def count_detectors(names: Sequence[str] = ()) -> list[DetectorFacts]:
    """Build detectors on torch's meta device and count them: no weights are made.

    Args:
        names: Registered names; empty: all.

    Returns:
        Facts of each detector, in the order of the names.

    Raises:
        LookupError: A name is not registered.
    """
    return [_counted(name) for name in (names or detectors.names())]


def _counted(name: str) -> DetectorFacts:
    entry = detectors.get(name)
    with torch.device("meta"):
        detector = build_detector(name).eval()
        size = detector.input_spec.size
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            detector(torch.empty(1, 3, size, size))
    return DetectorFacts(
        name=name,
        title=entry.title,
        scale=entry.scale,
        parameter_count=sum(p.numel() for p in detector.parameters()),
        flops=counter.get_total_flops(),
        size=size,
        mean=detector.input_spec.mean,
        std=detector.input_spec.std,
        embedding=detector.embedding_size,
    )
