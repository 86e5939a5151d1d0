"""Log-odds into probabilities. Importing this package registers every calibrator; no torch here."""

from core.calibrate import beta, identity, isotonic, platt, temperature
from core.calibrate.base import Calibrator, SeenBefore, calibrators, check_unseen, load_calibrator

__all__ = [
    "Calibrator",
    "SeenBefore",
    "beta",
    "calibrators",
    "check_unseen",
    "identity",
    "isotonic",
    "load_calibrator",
    "platt",
    "temperature",
]
