"""The randomised copy and the check that uses it, for detectors whose answer is known."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from core.documents.inputs import InputSpec
from core.explain.cam import grad_cam, prepare
from core.explain.captions import NO_EFFECT, NOT_LEARNED
from core.explain.evidence import explain
from core.explain.randomised import randomise, randomised_copy
from core.explain.sanity import MOST_ALIKE, Sanity, likeness, sanity
from core.models.detector import Detector, DetectorOutput
from core.models.registry import build_detector, detectors


class Brightness(Detector):
    """A map that nothing was learned for: brightness, whatever the weights are."""

    def __init__(self):
        super().__init__()
        self.input_spec, self.embedding_size = InputSpec(size=64, mean=(0.0,) * 3, std=(1.0,) * 3), 1
        self.pool = nn.AvgPool2d(8)
        self.head = nn.Linear(1, 1)

    def forward(self, inputs):
        embedding = self.pool(inputs).mean((1, 2, 3), keepdim=True).flatten(1)
        return DetectorOutput(embedding * 20 + 0 * self.head(embedding), embedding)

    def cam_layer(self):
        return self.pool


def picture(seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((8, 8, 1), np.uint8))


TINY = [entry.name for entry in detectors if entry.scale == "tiny"]


@pytest.mark.parametrize("name", TINY)
def test_a_copy_shares_nothing_with_the_detector(name):
    torch.manual_seed(0)
    detector = build_detector(name).eval()
    state = {key: value.clone() for key, value in detector.state_dict().items()}
    random = torch.random.get_rng_state()
    other = randomise(detector)
    assert torch.equal(torch.random.get_rng_state(), random)
    assert all(torch.equal(value, state[key]) for key, value in detector.state_dict().items())
    assert not other.training
    for (key, ours), theirs in zip(detector.named_parameters(), other.parameters(), strict=True):
        assert ours.data_ptr() != theirs.data_ptr(), key
        if ours.ndim >= 2 and ours.std() > 0 and ours.numel() > 8:
            assert torch.equal(ours.flatten().sort().values, theirs.flatten().sort().values), key
            assert abs(float(np.corrcoef(ours.detach().flatten(), theirs.detach().flatten())[0, 1])) < 0.9, key
    again = randomise(detector)
    inputs = prepare(other, picture())
    assert torch.equal(again.scores(inputs), other.scores(inputs))
    assert torch.isfinite(other.scores(inputs)).all()
    assert not torch.equal(other.scores(inputs), detector.scores(inputs))


def test_one_copy_a_detector():
    detector = Brightness()
    assert randomised_copy(detector) is randomised_copy(detector)
    assert randomised_copy(Brightness()) is not randomised_copy(detector)


def test_likeness_against_scipy():
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 16, 16), dtype=np.float32)
    assert likeness(first, second) == pytest.approx(spearmanr(first.ravel(), second.ravel()).statistic)
    assert likeness(first, first**3) == pytest.approx(1)
    assert likeness(np.kron(first, np.ones((4, 4))), second) == pytest.approx(likeness(first, second))
    assert likeness(first, np.ones((16, 16))) == 0


def test_a_map_that_needs_no_learning_is_not_informative(tmp_path):
    detector, crop = Brightness(), picture()
    found = sanity(detector, crop, grad_cam(detector, crop))
    assert found.similarity == pytest.approx(1, abs=1e-6)
    assert not found.learned
    assert not found.informative
    piece = explain(detector, crop, "bright", 0, "fake", tmp_path)[0]
    assert "(not informative)" in piece.title
    assert piece.caveat.startswith((NOT_LEARNED, NO_EFFECT))
    assert piece.values["similarity_to_randomised"] > MOST_ALIKE


@pytest.mark.parametrize(
    ("similarity", "hot", "elsewhere", "beaten", "informative"),
    [
        (0.1, 1.0, 0.2, 1.0, True),
        (0.69, 1.0, 0.2, 0.75, True),
        (0.9, 1.0, 0.2, 1.0, False),
        (0.1, -0.1, -0.5, 1.0, False),
        (0.1, 1.0, 1.2, 1.0, False),
        (0.1, 1.0, 0.2, 0.6, False),
    ],
)
def test_both_checks_must_hold(similarity, hot, elsewhere, beaten, informative):
    found = Sanity(similarity, hot, elsewhere, beaten)
    assert found.informative is informative
    assert found.values()["informative"] == float(informative)
