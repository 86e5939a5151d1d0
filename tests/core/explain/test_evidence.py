"""Evidence files: what is written, what it says, numbers against closed forms."""

import numpy as np
import pytest
import torch
from PIL import Image

from core.explain.captions import NO_EFFECT, NOT_LEARNED, WORDINGS, wording
from core.explain.evidence import explain, explain_spectrum
from core.explain.pictures import overlay
from core.explain.reconstruction import distances, reconstruction
from core.explain.sanity import hottest, shifted
from core.explain.spectrum import radial_spectrum
from core.models.registry import build_detector


def crop(seed=0, side=120):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def ed():
    torch.manual_seed(0)
    return build_detector("genconvit_ed_tiny").eval()


def test_explain_writes_what_it_names(ed, tmp_path):
    pieces = explain(ed, crop(), "genconvit/ed", 2, "fake", tmp_path)
    assert [piece.kind for piece in pieces] == ["grad_cam", "reconstruction", "residual"]
    for piece in pieces:
        assert piece.file.startswith("face2_genconvit-ed_")
        assert np.asarray(Image.open(tmp_path / piece.file)).shape[2] == 3
        assert piece.caption
        assert piece.caveat
    assert Image.open(tmp_path / pieces[0].file).size == (120, 120)
    assert {"similarity_to_randomised", "drop_hot", "drop_elsewhere", "regions_beaten", "informative"} == set(
        pieces[0].values
    )
    assert {"mse", "psnr", "ssim"} == set(pieces[1].values)


def test_explain_says_when_a_map_is_not_informative(ed, tmp_path):
    seen = set()
    for seed in range(6):
        piece = explain(ed, crop(seed), "ed", 0, "real", tmp_path)[0]
        assert "for real" in piece.title
        assert ("not informative" in piece.title) == (piece.values["informative"] == 0)
        assert piece.caveat.startswith((NO_EFFECT, NOT_LEARNED)) == (piece.values["informative"] == 0)
        seen.add(piece.values["informative"])
    assert 0.0 in seen  # untrained weights on noise


def test_equal_input_gives_equal_files(ed, tmp_path):
    first = explain(ed, crop(), "ed", 0, "fake", tmp_path / "a")
    second = explain(ed, crop(), "ed", 0, "fake", tmp_path / "b")
    assert first == second
    for piece in first:
        assert (tmp_path / "a" / piece.file).read_bytes() == (tmp_path / "b" / piece.file).read_bytes()


def test_a_detector_without_autoencoder_has_a_map_only(tmp_path):
    torch.manual_seed(0)
    detector = build_detector("efficientnet_tiny").eval()
    assert [piece.kind for piece in explain(detector, crop(), "b3", 0, "uncertain", tmp_path)] == ["grad_cam"]
    assert reconstruction(detector, crop()) is None


def test_every_wording_is_filled():
    for kind in WORDINGS:
        words = wording(kind, "real")
        assert "{" not in words.title + words.caption + words.caveat
    with pytest.raises(LookupError, match="known: grad_cam"):
        wording("tarot")


def test_distances_against_closed_forms():
    picture = crop(side=32)
    same = distances(picture, picture)
    assert same == {"mse": 0.0, "ssim": 1.0}
    shifted_by_51 = np.full_like(picture, 100), np.full_like(picture, 151)
    values = distances(*shifted_by_51)
    assert values["mse"] == pytest.approx(0.04)
    assert values["psnr"] == pytest.approx(10 * np.log10(1 / 0.04))


def test_reconstruction_has_the_detectors_size(ed):
    rebuilt = reconstruction(ed, crop(side=150))
    assert rebuilt.input.shape == rebuilt.picture.shape == rebuilt.residual().shape == (96, 96, 3)


def test_overlay_keeps_cold_places_and_colours_hot_ones():
    picture, heat = crop(), np.zeros((120, 120), np.float32)
    heat[:60] = 1
    drawn = overlay(picture, heat)
    assert np.array_equal(drawn[60:], picture[60:])
    assert np.abs(drawn[:60].astype(int) - picture[:60]).mean() > 20
    with pytest.raises(ValueError, match="differ in size"):
        overlay(picture, heat[:10])


def test_hottest_has_exact_area_also_with_ties():
    heat = np.zeros((20, 20), np.float32)
    heat[3, 4] = 1
    mask = hottest(heat, 0.15)
    assert mask.sum() == 60
    assert mask[3, 4]
    copies = shifted(mask, 5, np.random.default_rng(0))
    assert all(copy.sum() == 60 and not np.array_equal(copy, mask) for copy in copies)


def test_spectrum_of_a_wave_peaks_at_its_frequency():
    for cycles in (8, 16, 40):
        wave = 127 + 100 * np.sin(2 * np.pi * cycles * np.arange(128) / 128)
        picture = np.repeat(np.tile(wave.astype(np.uint8), (128, 1))[..., None], 3, axis=2)
        frequency, power = radial_spectrum(picture)
        assert frequency[np.argmax(power)] == pytest.approx(cycles / 128, abs=1.5 / 128)


def test_spectrum_of_white_noise_is_flat_at_its_variance():
    noise = np.random.default_rng(0).normal(128, 20, (256, 256, 1)).round().clip(0, 255).astype(np.uint8)
    _, power = radial_spectrum(np.repeat(noise, 3, axis=2))
    assert power[8:].mean() == pytest.approx((20 / 255) ** 2, rel=0.05)
    assert power[64:].std() / power[64:].mean() < 0.2


def test_spectrum_chart_is_evidence_of_the_picture(tmp_path):
    piece = explain_spectrum(crop(), 1, tmp_path)
    assert (piece.kind, piece.member, piece.file) == ("spectrum", "", "face1_spectrum.png")
    assert np.asarray(Image.open(tmp_path / piece.file)).std() > 5
