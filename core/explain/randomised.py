"""A copy of a detector that has forgotten what it learned: what its maps show, the picture and the layout explain.

Model-parameter randomisation test of Adebayo et al. 2018, "Sanity Checks for Saliency Maps" (section 3.1, all layers).
"""

from __future__ import annotations

import copy
import threading
import weakref

import torch
from torch import Tensor, nn

from core.models.detector import Detector

PICTURES = 8
"""Seeded pictures from which the copy's BatchNorms learn their statistics anew."""

_copies: weakref.WeakKeyDictionary[Detector, Detector] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def randomised_copy(detector: Detector) -> Detector:
    """Return the randomised copy of a detector, made on first use.

    It is kept as long as the detector lives: memory for one more set of weights, and no cost for a map but that of the
    map.

    Args:
        detector: The detector; it is not changed.

    Returns:
        The same copy for every call with this detector.
    """
    with _lock:
        if detector not in _copies:
            _copies[detector] = randomise(detector)
        return _copies[detector]


@torch.no_grad()
def randomise(detector: Detector, seed: int = 0) -> Detector:
    """Make a copy of a detector that has lost what it learnt.

    The entries of each weight array (two axes and more) are shuffled, so that scales stay what the architecture expects
    and every learnt pattern is gone. BatchNorm statistics are taken anew from seeded pictures, else most units would be
    dead.

    Args:
        detector: The detector; it is not changed.
        seed: Seed of the shuffle and of the pictures.

    Returns:
        A new detector on the same device, in evaluation mode.
    """
    generator = torch.Generator().manual_seed(seed)
    other = copy.deepcopy(detector).eval()
    for parameter in other.parameters():
        if parameter.ndim >= 2:
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.reshape(-1)[order].view(parameter.shape))
    norms = [m for m in other.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    if norms:
        _learn_statistics(other, norms, seeded_pictures(other, generator))
    return other


def _learn_statistics(detector: Detector, norms: list[nn.modules.batchnorm._BatchNorm], inputs: Tensor) -> None:
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum, norm.training = None, True  # None: the plain mean over what is seen
    try:
        with torch.inference_mode(False):
            detector(inputs)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum, norm.training = momentum, False


def seeded_pictures(detector: Detector, generator: torch.Generator) -> Tensor:
    """Draw coarse blobs of colour with a little noise, as smooth as faces are.

    Args:
        detector: Gives size, mean, standard deviation and device.
        generator: Source of randomness, on the CPU.

    Returns:
        (PICTURES, 3, S, S) float32, normalised.
    """
    size = detector.input_spec.size
    coarse = torch.rand(PICTURES, 3, 6, 6, generator=generator)
    blobs = nn.functional.interpolate(coarse, size=size, mode="bicubic", align_corners=False)
    noisy = blobs + 0.03 * torch.randn(PICTURES, 3, size, size, generator=generator)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (detector.input_spec.mean, detector.input_spec.std))
    return ((noisy.clamp(0, 1) - mean) / std).to(next(detector.parameters()).device)
