"""A picture that cannot be read is named and left out; all others are scored."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from core.data.manifest.manifest import Manifest
from core.models.detector import DetectorOutput, InputSpec
from core.models.inference.scoring import score


class Mean(nn.Module):
    """Log-odds is the mean pixel."""

    input_spec = InputSpec(size=16, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))

    def forward(self, x: torch.Tensor) -> DetectorOutput:
        mean = x.mean((1, 2, 3))
        return DetectorOutput(mean[:, None], mean[:, None])

    def parts(self, output: DetectorOutput) -> dict[str, torch.Tensor]:
        return {"embedding": output.embedding}


def manifest(folder, broken=()) -> Manifest:
    names = [f"{i}.png" for i in range(6)]
    for i, name in enumerate(names):
        Image.new("RGB", (16, 16), (40 * i, 0, 0)).save(folder / name)
        if i in broken:
            (folder / name).write_bytes(b"no picture")
    frame = pd.DataFrame({"sample_id": [f"s{i}" for i in range(6)], "path": names, "label": [0, 1] * 3, "dataset": "d"})
    return Manifest(frame.assign(group=names, split="test", method="", video=[f"v{i // 2}" for i in range(6)]), folder)


def test_the_broken_picture_is_named(tmp_path):
    whole = score(Mean(), manifest(tmp_path), tmp_path / "cache")
    assert len(whole) == 6
    assert not len(whole.failed)
    assert whole.frame["video"].tolist() == ["v0", "v0", "v1", "v1", "v2", "v2"]
    found = score(Mean(), manifest(tmp_path, broken=(1, 4)), tmp_path / "cache")
    assert found.frame["sample_id"].tolist() == ["s0", "s2", "s3", "s5"]
    assert found.failed["sample_id"].tolist() == ["s1", "s4"]
    assert "cannot be read" in found.failed["reason"].iloc[0]
    assert np.allclose(found.log_odds, whole.log_odds[[0, 2, 3, 5]])


def test_when_nothing_can_be_read_the_fault_is_raised(tmp_path):
    with pytest.raises(ValueError, match="cannot be read"):
        score(Mean(), manifest(tmp_path, broken=range(6)), tmp_path / "cache")
