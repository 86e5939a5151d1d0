"""Speed of the science against its named peers, medians of alternating runs in one process. Run with -m benchmark -s.

Trust the ratios, not the times: machines differ. Goals are those of the performance page."""

import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit
from sklearn.metrics import roc_auc_score, roc_curve

from core.calibrate.temperature import fit_newton, margins
from core.cascade.table import CascadeTable
from core.cascade.types import Exits
from core.evaluate.intervals import ranking_draws
from core.evaluate.reliability import ece
from core.evaluate.sweep import sweep

pytestmark = pytest.mark.benchmark


def median(of: Callable[[], object], repeats: int) -> float:
    """Median process-CPU seconds of one call."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        of()
        times.append(time.process_time() - start)
    return float(np.median(times))


def compare(what: str, ours: Callable, peer: Callable, repeats: int, goal: float, peer_share: float = 1.0) -> float:
    """Print one line of the table; returns the ratio. peer_share: the peer ran on so much of the work."""
    ours()
    pairs = [(median(ours, 1), median(peer, 1) / peer_share) for _ in range(repeats)]
    mine, theirs = np.median(pairs, axis=0)
    fast = mine if mine > 2e-3 else median(lambda: [ours() for _ in range(100)], 3) / 100
    print(f"\n{what}: {fast * 1e3:.3f} ms, peer {theirs * 1e3:.1f} ms, ratio {theirs / fast:.1f} (goal {goal:g})")
    return float(theirs / fast)


def scores(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n)
    return rng.normal(1.5 * (2 * y - 1), 2), y


def loop_ece(p: np.ndarray, y: np.ndarray, n_bins: int = 15) -> float:
    """The usual loop of masks over bins, as netcal-like packages do it."""
    edges, total = np.linspace(0, 1, n_bins + 1), 0.0
    for low, high in pairwise(edges):
        inside = (p > low) & (p <= high) if low else (p >= low) & (p <= high)
        if inside.any():
            total += inside.mean() * abs(p[inside].mean() - y[inside].mean())
    return total


@pytest.mark.parametrize("n", [1_000_000, 10_000_000])
def test_sweep(n):
    z, y = scores(n)
    p = expit(z)
    assert compare(f"sweep {n:.0e}", lambda: sweep(p, y), lambda: roc_curve(y, p), 3, 18 if n < 1e7 else 28) > 3


def test_cascade_query():
    z, y = scores(1_000_000)
    p1, p2 = expit(z), expit(z + scores(1_000_000)[0])
    table = CascadeTable.build(p1, p2, y)
    one, two = Exits(real_below=0.02), Exits(real_below=0.05, fake_above=0.95)

    def masks():
        out = p1 <= 0.02
        score = np.where(out, p1, p2)
        roc_auc_score(y, score)
        return out[y == 1].mean(), (~out & (p2 <= 0.05))[y == 1].mean(), (~out & (p2 >= 0.95))[y == 0].mean()

    print(f"\ntable built in {median(lambda: CascadeTable.build(p1, p2, y), 3) * 1e3:.0f} ms")
    assert compare("cascade query", lambda: table.ask(one, two), masks, 3, 2000) > 200


def test_ece():
    torch = pytest.importorskip("torch")
    from torchmetrics.functional.classification import binary_calibration_error

    z, y = scores(1_000_000)
    p = expit(z)
    tp, ty = torch.tensor(p), torch.tensor(y)
    assert ece(p, y) == pytest.approx(loop_ece(p, y), abs=1e-9)
    compare("ece against torchmetrics", lambda: ece(p, y), lambda: binary_calibration_error(tp, ty, n_bins=15), 5, 1)
    assert compare("ece against a loop of masks", lambda: ece(p, y), lambda: loop_ece(p, y), 5, 10) > 1


def test_temperature():
    z, y = scores(1_000_000)
    m = margins(z, y)

    def scipy_fit():
        return minimize_scalar(
            lambda t: np.mean(np.logaddexp(0, -m / np.exp(t))),
            bounds=(-4, 4),
            method="bounded",
            options={"xatol": 1e-8},
        ).x

    assert 1 / fit_newton(m) == pytest.approx(np.exp(scipy_fit()), rel=1e-6)
    assert 1 / fit_newton(m, polish=False) == pytest.approx(np.exp(scipy_fit()), rel=1e-5)
    full = compare("temperature, full", lambda: fit_newton(m), scipy_fit, 3, 10)
    assert full > 5
    assert compare("temperature, histogram", lambda: fit_newton(m, polish=False), scipy_fit, 3, 40) > 10


@pytest.mark.parametrize(("grouped", "goal"), [(False, 1000), (True, 100)])
def test_bootstrap(grouped, goal):
    n = 1_000_000
    z, y = scores(n)
    groups = np.arange(n) // 100 if grouped else None
    members = np.arange(n).reshape(-1, 100)

    def loop():
        rng = np.random.default_rng(0)
        rows = members[rng.integers(0, n // 100, n // 100)].ravel() if grouped else rng.integers(0, n, n)
        roc_auc_score(y[rows], z[rows])

    def ours():
        ranking_draws(z, y, groups, 1000, np.random.default_rng(0))

    name = "1,000 bootstraps " + ("by group" if grouped else "iid")
    assert compare(name, ours, loop, 3, goal, peer_share=1 / 1000) > goal / 10
