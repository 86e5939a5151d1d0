"""The cache, the sampler and the training items."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.data.loading.dataset import (
    MOST_REPEATS,
    EpochSampler,
    TrainFaces,
    cache_side,
    capped_quotas,
    load_square,
    open_cache,
)
from core.data.loading.transforms import train_transform
from core.data.manifest.manifest import read_manifest
from tests.support.tiny_faces import write_tiny_faces


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return read_manifest(write_tiny_faces(tmp_path_factory.mktemp("faces"), count=24))


@pytest.fixture(scope="module")
def cache(manifest, tmp_path_factory):
    return open_cache(manifest, tmp_path_factory.mktemp("cache"), 64)


def test_cache_holds_the_pictures_in_order(manifest, cache):
    assert cache.pixels.shape == (24, 64, 64, 3)
    for row in (0, 7, 23):
        expected = np.asarray(Image.open(manifest.file(manifest.frame["path"][row])).convert("RGB"))
        assert np.array_equal(cache.pixels[row], expected)


def test_cache_is_made_once_and_notices_a_changed_picture(tmp_path):
    manifest = read_manifest(write_tiny_faces(tmp_path / "faces", count=8))
    first = open_cache(manifest, tmp_path / "cache", 32)
    time = first.file.stat().st_mtime_ns
    assert open_cache(manifest, tmp_path / "cache", 32).file == first.file
    assert first.file.stat().st_mtime_ns == time
    Image.new("RGB", (50, 70)).save(tmp_path / "faces" / "0003.png")
    second = open_cache(manifest, tmp_path / "cache", 32)
    assert second.file != first.file
    assert second.pixels[3].max() == 0


def test_unreadable_picture_is_named_and_leaves_no_cache(tmp_path):
    manifest = read_manifest(write_tiny_faces(tmp_path / "faces", count=8))
    (tmp_path / "faces" / "0005.png").write_bytes(b"not a picture")
    with pytest.raises(ValueError, match=r"row 6 of the data set: .*0005.png cannot be read"):
        open_cache(manifest, tmp_path / "cache", 32)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_picture_whose_end_is_missing_is_named(tmp_path):
    manifest = read_manifest(write_tiny_faces(tmp_path / "faces", count=8))
    file = tmp_path / "faces" / "0002.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(file)
    file.write_bytes(file.read_bytes()[:-4000])
    with pytest.raises(ValueError, match=r"row 3 of the data set: .*0002.png .*\d+\.\d% of the picture is missing"):
        open_cache(manifest, tmp_path / "cache", 32)


def test_malformed_metadata_stop_no_training(tmp_path):
    manifest = read_manifest(write_tiny_faces(tmp_path / "faces", count=8))
    file = tmp_path / "faces" / "0001.png"
    picture = np.random.default_rng(1).integers(0, 255, (32, 32, 3), np.uint8)
    Image.fromarray(picture).save(file, "WEBP", lossless=True, exif=b"not exif")
    assert np.array_equal(open_cache(manifest, tmp_path / "cache", 32).pixels[1], picture)


def test_oblong_picture_is_cropped_not_stretched(tmp_path):
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, 20:60] = 255
    Image.fromarray(pixels).save(tmp_path / "oblong.png")
    assert load_square(tmp_path / "oblong.png", 40).min() == 255


@pytest.mark.parametrize(("orientation", "quarters"), [(1, 0), (3, 2), (6, -1), (8, 1)])
def test_a_picture_of_a_phone_stands_upright(tmp_path, orientation, quarters):
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(picture).save(tmp_path / "phone.png", exif=exif)
    assert np.array_equal(load_square(tmp_path / "phone.png", 32), np.rot90(picture, quarters))


def test_cache_travels_without_its_pixels(cache):
    assert cache.pixels is not None
    data = pickle.dumps(cache)
    assert len(data) < 64 * 64 * 3 * 24 / 4
    assert np.array_equal(pickle.loads(data).pixels[5], cache.pixels[5])
    faces = TrainFaces(cache, train_transform("robust", 32), 0.5)
    assert torch.equal(pickle.loads(pickle.dumps(faces))[4, 9][0], faces[4, 9][0]), "loader processes see the same"


@pytest.mark.parametrize(("size", "side"), [(32, 64), (128, 256), (160, 256), (256, 256), (320, 320)])
def test_cache_side(size, side):
    assert cache_side(size) == side


def sampler_of(counts: dict[tuple[int, str], int], balance: str, seed: int = 0) -> EpochSampler:
    labels = np.concatenate([np.full(n, label) for (label, _), n in counts.items()])
    sources = np.concatenate([np.full(n, name) for (_, name), n in counts.items()])
    return EpochSampler(labels, sources, np.arange(len(labels)), balance, seed)


COUNTS = {(0, "a"): 600, (0, "b"): 100, (0, "tiny"): 5, (1, "c"): 200, (1, "d"): 95}


def drawn_of(sampler: EpochSampler) -> dict[tuple[int, str], int]:
    order = sampler.order()
    assert len(order) == len(sampler.rows)
    return {key: int(((sampler.labels[order] == key[0]) & (sampler.sources[order] == key[1])).sum()) for key in COUNTS}


def test_no_balance_shows_every_row_once():
    sampler = sampler_of(COUNTS, "none")
    assert sorted(sampler.order()) == list(range(1000))


def test_label_balance_is_exact():
    drawn = drawn_of(sampler_of(COUNTS, "label"))
    assert drawn[0, "a"] + drawn[0, "b"] + drawn[0, "tiny"] == 500
    assert drawn[1, "c"] + drawn[1, "d"] == 500


def test_source_balance_is_even_but_for_tiny_sources():
    drawn = drawn_of(sampler_of(COUNTS, "source"))
    assert drawn[0, "tiny"] == 5 * MOST_REPEATS
    assert drawn[0, "a"] == drawn[0, "b"] == 240
    assert drawn[1, "c"] == drawn[1, "d"] == 250


def test_no_row_is_drawn_twice_more_often_than_another_of_its_source():
    sampler = sampler_of(COUNTS, "source")
    times = np.bincount(sampler.order(), minlength=1000)
    for label, name in COUNTS:
        of_source = times[(sampler.labels == label) & (sampler.sources == name)]
        assert of_source.max() - of_source.min() <= 1


@settings(deadline=None)
@given(st.integers(1, 5000), st.lists(st.integers(1, 800), min_size=1, max_size=9))
def test_quotas_add_up_and_keep_the_cap(total, sizes):
    quotas = capped_quotas(total, sizes)
    assert sum(quotas) == total
    assert min(quotas) >= 0
    if total <= MOST_REPEATS * sum(sizes):
        assert all(q <= MOST_REPEATS * s for q, s in zip(quotas, sizes, strict=True))
        largest = max(quotas)
        open_ones = [q for q, s in zip(quotas, sizes, strict=True) if q < int(MOST_REPEATS * s)]
        assert all(q >= largest - 1 for q in open_ones), "a source below its cap gets as much as any other"


def test_order_depends_on_seed_and_epoch_and_resumes_anywhere():
    sampler = sampler_of(COUNTS, "source", seed=7)
    whole = list(sampler)
    assert whole == list(sampler_of(COUNTS, "source", seed=7))
    assert whole != list(sampler_of(COUNTS, "source", seed=8))
    sampler.start = 640
    assert list(sampler) == whole[640:]
    assert len(sampler) == 360
    sampler.start, sampler.epoch = 0, 1
    assert list(sampler) != whole
    assert len({seed for _, seed in whole}) == 1000, "every draw has a seed of its own"


def test_unknown_balance_is_refused():
    with pytest.raises(ValueError, match="known: none, label, source"):
        sampler_of(COUNTS, "both")


def test_item_depends_on_its_seed_alone(cache):
    faces = TrainFaces(cache, train_transform("robust", 32), blend_share=0.5)
    state = torch.get_rng_state()
    first, label = faces[0, 5]
    assert torch.equal(torch.get_rng_state(), state), "the process's generator is left as it was"
    torch.manual_seed(1)
    again, same = faces[0, 5]
    assert torch.equal(first, again)
    assert label == same
    assert not torch.equal(first, faces[0, 6][0])
    assert first.dtype == torch.uint8
    assert first.shape == (3, 32, 32)


def test_self_blending_makes_fakes_of_real_pictures_only(cache, manifest):
    labels = manifest.frame["label"].to_numpy()
    faces = TrainFaces(cache, train_transform("minimal", 64), blend_share=0.4)
    real, fake = int(np.flatnonzero(labels == 0)[0]), int(np.flatnonzero(labels == 1)[0])
    made = [faces[real, seed][1] for seed in range(300)]
    assert 0.3 < np.mean(made) < 0.5
    assert all(faces[fake, seed][1] == 1.0 for seed in range(50))
    none = TrainFaces(cache, train_transform("minimal", 64))
    assert all(none[real, seed][1] == 0.0 for seed in range(50))
