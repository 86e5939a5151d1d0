"""Detectors whose maps are known in closed form: one that finds noise, one that looks anywhere."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.documents.inputs import InputSpec
from core.models.detector import Detector, DetectorOutput

SIZE, CELL = 64, 4


class NoiseFinder(Detector):
    """Log-odds = mean over cells of the energy of the picture's Laplacian: linear in a map that is large on noise and
    nothing else of a smooth face. Its Grad-CAM is that map."""

    def __init__(self) -> None:
        super().__init__()
        self.input_spec, self.embedding_size = InputSpec(size=SIZE, mean=(0.0,) * 3, std=(1.0,) * 3), 1
        laplacian = torch.tensor([[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]])
        self.filter = nn.Conv2d(3, 1, 3, bias=False)
        self.filter.weight.data = laplacian.expand(1, 3, 3, 3) / 3
        self.map = nn.AvgPool2d(CELL)

    def forward(self, inputs: Tensor) -> DetectorOutput:
        padded = nn.functional.pad(inputs, (1, 1, 1, 1), mode="replicate")
        embedding = self.map(self.filter(padded).square()).mean((2, 3))
        return DetectorOutput(1000 * embedding - 1, embedding)

    def cam_layer(self) -> nn.Module:
        return self.map


class Anywhere(Detector):
    """The same form with random weights by place instead of a filter: its map has nothing to do with the picture."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.input_spec, self.embedding_size = InputSpec(size=SIZE, mean=(0.0,) * 3, std=(1.0,) * 3), 1
        places = torch.rand(1, 1, SIZE // CELL, SIZE // CELL, generator=torch.Generator().manual_seed(seed))
        self.places, self.map = nn.Parameter(places), nn.Identity()

    def forward(self, inputs: Tensor) -> DetectorOutput:
        embedding = self.map(self.places + 1e-6 * inputs.mean((1, 2, 3), keepdim=True)).mean((2, 3))
        return DetectorOutput(embedding, embedding)

    def cam_layer(self) -> nn.Module:
        return self.map
