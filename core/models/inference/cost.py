"""What a forward costs: floating-point operations counted by torch, seconds measured."""

from __future__ import annotations

import statistics
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from core.models.detector import Detector


def _one_input(detector: Detector) -> torch.Tensor:
    size = detector.input_spec.size
    return torch.zeros(1, 3, size, size, device=next(detector.parameters()).device)


def gflops(detector: Detector) -> float:
    """Count the floating-point operations of one item's forward.

    Convolutions and matrix products, two operations for a multiply-add (torch's FlopCounterMode).

    Args:
        detector: The detector; its mode is left as it was.

    Returns:
        GFLOP.
    """
    training = detector.training
    detector.eval()
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        detector(_one_input(detector))
    detector.train(training)
    return counter.get_total_flops() / 1e9


def cpu_seconds(detector: Detector, repeats: int = 5) -> float:
    """Measure the CPU time of one item's forward.

    CPU time is that of all threads together, about what one thread takes, whatever else the machine does.

    Args:
        detector: The detector, on the CPU; its mode is left as it was.
        repeats: Forwards that are timed, after one to warm up.

    Returns:
        Median seconds.
    """
    inputs, times = _one_input(detector), []
    training = detector.training
    detector.eval()
    with torch.inference_mode():
        for _ in range(repeats + 1):
            started = time.process_time()
            detector(inputs)
            times.append(time.process_time() - started)
    detector.train(training)
    return statistics.median(times[1:])
