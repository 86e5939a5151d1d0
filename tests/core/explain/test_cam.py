"""Maps: they find a planted artefact, change with the weights, and leave the detector as it was."""

import numpy as np
import pytest
import torch
from torch import nn

from core.documents.inputs import InputSpec
from core.explain.cam import grad_cam
from core.explain.sanity import sanity
from core.models.detector import Detector, DetectorOutput
from core.models.registry import build_detector, detectors

PATCH = 16


class NoiseDetector(Detector):
    """A small convolutional network, trained in this module to tell a patch of noise."""

    def __init__(self):
        super().__init__()
        self.input_spec = InputSpec(size=64, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
        self.embedding_size = 16
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.head = nn.Linear(16, 1)

    def forward(self, inputs):
        embedding = self.body(inputs).mean((2, 3))
        return DetectorOutput(self.head(embedding), embedding)

    def cam_layer(self):
        return self.body


def face_like(rng):
    """(64, 64, 3) uint8: smooth blobs of colour."""
    coarse = torch.from_numpy(rng.uniform(0, 1, (1, 3, 5, 5)))
    smooth = nn.functional.interpolate(coarse, size=64, mode="bicubic").clamp(0, 1)
    return (smooth[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)


def plant(picture, rng):
    """The picture with a patch of noise, and the patch's mask."""
    top, left = rng.integers(0, 64 - PATCH, 2)
    fake, mask = picture.astype(np.float64), np.zeros((64, 64), dtype=bool)
    mask[top : top + PATCH, left : left + PATCH] = True
    fake[mask] += rng.normal(0, 40, (PATCH * PATCH, 3))
    return np.clip(fake, 0, 255).astype(np.uint8), mask


@pytest.fixture(scope="module")
def trained():
    torch.manual_seed(0)
    rng, detector = np.random.default_rng(0), NoiseDetector().train()
    optimiser = torch.optim.Adam(detector.parameters(), lr=0.01)
    for _ in range(50):
        pictures = [face_like(rng) for _ in range(16)]
        pictures[::2] = [plant(p, rng)[0] for p in pictures[::2]]
        inputs = (torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2) / 255 - 0.5) / 0.5
        labels = torch.tensor([1.0, 0.0] * 8)
        loss = nn.functional.binary_cross_entropy_with_logits(detector(inputs).log_odds, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.3
    return detector.eval()


@pytest.fixture
def planted():
    rng = np.random.default_rng(7)
    return [plant(face_like(rng), rng) for _ in range(10)]


def mass_on(heat, mask):
    return float(heat[mask].sum() / heat.sum())


@pytest.mark.parametrize("method", ["grad_cam", "grad_cam_plus_plus"])
def test_mass_lies_on_the_plant(trained, planted, method):
    """The patch covers 1/16 of the picture: a map that knows nothing puts 6 % of its mass there."""
    chance = PATCH**2 / 64**2
    shares = [mass_on(grad_cam(trained, fake, method=method), mask) for fake, mask in planted]
    assert np.median(shares) > 5 * chance


def test_sanity_confirms_the_plant_and_not_a_wrong_map(trained, planted):
    right = [sanity(trained, fake, grad_cam(trained, fake)) for fake, _ in planted]
    assert np.mean([r.informative for r in right]) >= 0.8
    elsewhere = [sanity(trained, fake, np.roll(mask.astype(np.float32), 32, axis=(0, 1))) for fake, mask in planted]
    assert np.mean([r.informative for r in elsewhere]) <= 0.3


def test_sanity_of_a_constant_map_is_not_informative(trained, planted):
    assert not sanity(trained, planted[0][0], np.ones((64, 64), np.float32)).informative


def test_the_other_side_takes_the_negative_log_odds(trained, planted):
    fake, mask = planted[0]
    assert mass_on(grad_cam(trained, fake, side="real") + 1e-9, mask) < mass_on(grad_cam(trained, fake), mask)
    with pytest.raises(ValueError, match="uncertain"):
        grad_cam(trained, fake, side="uncertain")


def test_map_against_its_own_definition(trained, planted):
    """Selvaraju et al. 2017, eq. 1 and 2, written with autograd: weights are mean gradients, the map is rectified."""
    fake = planted[0][0]
    inputs = (torch.from_numpy(fake).permute(2, 0, 1)[None] / 255 - 0.5) / 0.5
    maps = trained.body(inputs)
    (gradient,) = torch.autograd.grad(trained.head(maps.mean((2, 3))).sum(), maps)
    expected = (gradient.mean((2, 3), keepdim=True) * maps).sum(1).relu()[0].detach().numpy()
    heat = grad_cam(trained, fake)
    assert np.corrcoef(heat[2::4, 2::4].ravel(), expected.ravel())[0, 1] > 0.97


def test_detector_is_left_as_it_was(trained, planted):
    fake = planted[0][0]
    detector = NoiseDetector()
    detector.load_state_dict(trained.state_dict())
    detector.train()
    detector.body[4].eval()
    detector.head.bias.requires_grad_(False)
    detector.head.weight.grad = torch.full_like(detector.head.weight, 3.0)
    state = {key: value.clone() for key, value in detector.state_dict().items()}
    grad_cam(detector, fake)
    assert detector.training
    assert not detector.body[4].training
    assert detector.head.weight.requires_grad
    assert not detector.head.bias.requires_grad
    assert torch.equal(detector.head.weight.grad, torch.full_like(detector.head.weight, 3.0))
    assert detector.body[0].weight.grad is None
    assert all(torch.equal(value, state[key]) for key, value in detector.state_dict().items())
    assert not any(module._forward_hooks or module._backward_hooks for module in detector.modules())


def test_hooks_are_gone_after_an_error(trained, planted):
    class Flat(NoiseDetector):
        def cam_layer(self):
            return self.head

    detector = Flat()
    with pytest.raises(ValueError, match="a map is"):
        grad_cam(detector, planted[0][0])
    assert not any(module._forward_hooks for module in detector.modules())
    assert all(parameter.requires_grad for parameter in detector.parameters())


def test_works_inside_inference_mode_and_is_deterministic(trained, planted):
    fake = planted[0][0]
    first = grad_cam(trained, fake)
    with torch.inference_mode():
        second = grad_cam(trained, fake)
    assert np.array_equal(first, second)


TINY = [entry.name for entry in detectors if entry.scale == "tiny"]


@pytest.mark.parametrize("name", TINY)
def test_every_family_gives_a_map_that_is_not_constant_and_hangs_on_the_weights(name):
    picture = face_like(np.random.default_rng(3))
    picture = np.ascontiguousarray(np.kron(picture, np.ones((3, 3, 1), np.uint8)))
    maps = []
    for seed in range(3):
        torch.manual_seed(seed)
        detector = build_detector(name).eval()
        heat = np.maximum(grad_cam(detector, picture), grad_cam(detector, picture, side="real"))
        assert heat.shape == (192, 192)
        assert heat.dtype == np.float32
        assert 0 <= heat.min() <= heat.max() <= 1
        assert heat.std() > 0.01
        maps.append(heat)
    assert np.abs(maps[0] - maps[1]).mean() > 0.01
    assert np.abs(maps[0] - maps[2]).mean() > 0.01


def test_wrong_crops_are_refused(trained):
    with pytest.raises(ValueError, match="uint8 RGB"):
        grad_cam(trained, np.zeros((64, 64, 3), np.float32))
    with pytest.raises(ValueError, match="known: grad_cam"):
        grad_cam(trained, np.zeros((64, 64, 3), np.uint8), method="magic")
