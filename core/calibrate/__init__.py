"""Log-odds into probabilities. Asking this package for one of its names registers every calibrator; no torch here.

The methods bring scipy and pandas, which a command's help and the web process must not wait for: they are imported
when the first name is asked for, so that `core.calibrate.spec` alone stays light."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.calibrate.base import Calibrator, SeenBefore, calibrators, check_unseen, load_calibrator

__all__ = ["Calibrator", "SeenBefore", "calibrators", "check_unseen", "load_calibrator"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from core.calibrate import base
    from core.calibrate.methods import (  # noqa: F401  # noqa: F401
        beta,
        dirichlet,
        histogram,
        identity,
        isotonic,
        moment_dirichlet,
        platt,
        temperature,
        venn_abers,
    )

    return getattr(base, name)
