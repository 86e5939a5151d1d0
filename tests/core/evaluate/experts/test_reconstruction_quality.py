"""Reconstructions: against scikit-image and torchmetrics, and against errors whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from core.evaluate.experts.reconstruction_quality import EXACT_PSNR, compare, compare_all, reconstruction_quality


def pair(seed=0, side=48):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 216, (6, 6, 3)).repeat(8, 0).repeat(8, 1)[:side, :side]
    noisy = np.clip(coarse + rng.normal(0, 20, coarse.shape), 0, 255)
    return coarse.astype(np.uint8), noisy.astype(np.uint8)


def test_measures_are_scikit_images():
    picture, rebuilt = pair()
    mse, psnr, ssim = compare(picture, rebuilt)
    assert mse == pytest.approx(mean_squared_error(picture / 255, rebuilt / 255))
    assert psnr == pytest.approx(peak_signal_noise_ratio(picture, rebuilt, data_range=255))
    assert ssim == pytest.approx(structural_similarity(picture, rebuilt, channel_axis=2, data_range=255))


def test_psnr_is_torchmetrics_too():
    torch = pytest.importorskip("torch")
    image = pytest.importorskip("torchmetrics.functional.image")
    picture, rebuilt = (torch.from_numpy(x.astype(np.float32) / 255).permute(2, 0, 1)[None] for x in pair(1))
    peer = image.peak_signal_noise_ratio(rebuilt, picture, data_range=1.0)
    assert compare(*pair(1))[1] == pytest.approx(float(peer), rel=1e-5)


def test_a_perfect_copy_and_a_wrong_size():
    picture, _ = pair()
    assert compare(picture, picture) == (0.0, EXACT_PSNR, pytest.approx(1.0))
    with pytest.raises(ValueError, match="cannot be compared"):
        compare(picture, picture[:-1])


def test_an_error_that_tells_fakes_apart_is_said_to():
    rng = np.random.default_rng(2)
    labels = np.arange(200) % 2
    mse = rng.normal(0.02 + 0.02 * labels, 0.004)
    measures = np.stack([mse, -10 * np.log10(mse), 1 - 10 * mse], axis=1)
    found = reconstruction_quality(measures, labels, np.arange(200) // 2, draws=300)
    assert found["separates"]["mse"]["low"] > 0.9
    assert found["separates"]["ssim"] == pytest.approx(found["separates"]["mse"])
    assert "evidence by itself" in found["reading"]
    assert found["real"]["mse"]["value"] == pytest.approx(mse[labels == 0].mean())
    assert found["fake"]["items"] == 100
    assert found["fake"]["psnr"]["low"] < found["fake"]["psnr"]["value"] < found["fake"]["psnr"]["high"]


@pytest.mark.parametrize(("shift", "said"), [(0.0, "does not separate"), (-0.02, "better than real")])
def test_an_error_that_does_not_is_not_sold(shift, said):
    rng = np.random.default_rng(3)
    labels = np.arange(300) % 2
    mse = np.abs(rng.normal(0.05 + shift * labels, 0.004))
    measures = np.stack([mse, -10 * np.log10(mse), 1 - mse], axis=1)
    assert said in reconstruction_quality(measures, labels, np.arange(300), draws=200)["reading"]


def test_one_class_has_no_separation():
    measures = compare_all(np.stack([pair(i)[0] for i in range(3)]), np.stack([pair(i)[1] for i in range(3)]))
    found = reconstruction_quality(measures, np.ones(3, int), np.arange(3), draws=50)
    assert found["separates"] == {"mse": None, "ssim": None}
    assert found["real"]["mse"]["value"] is None
    assert "cannot be said" in found["reading"]
