"""The catalogue of detectors: counted from the code, and its document kept in step with it."""

from pathlib import Path

import pytest
import torch

from core.models.inference.cost import gflops
from core.models.registry import build_detector, detectors
from core.train.count_detectors import count_detectors
from core.train.detector_catalogue import catalogue, markdown, stored_facts

DOCUMENT = Path(__file__).resolve().parents[3] / "assets" / "cards" / "detectors.md"


@pytest.fixture(scope="module")
def rows():
    return catalogue()


def test_every_detector_is_listed_once(rows):
    assert [row.name for row in rows] == detectors.names()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_stored_table_is_what_the_networks_count():
    assert list(stored_facts().values()) == count_detectors(), "count again: aware detectors count"


def test_the_stored_facts_of_small_networks_are_what_they_count():
    names = [facts.name for facts in stored_facts().values() if facts.scale == "tiny"]
    assert names
    assert [stored_facts()[name] for name in names] == count_detectors(names), "count again: aware detectors count"


def test_a_detector_that_is_not_counted_is_named():
    with pytest.raises(LookupError, match="lacks resnet; `aware detectors count`"):
        catalogue(["resnet"])


def test_the_document_is_the_catalogue(rows):
    assert DOCUMENT.read_text() == markdown(rows), "make it again: aware detectors list --markdown > " + str(DOCUMENT)


def test_counts_on_no_memory_are_those_of_a_real_forward():
    (row,) = catalogue(["genconvit_ed_tiny"])
    detector = build_detector("genconvit_ed_tiny")
    assert row.gflops == gflops(detector)
    assert row.parameters == sum(p.numel() for p in detector.parameters()) / 1e6


def test_published_counts_stand_beside_ours(rows):
    named = {row.name: row for row in rows}
    assert named["genconvit_ed_published"].parameters == pytest.approx(30.2, abs=0.05)
    assert named["genconvit_vae_published"].parameters == pytest.approx(344.5, abs=0.05)
    for name in ("genconvit_ed", "genconvit_ed_published"):
        assert named[name].published.startswith("59.2 / 30.2 / 18.")
    assert named["genconvit_vae"].published.startswith("695 / 344.5 / 11.")
    assert named["efficientnetv2_b3"].published == ""
    assert named["efficientnetv2_b3"].mean == (0.5, 0.5, 0.5)
    assert named["genconvit_vae_small"].recipes == ("genconvit_vae_small",)


def test_one_convolution_by_hand():
    """The counter's unit: a 3x3 convolution 3 -> 16 on 224x224 takes 2 x 224 x 224 x 16 x 27 operations."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        torch.nn.Conv2d(3, 16, 3, padding=1)(torch.empty(1, 3, 224, 224))
    assert counter.get_total_flops() == 2 * 224 * 224 * 16 * 27
