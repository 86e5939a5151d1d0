"""Plants and the marking of maps on them: closed-form detectors, laws, and the report of the job."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from PIL import Image
from scipy.stats import bootstrap

from core.data.manifest.manifest import Manifest
from core.explain.planted import FIGURES, Face, judge_maps, reading, real_faces, summary
from core.explain.plants import PLANTS, hit, mass_ratio
from core.explain.spec import EvidenceSpec
from core.progress import Silent
from tests.support.patch_finder import Anywhere, NoiseFinder

SPEC = EvidenceSpec(runs=["any"], methods=["grad_cam"], plants=["noise"], items=24, n_bootstrap=300)


def face(rng, side=96):
    """(side, side, 3) uint8: smooth blobs of colour."""
    coarse = Image.fromarray(rng.integers(60, 196, (5, 5, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC))


def faces(count=24, seed=0):
    rng = np.random.default_rng(seed)
    return [Face(face(rng), face(rng), f"g{i // 2}") for i in range(count)]


@given(
    kind=some.sampled_from(sorted(PLANTS)),
    seed=some.integers(0, 10_000),
    height=some.integers(40, 120),
    width=some.integers(40, 120),
)
@settings(max_examples=40, deadline=None)
def test_a_plant_changes_its_place_and_nothing_else(kind, seed, height, width):
    rng = np.random.default_rng(seed)
    crop, donor = (rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(2))
    planted = PLANTS[kind](crop, donor, np.random.default_rng(seed))
    assert planted.picture.dtype == np.uint8
    assert planted.picture.shape == crop.shape
    changed = (planted.picture != crop).any(2)
    near = np.asarray(Image.fromarray(planted.mask).resize((width, height)))
    grown = np.zeros_like(planted.mask)
    reach = 2 + max(height, width) // 25  # the soft edge of a blend
    for dy in range(-reach, reach + 1):
        for dx in (-reach, 0, reach):
            grown |= np.roll(near, (dy, dx), (0, 1))
    for dx in range(-reach, reach + 1):
        grown |= np.roll(near, dx, 1)
    assert changed[planted.mask].mean() > 0.8
    assert changed[~grown].mean() < 0.02
    assert 0.05 < planted.area < 0.11
    again = PLANTS[kind](crop, donor, np.random.default_rng(seed))
    assert np.array_equal(again.picture, planted.picture)


def test_mass_and_hit_in_closed_form():
    heat, mask = np.zeros((10, 10)), np.zeros((10, 10), dtype=bool)
    mask[:2, :5] = True
    heat[0, 0], heat[9, 9] = 3, 1
    assert mass_ratio(heat, mask) == pytest.approx(0.75 / 0.1)
    assert (hit(heat, mask), hit(heat.T[::-1], mask)) == (1.0, 0.0)
    assert mass_ratio(np.ones((10, 10)), mask) == pytest.approx(1)
    assert math.isnan(mass_ratio(np.zeros((10, 10)), mask))
    assert math.isnan(hit(np.zeros((10, 10)), mask))


def test_a_detector_of_the_plant_is_above_chance_and_says_why():
    """The map of a detector of noise is the noise's own energy: nearly all of it lies on the patch (9 % of area)."""
    (row,) = judge_maps("finder", "Finder", NoiseFinder().eval(), faces(), SPEC, Silent())["rows"]
    assert row["mass"]["low"] > 8
    assert row["hits"]["value"] == 1
    assert row["gain"]["low"] > 5
    assert row["shift"]["low"] > 0
    assert row["area"]["value"] == pytest.approx(0.09, abs=0.005)
    assert row["informative"]["value"] > 0.9
    assert "point at the plant" in row["reading"]
    assert "because of it" in row["reading"]


def test_detectors_of_random_places_are_at_chance():
    masses = []
    for seed in range(3):
        (row,) = judge_maps("any", "Any", Anywhere(seed).eval(), faces(seed=seed), SPEC, Silent())["rows"]
        masses.append(row["mass"]["value"])
        assert row["gain"]["value"] == pytest.approx(0, abs=0.01)
        assert row["mass"]["low"] < 1.1
        assert "because of it" not in row["reading"]
    assert np.mean(masses) == pytest.approx(1, abs=0.1)


def test_intervals_against_scipy():
    """With every item its own group, the bootstrap of groups is the ordinary percentile bootstrap."""
    values = np.random.default_rng(0).gamma(2, 1, 80)
    records = pd.DataFrame(dict.fromkeys(FIGURES, values))
    found = summary(records, np.arange(80), draws=4000, seed=1)["mass"]
    theirs = bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=2).confidence_interval
    assert found["value"] == pytest.approx(values.mean())
    assert (found["low"], found["high"]) == pytest.approx((theirs.low, theirs.high), abs=0.04)


def test_empty_maps_are_counted_and_not_averaged():
    values = np.array([1.0, np.nan, 3.0, np.nan])
    found = summary(pd.DataFrame(dict.fromkeys(FIGURES, values)), np.arange(4), draws=50, seed=0)
    assert found["empty"] == 2
    assert found["mass"]["value"] == 2
    nothing = summary(pd.DataFrame(dict.fromkeys(FIGURES, values * np.nan)), np.arange(4), draws=50, seed=0)
    assert nothing["mass"] == {"value": None, "low": None, "high": None}
    assert "No map has a place" in reading(nothing)


@pytest.mark.parametrize(
    ("mass", "gain", "words"),
    [
        ((2, 1.5, 2.5), (1, 0.5, 1.5), "because of it"),
        ((2, 1.5, 2.5), (0, -0.5, 0.5), "the plant is not the reason"),
        ((1, 0.5, 1.5), (1, 0.5, 1.5), "no more than chance"),
        ((1, 0.5, 1.5), (0, -0.5, 0.5), "do not point"),
    ],
)
def test_readings(mass, gain, words):
    named = [dict(zip(("value", "low", "high"), figure, strict=True)) for figure in (mass, gain, (0.1, 0, 0.2))]
    assert words in reading(dict(zip(("mass", "gain", "shift"), named, strict=True)))


def test_faces_are_real_and_donors_are_strangers(tmp_path):
    rng, rows = np.random.default_rng(0), []
    for i in range(12):
        Image.fromarray(np.full((8, 8, 3), 20 * i, np.uint8)).save(tmp_path / f"{i}.png")
        rows.append({"sample_id": str(i), "path": f"{i}.png", "label": i % 2, "dataset": "d", "group": f"g{i // 4}",
                     "split": "test", "method": "", "compression": "", "identity": ""})  # fmt: skip
    manifest = Manifest(pd.DataFrame(rows), tmp_path)
    found = real_faces(manifest, 4, int(rng.integers(9)))
    assert len(found) == 4
    for item in found:
        row, donor = int(item.crop[0, 0, 0]) // 20, int(item.donor[0, 0, 0]) // 20
        assert row % 2 == donor % 2 == 0
        assert item.group == f"g{row // 4}" != f"g{donor // 4}"
    alone = Manifest(pd.DataFrame(rows[:4]), tmp_path)
    with pytest.raises(ValueError, match="two groups"):
        real_faces(alone, 4, 0)


def test_a_spec_names_somebody_and_known_things():
    with pytest.raises(ValueError, match="either runs or a bundle"):
        EvidenceSpec()
    with pytest.raises(ValueError, match="no kind of plant paint"):
        EvidenceSpec(runs=["a"], plants=["paint"])
    with pytest.raises(ValueError, match="name one"):
        EvidenceSpec(bundle="b")
