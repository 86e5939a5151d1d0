"""Evaluation transform, training augmentations, self-blending."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import astronaut

from core.data.loading.self_blend import blend_mask, self_blend
from core.data.loading.transforms import (
    augmentations,
    eval_transform,
    normalise,
    resize_uint8,
    to_tensor,
    train_transform,
)
from core.documents.inputs import InputSpec


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    """(160, 160, 3), from a real photograph."""
    return np.ascontiguousarray(astronaut()[0:160, 140:300])


def test_evaluation_is_a_resize_and_a_normalisation(face):
    spec = InputSpec(size=64, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    ours = eval_transform(spec)(face)
    assert ours.shape == (3, 64, 64)
    assert ours.dtype == torch.float32
    peer = np.asarray(Image.fromarray(face).resize((64, 64), Image.Resampling.BILINEAR), np.float32) / 255
    expected = (peer - np.array(spec.mean)) / np.array(spec.std)
    assert np.abs(ours.numpy() - expected.transpose(2, 0, 1)).max() < 2.1 / 255 / 0.5


def test_evaluation_agrees_with_the_batched_path(face):
    spec = InputSpec(size=96)
    batch = resize_uint8(torch.stack([to_tensor(face)] * 2), 96)
    assert torch.equal(normalise(batch, spec)[1], eval_transform(spec)(face))


def test_a_picture_that_fits_is_left_alone(face):
    tensor = to_tensor(face)
    assert resize_uint8(tensor, 160) is tensor


@pytest.mark.parametrize("name", augmentations.names())
def test_augmentation_keeps_the_contract(face, name):
    transform = train_transform(name, 48)
    torch.manual_seed(0)
    outputs = [transform(to_tensor(face)) for _ in range(12)]
    for output in outputs:
        assert output.shape == (3, 48, 48)
        assert output.dtype == torch.uint8
    assert len({output.numpy().tobytes() for output in outputs}) > 1
    torch.manual_seed(0)
    assert torch.equal(transform(to_tensor(face)), outputs[0]), "the same seed gives the same picture"
    plain = resize_uint8(to_tensor(face), 48).float()
    either = min(float((output.float() - side).abs().mean()) for output in outputs for side in (plain, plain.flip(-1)))
    assert either < 40, "an augmented face is still that face"


def test_robust_covers_framing_size_codec_and_noise(face):
    """No single picture statistic survives: mean, sharpness and edge all move."""
    transform = train_transform("robust", 128)
    torch.manual_seed(1)
    outputs = torch.stack([transform(to_tensor(face)) for _ in range(60)]).float()
    sharpness = (outputs[..., 1:] - outputs[..., :-1]).abs().mean((1, 2, 3))
    assert sharpness.max() / sharpness.min() > 1.5
    assert outputs.mean((1, 2, 3)).std() > 5


def test_blend_changes_the_inside_and_keeps_the_rest(face):
    changed = []
    for seed in range(40):
        blended = self_blend(face, np.random.default_rng(seed))
        assert blended.shape == face.shape
        assert blended.dtype == np.uint8
        assert np.array_equal(blended, self_blend(face, np.random.default_rng(seed)))
        changed.append(np.abs(blended.astype(int) - face).mean())
    assert np.median(changed) > 1.0, "a blend can be told from its original"
    assert np.max(changed) < 40, "and it is still the same face"


def test_mask_is_soft_central_and_varied():
    masks = np.stack([blend_mask(96, 80, np.random.default_rng(seed)) for seed in range(60)])
    assert masks.shape == (60, 96, 80)
    assert masks.min() >= 0
    assert masks.max() <= 1 + 1e-6
    border = np.concatenate([masks[:, 0].ravel(), masks[:, :, 0].ravel(), masks[:, :, -1].ravel()])
    assert border.mean() < 0.05
    assert masks[:, 40:70, 30:50].mean() > 0.5
    soft = ((masks > 0.05) & (masks < 0.45)).mean((1, 2))
    assert (soft > 0.005).all(), "every mask has a soft edge"
    areas = (masks > 0.25).mean((1, 2))
    assert areas.std() > 0.02
