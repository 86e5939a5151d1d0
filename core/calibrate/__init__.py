"""Calibrators map log-odds to probabilities. Asking the package for one of its names registers every method; no torch.

The methods bring scipy and pandas, which a command's help and the web process must not wait for: they are imported
when the first name is asked for, so that `core.calibrate.spec` alone stays light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.calibrate.base import Calibrator, SeenBefore, calibrators, check_unseen, load_calibrator

__all__ = ["Calibrator", "SeenBefore", "calibrators", "check_unseen", "load_calibrator"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from core.calibrate import base

    # isort: off
    # Forms list the calibrators in this order.
    from core.calibrate.methods import temperature, platt, beta, dirichlet, isotonic  # noqa: F401
    from core.calibrate.methods import histogram, venn_abers, moment_dirichlet, identity  # noqa: F401

    # isort: on
    return getattr(base, name)
