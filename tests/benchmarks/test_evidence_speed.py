"""What a heat map costs beside one forward of the same network."""

import time

import numpy as np
import pytest

from core.explain.cam import grad_cam, prepare
from core.models.registry import build_detector

pytestmark = pytest.mark.benchmark


def test_a_map_costs_little_more_than_a_forward():
    """Goal: at most 1.1 forwards, from crop to answer, alternating in one process on the small GenConViT.

    Least times of 30: on a busy machine they are the least disturbed."""
    detector = build_detector("genconvit_ed_small").eval()
    picture = np.random.default_rng(3).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    forwards, maps = [], []
    for _ in range(30):
        started = time.process_time()
        detector.scores(prepare(detector, picture))
        forwards.append(time.process_time() - started)
        started = time.process_time()
        grad_cam(detector, picture)
        maps.append(time.process_time() - started)
    ratio = min(maps) / min(forwards)
    print(f"grad_cam: {ratio:.2f} forwards")
    assert ratio <= 1.1
