"""Which data set is it from: features against closed forms, a planted source, an honest set, and bounds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from core.artifacts.files import read_json
from core.artifacts.workspace import Workspace
from core.data.manifest.manifest import Manifest, read_manifest
from core.data.prepare.prepare import prepare
from core.data.prepare.shortcut_baseline import FOLDS, askable, guesses, sample, source_check
from core.data.prepare.shortcut_features import BANDS, SPECTRUM_SIDE, features_of, radial_spectrum, thumbnail
from core.data.spec import PrepareSpec
from core.progress import Silent

PER_SOURCE = 24


def test_a_thumbnail_is_the_mean_of_its_blocks():
    rgb = np.random.default_rng(0).integers(0, 255, (48, 48, 3), np.uint8)
    blocks = rgb.reshape(12, 4, 12, 4, 3).mean((1, 3)) / 255
    assert thumbnail(rgb) == pytest.approx(blocks.ravel(), abs=1 / 255)


@pytest.mark.parametrize("cycles", [10, 31, 50])
def test_a_wave_stands_in_its_own_ring(cycles):
    x = np.arange(SPECTRUM_SIDE)
    wave = np.round(127 + 100 * np.sin(2 * np.pi * cycles * x / SPECTRUM_SIDE)).astype(np.uint8)
    rgb = np.repeat(np.tile(wave, (SPECTRUM_SIDE, 1))[..., None], 3, axis=2)
    assert radial_spectrum(rgb).argmax() == int(2 * BANDS * cycles / SPECTRUM_SIDE)


def test_files_that_are_no_pictures_are_passed_over(tmp_path):
    Image.new("RGB", (20, 30)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no")
    features, readable = features_of([tmp_path / "a.png", tmp_path / "b.png", tmp_path / "none.png"])
    assert readable.tolist() == [True, False, False]
    assert {name: values.shape for name, values in features.items()} == {"thumbnail": (1, 432), "spectrum": (1, BANDS)}


def pictures(folder, told: dict[tuple[str, int], int]) -> Manifest:
    """PER_SOURCE noise pictures for each source x label, of the given mean brightness."""
    rng = np.random.default_rng(1)
    lines = ["path,label,dataset,group"]
    for (source, label), level in told.items():
        for i in range(PER_SOURCE):
            name = f"{source}{label}-{i}.png"
            shift = rng.normal(0, 10)
            noise = np.clip(rng.normal(level + shift, 30, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(noise).save(folder / name)
            lines.append(f"{name},{label},{source},{source}{label}-{i}")
    (folder / "list.csv").write_text("\n".join(lines) + "\n")
    return read_manifest(folder / "list.csv")


def test_sources_that_give_the_label_away_are_told(tmp_path):
    manifest = pictures(tmp_path, {("day", 0): 180, ("dusk", 0): 140, ("night", 1): 40})
    found = source_check(manifest, 0, Silent())
    assert found["items"] == 3 * PER_SOURCE
    of_reals = {row["features"]: row for row in found["source"]}
    assert of_reals["thumbnail"]["chance"] == 0.5
    assert of_reals["thumbnail"]["accuracy"] > 0.8
    assert found["read"]["thumbnail"] > 0.99
    assert {(row["real"], row["fake"]): row["thumbnail"] > 0.99 for row in found["pairs"]} == {
        ("day", "night"): True,
        ("dusk", "night"): True,
    }
    assert "The source predicts the label: a thumbnail alone" in found["warning"]


def test_sources_of_both_labels_alike_give_nothing_away(tmp_path):
    manifest = pictures(tmp_path, {("a", 0): 90, ("a", 1): 90, ("b", 0): 160, ("b", 1): 160})
    found = source_check(manifest, 0, Silent())
    assert {row["features"]: row["accuracy"] for row in found["source"]}["thumbnail"] > 0.9
    assert max(found["read"].values()) < 0.7
    assert found["warning"] == ""
    assert [(row["real"], row["fake"]) for row in found["pairs"]] in (
        [("a", "a"), ("b", "b")],
        [("b", "b"), ("a", "a")],
    )


def test_too_little_is_said_and_not_guessed(tmp_path):
    manifest = pictures(tmp_path, {("a", 0): 90, ("b", 1): 90})
    few = Manifest(manifest.frame.groupby("dataset").head(19).reset_index(drop=True), manifest.root)
    found = source_check(few, 0, Silent())
    assert found["items"] == 0
    assert "no source has 20 readable pictures" in found["why"]


def test_a_group_is_never_on_both_sides_of_a_fold():
    """Features that name the group exactly and the class not at all help nobody: chance, not memory."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 8)
    codes = rng.normal(size=(30, 12))[groups]
    classes = rng.integers(0, 2, 30)[groups]
    chances = guesses(codes, classes, groups.astype(str))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(codes, classes)
    memory = roc_auc_score(classes, model.predict_proba(codes)[:, 1])
    assert roc_auc_score(classes, chances[:, 1]) < 0.7 < memory
    assert chances.sum(1) == pytest.approx(np.ones(len(classes)))


def test_the_sample_is_even_bounded_and_repeatable():
    frame = pd.DataFrame({"dataset": ["a"] * 900 + ["b"] * 50 + ["c"] * 50, "label": [0] * 900 + [1] * 100})
    rows = sample(frame, 200, 7)
    assert frame["dataset"].iloc[rows].value_counts().to_dict() == {"a": 100, "b": 50, "c": 50}
    assert (rows == sample(frame, 200, 7)).all()
    assert (np.diff(rows) > 0).all()
    assert not (rows == sample(frame, 200, 8)).all()


def test_a_source_of_few_groups_is_not_asked_about():
    frame = pd.DataFrame({"dataset": "a", "label": 0, "group": [f"g{i % (FOLDS - 1)}" for i in range(40)]})
    assert not askable(frame).any()


def test_the_check_is_on_the_card_and_can_be_left_out(tmp_path):
    pictures(tmp_path, {("day", 0): 180, ("night", 1): 40})
    workspace = Workspace(tmp_path / "ws").create()
    cards = [
        read_json(
            prepare(PrepareSpec(path=str(tmp_path / "list.csv"), name=name, source_check=on), workspace, Silent())
            / "dataset.json"
        )
        for name, on in (("with", True), ("without", False))
    ]
    assert "source_check" not in cards[1]
    assert cards[0]["source_check"]["warning"] in cards[0]["warnings"]
    assert cards[0]["fingerprint"] == cards[1]["fingerprint"]
