"""The contract of a calibrator: log-odds in, p_fake out, parameters as JSON, and a record of what it was fitted on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, ValidationError
from scipy.special import expit

from core.artifacts.files import read_json, write_json
from core.metrics.sweep import checked
from core.registry import Registry
from core.spec import Spec
from core.tables.item_membership import overlap
from core.tables.predictions import Predictions

CONSTANT = "every item has the same score: p_fake cannot separate these items"


class Fitted(Spec):
    """Parameters of a fitted calibrator, as written to JSON. Sub-classes add theirs and fix `method`."""

    format: Literal[1] = 1
    method: str
    data_fingerprint: str = Field("", description="Of the predictions that it was fitted on; empty: unknown.")
    item_sketch: str = Field(
        "", description="Of the items it was fitted on (core.tables.item_membership); empty: not kept."
    )
    n: int = Field(0, ge=0, description="Items that it was fitted on.")
    n_fake: int = Field(0, ge=0, description="Of these, fakes.")
    warnings: list[str] = []


class Calibrator(ABC):
    """A map from uncalibrated log-odds of fake to p_fake. `fit` returns self; a calibrator is fitted once."""

    name: ClassVar[str]
    document: ClassVar[type[Fitted]]
    needs_both_classes: ClassVar[bool] = True

    def __init__(self) -> None:
        self._fitted: Any = None

    @property
    def fitted(self) -> Any:
        """The parameters (a `Fitted`). Raises ValueError before `fit`."""
        if self._fitted is None:
            raise ValueError(f"calibrator {self.name!r} is not fitted yet; call fit first")
        return self._fitted

    @property
    def fingerprint(self) -> str:
        """Of the predictions that it was fitted on."""
        return self.fitted.data_fingerprint

    @property
    def warnings(self) -> list[str]:
        """What a reader of its probabilities must know, in plain sentences."""
        return list(self.fitted.warnings)

    @property
    def keeps_order(self) -> bool:
        """Tell whether the fitted map rises strictly.

        Then it leaves every ranking metric as it was, and ranking is best read from the log-odds themselves, because
        p_fake ties whatever rounds to 1.
        """
        return False

    def fit_on(self, predictions: Predictions) -> Calibrator:
        """Fit, and record which items: `check_unseen` then refuses every set that holds any of them.

        Args:
            predictions: Uncalibrated predictions of both classes.

        Returns:
            The calibrator itself.
        """
        self.fit(predictions.log_odds, predictions.labels, predictions.fingerprint())
        self._fitted = self._fitted.model_copy(update={"item_sketch": predictions.item_sketch()})
        return self

    def fit(self, log_odds: ArrayLike, labels: ArrayLike, fingerprint: str = "") -> Calibrator:
        """Fit on log-odds and labels.

        Args:
            log_odds: (N,) finite uncalibrated log-odds of fake.
            labels: (N,) 0 = real, 1 = fake.
            fingerprint: Names the items; empty: unknown.

        Returns:
            The calibrator itself.

        Raises:
            ValueError: The items are of one class, where nothing can be calibrated, or the method refuses them.
        """
        z, y = checked(log_odds, labels)
        if self.needs_both_classes and (y.all() or not y.any()):
            only = "fakes" if y.all() else "reals"
            raise ValueError(f"cannot fit {self.name!r}: the {z.size} items are all {only}; give items of both classes")
        parameters, warnings = self._fit(z, y)
        if self.needs_both_classes and z.min() == z.max():
            warnings = [CONSTANT, *warnings]
        self._fitted = self.document(
            method=self.name,
            data_fingerprint=fingerprint,
            n=z.size,
            n_fake=int(y.sum()),
            warnings=warnings,
            **parameters,
        )
        return self

    def transform(self, log_odds: ArrayLike) -> np.ndarray:
        """Compute calibrated probabilities.

        Args:
            log_odds: Uncalibrated log-odds of fake, any shape.

        Returns:
            p_fake, float64 in [0, 1], same shape; non-decreasing in log_odds.
        """
        z = np.asarray(log_odds, np.float64)
        return self._transform(z.ravel()).reshape(z.shape)

    def calibrated_log_odds(self, log_odds: ArrayLike) -> np.ndarray | None:
        """Compute the log-odds of `transform`, by which items rank.

        From log-odds of about 37 on p_fake is 1 in a double, and items that the detector ordered would be tied.

        Args:
            log_odds: Uncalibrated log-odds of fake, any shape.

        Returns:
            float64, same shape; None for a map in steps, which ties items itself.
        """
        z = np.asarray(log_odds, np.float64)
        calibrated = self._log_odds(z.ravel())
        return None if calibrated is None else calibrated.reshape(z.shape)

    def to_json(self) -> dict[str, Any]:
        """Return the document that `from_json` reads."""
        return self.fitted.model_dump(mode="json")

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Calibrator:
        """Build a fitted calibrator from its document.

        Args:
            document: What `to_json` returned.

        Returns:
            The calibrator.

        Raises:
            ValueError: A field is missing, unknown or out of range.
        """
        calibrator = cls()
        calibrator._fitted = cls.document.model_validate(document, strict=True)
        return calibrator

    def save(self, path: Path) -> None:
        """Write the JSON document atomically.

        Args:
            path: The file.
        """
        write_json(path, self.to_json())

    @abstractmethod
    def _fit(self, z: np.ndarray, y: np.ndarray) -> tuple[dict[str, Any], list[str]]:
        """(parameters, warnings) from (N,) float64 log-odds and int64 labels."""

    def _transform(self, z: np.ndarray) -> np.ndarray:
        """(N,) float64 log-odds -> (N,) p_fake. Each calibrator has this or `_log_odds`."""
        calibrated = self._log_odds(z)
        if calibrated is None:
            raise NotImplementedError(f"calibrator {self.name!r} defines neither _transform nor _log_odds")
        return expit(calibrated)

    def _log_odds(self, z: np.ndarray) -> np.ndarray | None:
        """(N,) float64 log-odds -> (N,) calibrated log-odds, or None of a map in steps."""
        return None


calibrators: Registry[type[Calibrator]] = Registry("calibrator")


def load_calibrator(path: Path) -> Calibrator:
    """Read calibration_temp.json or calibrator.json.

    Args:
        path: The file.

    Returns:
        The fitted calibrator.

    Raises:
        ValueError: The file is not a calibrator that this version reads; the message names the file and the fault.
    """
    document = read_json(path)
    if not isinstance(document, dict) or not isinstance(document.get("method"), str):
        raise ValueError(f"{path} is not a calibrator: it has no field 'method'; make it with `aware calibrate`")
    try:
        return calibrators.get(document["method"]).from_json(document)
    except (ValidationError, LookupError) as error:
        raise ValueError(f"{path} is not a calibrator that this version reads: {error}") from error


NOT_KEPT = (
    "the calibrator was made before its items were recorded: it could only be checked that it was not fitted on "
    "exactly these items; calibrate again for the full check"
)


class SeenBefore(ValueError):
    """A calibrator was about to be judged on the items that it was fitted on."""


def check_unseen(calibrator: Calibrator, predictions: Predictions) -> str:
    """Refuse to judge a calibrator on items that it was fitted on.

    Args:
        calibrator: A fitted calibrator.
        predictions: The items that it is to be judged on.

    Returns:
        One sentence on what could not be checked; empty when everything could.

    Raises:
        SeenBefore: Some of the items were fitted on; the message gives their number.
    """
    fitted = calibrator.fitted
    advice = (
        "take another split (test), or measure by cross-fitting as `aware calibrate` does; other items with the "
        "same ids need other ids"
    )
    if fitted.data_fingerprint and fitted.data_fingerprint == predictions.fingerprint():
        raise SeenBefore(
            f"calibrator {calibrator.name!r} was fitted on these {len(predictions):,} items and cannot be judged on "
            f"them; {advice}"
        )
    if fitted.item_sketch:
        shared = overlap(fitted.item_sketch, predictions.frame["sample_id"], predictions.frame["label"])
        if shared.seen:
            raise SeenBefore(
                f"calibrator {calibrator.name!r} was fitted on {shared.words()} and cannot be judged on them; {advice}"
            )
        return ""
    if fitted.data_fingerprint:
        return NOT_KEPT
    return "" if fitted.method == "none" else "the calibrator does not record which items it was fitted on: not checked"
