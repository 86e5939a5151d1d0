"""What a small autoencoder draws after a short training: more than blocks of colour."""

import torch
from torch.nn import functional

from core.documents.inputs import InputSpec
from core.models.genconvit.autoencoder import PlainAutoencoder


def ovals(n: int, size: int) -> torch.Tensor:
    """(n, 3, size, size) in [-1, 1]: an oval of one colour on another, with a darker bar across it."""
    generator = torch.Generator().manual_seed(0)
    row, column = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    pictures = []
    for _ in range(n):
        x, y, wide, high, bar = (torch.rand(5, generator=generator) * 0.4 + 0.3).tolist()
        ground, skin = torch.rand(2, 3, 1, 1, generator=generator) * 2 - 1
        inside = ((column - x + 0.5) / wide) ** 2 + ((row - y + 0.5) / high) ** 2 < 1
        face = torch.where(inside, skin, ground)
        pictures.append(torch.where(inside & ((row - bar + 0.5).abs() < 0.1), face - 0.8, face).clamp(-1, 1))
    return torch.stack(pictures)


def test_a_reconstruction_holds_more_than_the_mean_colour_of_each_cell():
    """A cell of the code stands for 8 x 8 pixels; a decoder that learnt nothing else would paint it in one colour."""
    torch.manual_seed(0)
    pictures = ovals(48, 32)
    network = PlainAutoencoder((3, 8, 16, 32), InputSpec(size=32, mean=(0.5,) * 3, std=(0.5,) * 3))
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        functional.mse_loss(network(pictures)[0], pictures).backward()
        optimizer.step()
    with torch.no_grad():
        left = functional.mse_loss(network(pictures)[0], pictures)
    cells = functional.interpolate(functional.avg_pool2d(pictures, 8), scale_factor=8)
    assert left < 0.75 * functional.mse_loss(cells, pictures)
