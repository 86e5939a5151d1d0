"""The calibrator of a run is its newest one, whoever asks."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from core.calibrate.methods.platt import Platt
from core.calibrate.methods.temperature import Temperature
from core.calibrate.of_run import CALIBRATOR_FILE, TEMPERATURE_FILE, calibrator_file, calibrator_of, file_name

Z, Y = np.array([-2.0, -1.0, 1.0, 2.0, 0.5, -0.5]), np.array([0, 0, 1, 1, 0, 1])


def write(folder: Path, temperature_age: float, platt_age: float) -> None:
    """Both calibrators in one folder, as a run calibrated by an older version may have them."""
    Temperature().fit(Z, Y).save(folder / TEMPERATURE_FILE)
    Platt().fit(Z, Y).save(folder / CALIBRATOR_FILE)
    for name, age in ((TEMPERATURE_FILE, temperature_age), (CALIBRATOR_FILE, platt_age)):
        os.utime(folder / name, (1e9 - age, 1e9 - age))


@pytest.mark.parametrize(("temperature_age", "platt_age", "newest"), [(10, 20, "temperature"), (20, 10, "platt")])
def test_the_newest_file_counts(tmp_path, temperature_age, platt_age, newest):
    write(tmp_path, temperature_age, platt_age)
    calibrator, source = calibrator_of(tmp_path)
    assert calibrator.name == newest
    assert calibrator_file(tmp_path) == tmp_path / file_name(newest)
    assert file_name(newest) in source


def test_without_a_file_scores_stay_as_they_are(tmp_path):
    assert calibrator_file(tmp_path) is None
    calibrator, source = calibrator_of(tmp_path)
    assert calibrator.transform([0.0]) == pytest.approx([0.5])
    assert "not calibrated" in source


@pytest.mark.parametrize(
    ("method", "name"),
    [("temperature", TEMPERATURE_FILE), ("temperature_ece", TEMPERATURE_FILE), ("beta", CALIBRATOR_FILE)],
)
def test_each_method_has_its_file(method, name):
    assert file_name(method) == name
