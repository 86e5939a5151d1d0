"""Hashes of real files, look-alikes joined before the cut, leaks told on the card."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.artifacts.files import read_json
from core.artifacts.workspace import Workspace
from core.data.manifest.groups import joined
from core.data.manifest.hashes import hamming, hash_bits, perceptual_hash, with_hashes
from core.data.manifest.leaks import DISTANCE, leaks
from core.data.manifest.manifest import Manifest, ManifestError, read_manifest
from core.data.manifest.open import open_dataset
from core.data.prepare.prepare import prepare
from core.data.prepare.shortcut_check import leak_card, with_joined_duplicates
from core.data.spec import PrepareSpec
from core.progress import Silent

PLACES = ("train", "val_select", "val_calib", "test")


def picture(seed: int) -> np.ndarray:
    """(96, 96, 3) uint8: blurry blotches that differ widely from seed to seed."""
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((96, 96), Image.Resampling.BICUBIC))


@pytest.fixture
def listed(tmp_path):
    """list.csv of 24 pictures in four splits; picture 1 (val_select) is picture 0 (train), saved as JPEG."""
    lines = ["path,label,split,group,identity"]
    for i in range(24):
        name, quality = (f"{i}.png", {}) if i != 1 else ("1.jpg", {"quality": 90})
        Image.fromarray(picture(0 if i == 1 else i)).save(tmp_path / name, **quality)
        lines.append(f"{name},{i // 4 % 2},{PLACES[i % 4]},g{i},")
    (tmp_path / "list.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def made(folder, **options):
    workspace = Workspace(folder / "ws").create()
    return prepare(PrepareSpec(path=str(folder / "list.csv"), name="p", **options), workspace, Silent()), workspace


def test_files_are_hashed_by_bytes_and_by_sight(listed):
    frame = with_hashes(read_manifest(listed / "list.csv"), Silent()).frame
    file = listed / frame["path"][5]
    assert frame["sha256"][5] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert frame["phash"][5] == perceptual_hash(picture(5))
    bits = hash_bits(frame["phash"].to_numpy())
    assert hamming(bits[0], bits[1]) <= DISTANCE < hamming(bits[0], bits[2:]).min()
    assert frame["sha256"][0] != frame["sha256"][1]


def test_what_is_no_picture_has_bytes_but_no_sight(listed):
    (listed / "7.png").write_bytes(b"no picture")
    frame = with_hashes(read_manifest(listed / "list.csv"), Silent()).frame
    assert frame["phash"][7] == ""
    assert frame["sha256"][7] == hashlib.sha256(b"no picture").hexdigest()


def test_filled_cells_are_believed(listed):
    manifest = with_hashes(read_manifest(listed / "list.csv"), Silent())
    for path in manifest.frame["path"]:
        (listed / path).unlink()
    assert with_hashes(manifest, Silent()).frame is manifest.frame


def test_a_look_alike_across_a_split_is_on_the_card_with_its_rows(listed):
    folder, _ = made(listed)
    leaks = read_json(folder / "dataset.json")["leaks"]
    assert leaks["counts"] == {"near": 1}
    assert leaks["worst"][0]["rows"] == ["0.png (train)", "1.jpg (val_select)"]
    assert "look alike" in leaks["worst"][0]["sentence"]


def test_joined_look_alikes_fall_into_one_split(listed):
    folder, workspace = made(listed, join_duplicates=True, keep_splits=False)
    frame = open_dataset("p", workspace).frame
    assert frame["group"][0] == frame["group"][1] == "g0"
    assert frame["split"][0] == frame["split"][1]
    assert frame["group"].nunique() == 23
    card = read_json(folder / "dataset.json")
    assert card["joined_duplicates"] == 1
    assert card["leaks"]["counts"] == {}


def test_an_official_list_is_not_changed_by_joining(listed):
    manifest = with_hashes(read_manifest(listed / "list.csv"), Silent())
    kept, fewer = with_joined_duplicates(manifest, keep=True)
    assert fewer == 0
    assert kept.frame["group"].equals(manifest.frame["group"])


def test_a_person_on_two_sides_is_refused_or_by_wish_told_first(listed):
    text = (listed / "list.csv").read_text().replace("g4,", "g4,eve").replace("g11,", "g11,eve")
    (listed / "list.csv").write_text(text)
    with pytest.raises(
        ManifestError, match=r"identity 'eve' is in two splits: .*row 6 \(train\) and .*row 13 \(test\)"
    ):
        made(listed)
    folder, _ = made(listed, leaks="report")
    worst = read_json(folder / "dataset.json")["leaks"]["worst"]
    assert [leak["kind"] for leak in worst] == ["identity", "near"]
    assert worst[0]["rows"] == ["4.png (train)", "11.png (test)"]


def test_the_card_tells_the_worst_and_counts_the_rest(listed):
    manifest = read_manifest(listed / "list.csv")
    frame = manifest.frame.assign(video=[f"v{i // 2 % 6}" for i in range(24)])
    found = leaks(frame)
    card = leak_card(found * 6, manifest)
    assert card["counts"] == {"video": 36}
    assert len(card["worst"]) == 20


@pytest.mark.parametrize("seed", range(4))
def test_joining_equals_comparing_every_pair(seed, tmp_path):
    """Hashes of a few clusters, many of them equal, some flat: the same groups as by brute force."""
    rng = np.random.default_rng(seed)
    centres = rng.integers(1, 2**62, 6).astype(np.uint64)
    bits = centres[rng.integers(0, 6, 60)] ^ (np.uint64(1) << rng.integers(0, 9, 60).astype(np.uint64))
    bits[:5] = 0
    hashes = [f"{int(value):016x}" for value in bits]
    frame = pd.DataFrame({"phash": hashes, "group": [f"g{i // 2:02d}" for i in range(60)], "split": ""})
    found, fewer = with_joined_duplicates(Manifest(frame, tmp_path), keep=True)
    pairs = [(i, j) for i in range(5, 60) for j in range(i) if j >= 5 and hamming(bits[i], bits[j]) <= DISTANCE]
    assert found.frame["group"].equals(joined(frame["group"], pairs))
    assert fewer == 30 - found.frame["group"].nunique()


def test_one_picture_ten_thousand_times_over_is_soon_told():
    hashes = ["f00ff00f12345678"] * 10_000 + ["0" * 16] * 10_000
    frame = pd.DataFrame({"phash": hashes, "split": ["train", "test"] * 10_000})
    found = leaks(frame)
    assert {leak.kind for leak in found} == {"near"}
    assert len(found) == 9
    frame = frame.assign(split="", group=[str(i) for i in range(20_000)])
    one, fewer = with_joined_duplicates(Manifest(frame, Path()), keep=True)
    assert fewer == 9_999
    assert one.frame["group"].nunique() == 10_001
