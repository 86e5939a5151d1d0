"""The published wiring: its layers and keys, its class order, and what its loader takes and refuses."""

from pathlib import Path

import pytest
import timm
import torch
from torch.nn import functional as F

from core.models.genconvit.published import PublishedED, PublishedVAE, live_state

KEY_FILES = Path(__file__).resolve().parents[5] / "shared" / "genconvit"


def on_meta(cls):
    with torch.device("meta"):
        return cls()


def convnext_tiny_keys(prefix):
    """Names and shapes of ConvNeXt-tiny (Liu et al. 2022): 3, 3, 9, 3 blocks of 96, 192, 384, 768 channels."""
    keys = {"stem.0.weight": (96, 3, 4, 4), "stem.0.bias": (96,), "stem.1.weight": (96,), "stem.1.bias": (96,)}
    for stage, (blocks, dim) in enumerate(zip((3, 3, 9, 3), (96, 192, 384, 768), strict=True)):
        name = f"stages.{stage}"
        if stage:
            before = dim // 2
            keys |= {f"{name}.downsample.0.weight": (before,), f"{name}.downsample.0.bias": (before,)}
            keys |= {f"{name}.downsample.1.weight": (dim, before, 2, 2), f"{name}.downsample.1.bias": (dim,)}
        for block in range(blocks):
            at = f"{name}.blocks.{block}"
            keys |= {f"{at}.gamma": (dim,), f"{at}.conv_dw.weight": (dim, 1, 7, 7), f"{at}.conv_dw.bias": (dim,)}
            keys |= {f"{at}.norm.weight": (dim,), f"{at}.norm.bias": (dim,)}
            keys |= {f"{at}.mlp.fc1.weight": (4 * dim, dim), f"{at}.mlp.fc1.bias": (4 * dim,)}
            keys |= {f"{at}.mlp.fc2.weight": (dim, 4 * dim), f"{at}.mlp.fc2.bias": (dim,)}
    keys |= {
        "head.norm.weight": (768,),
        "head.norm.bias": (768,),
        "head.fc.weight": (1000, 768),
        "head.fc.bias": (1000,),
    }
    return {prefix + key: shape for key, shape in keys.items()}


HEAD = {"fc.weight": (500, 2000), "fc.bias": (500,), "fc2.weight": (2, 500), "fc2.bias": (2,)}


def expected_ed():
    keys = {}
    for index, (a, b) in zip((0, 3, 6, 9, 12), [(3, 16), (16, 32), (32, 64), (64, 128), (128, 256)], strict=True):
        keys |= {f"encoder.features.{index}.weight": (b, a, 3, 3), f"encoder.features.{index}.bias": (b,)}
    for index, (a, b) in zip((0, 2, 4, 6, 8), [(256, 128), (128, 64), (64, 32), (32, 16), (16, 3)], strict=True):
        keys |= {f"decoder.features.{index}.weight": (a, b, 2, 2), f"decoder.features.{index}.bias": (b,)}
    return keys | convnext_tiny_keys("backbone.") | HEAD


def expected_vae():
    keys = {}
    for index, (a, b) in zip((0, 3, 6, 9), [(3, 16), (16, 32), (32, 64), (64, 128)], strict=True):
        keys |= {f"encoder.features.{index}.weight": (b, a, 3, 3), f"encoder.features.{index}.bias": (b,)}
        norm = f"encoder.features.{index + 1}"
        keys |= {f"{norm}.{name}": (b,) for name in ("weight", "bias", "running_mean", "running_var")}
        keys |= {f"{norm}.num_batches_tracked": ()}
    keys |= {"encoder.mu.weight": (12544, 25088), "encoder.mu.bias": (12544,)}
    for index, (a, b) in zip((0, 2, 4, 6), [(256, 64), (64, 32), (32, 16), (16, 3)], strict=True):
        keys |= {f"decoder.features.{index}.weight": (a, b, 2, 2), f"decoder.features.{index}.bias": (b,)}
    return keys | convnext_tiny_keys("convnext_backbone.") | HEAD


CASES = [(PublishedED, expected_ed, "ed"), (PublishedVAE, expected_vae, "vae")]


@pytest.mark.parametrize(("cls", "expected", "name"), CASES)
def test_keys_and_shapes_are_the_published_ones(cls, expected, name):
    assert {key: tuple(value.shape) for key, value in on_meta(cls).state_dict().items()} == expected()


@pytest.mark.parametrize(("cls", "expected", "name"), CASES)
def test_keys_equal_the_key_file(cls, expected, name):
    path = KEY_FILES / f"{name}_live_keys.txt"
    if not path.is_file():
        pytest.skip("the list of published keys is not on this machine; the test above holds the same from the facts")
    lines = [line.split("\t") for line in path.read_text().splitlines() if line and not line.startswith("#")]
    listed = {key: shape for key, shape, _ in lines}
    assert {key: str(tuple(value.shape)) for key, value in on_meta(cls).state_dict().items()} == listed


@pytest.mark.parametrize(("cls", "millions"), [(PublishedED, 30.2), (PublishedVAE, 344.5)])
def test_parameter_counts(cls, millions):
    assert sum(p.numel() for p in on_meta(cls).parameters()) / 1e6 == pytest.approx(millions, abs=0.05)


@pytest.fixture(scope="module")
def ed():
    torch.manual_seed(0)
    return PublishedED().eval()


def test_published_class_zero_is_fake(ed):
    inputs = torch.randn(2, 3, 224, 224)
    output = ed(inputs)
    logits = output.aux["published_logits"]
    assert torch.allclose(output.log_odds, logits[:, 0] - logits[:, 1])
    assert torch.allclose(torch.sigmoid(output.log_odds), logits.softmax(1)[:, 0], atol=1e-6)
    with torch.no_grad():
        ed.fc2.bias += torch.tensor([3.0, 0.0])
    assert torch.allclose(ed(inputs).log_odds, output.log_odds + 3, atol=1e-5)


def test_trunk_order_is_reconstruction_first(ed):
    """The first 1000 inputs of fc belong to the reconstruction: without them the image still counts, and vice versa."""
    with torch.no_grad():
        kept = ed.fc.weight.clone()
        ed.fc.weight[:, :1000] = 0
        inputs = torch.randn(1, 3, 224, 224)
        before = ed(inputs).log_odds
        ed.decoder.features[8].bias += 1  # changes the reconstruction alone
        assert torch.equal(ed(inputs).log_odds, before)
        ed.fc.weight.copy_(kept)
        assert not torch.equal(ed(inputs).log_odds, before)


def by_the_list(state, inputs, order, autoencode):
    """The published forward written down from its layer list with plain functions: (B, 2) logits."""
    prefix = "backbone." if order == "reconstruction first" else "convnext_backbone."
    trunk = timm.create_model("convnext_tiny", num_classes=1000).eval()
    trunk.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
    picture, activation = autoencode(state, inputs)
    pair = [trunk(picture), trunk(inputs)]
    joined = torch.cat(pair if order == "reconstruction first" else pair[::-1], dim=1)
    hidden = F.linear(activation(joined), state["fc.weight"], state["fc.bias"])
    return F.linear(activation(hidden), state["fc2.weight"], state["fc2.bias"])


def encode_ed(state, maps):
    for i in (0, 3, 6, 9, 12):
        weight, bias = state[f"encoder.features.{i}.weight"], state[f"encoder.features.{i}.bias"]
        maps = F.max_pool2d(F.relu(F.conv2d(maps, weight, bias, padding=1)), 2)
    assert maps.shape[1:] == (256, 7, 7)
    for i in (0, 2, 4, 6, 8):
        weight, bias = state[f"decoder.features.{i}.weight"], state[f"decoder.features.{i}.bias"]
        maps = F.relu(F.conv_transpose2d(maps, weight, bias, stride=2))
    return maps, F.gelu


def encode_vae(state, maps):
    for i in (0, 3, 6, 9):
        weight, bias = state[f"encoder.features.{i}.weight"], state[f"encoder.features.{i}.bias"]
        norm = [state[f"encoder.features.{i + 1}.{k}"] for k in ("running_mean", "running_var", "weight", "bias")]
        maps = F.leaky_relu(F.batch_norm(F.conv2d(maps, weight, bias, stride=2, padding=1), *norm), 0.01)
    assert maps.shape[1:] == (128, 14, 14)
    maps = F.linear(maps.flatten(1), state["encoder.mu.weight"], state["encoder.mu.bias"]).view(-1, 256, 7, 7)
    for i in (0, 2, 4, 6):
        weight, bias = state[f"decoder.features.{i}.weight"], state[f"decoder.features.{i}.bias"]
        maps = F.leaky_relu(F.conv_transpose2d(maps, weight, bias, stride=2), 0.01)
    assert maps.shape[1:] == (3, 112, 112)
    return maps, F.relu


@torch.no_grad()
def test_ed_is_its_layer_list(ed):
    inputs = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(5))
    expected = by_the_list(ed.state_dict(), inputs, "reconstruction first", encode_ed)
    torch.testing.assert_close(ed(inputs).aux["published_logits"], expected)


@pytest.mark.slow
@torch.no_grad()
def test_vae_is_its_layer_list():
    torch.manual_seed(0)
    vae = PublishedVAE().eval()
    inputs = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(5))
    expected = by_the_list(vae.state_dict(), inputs, "image first", encode_vae)
    torch.testing.assert_close(vae(inputs).aux["published_logits"], expected)


def test_loader_ignores_dead_keys_and_lists_them(ed):
    state = {f"module.{key}": value.clone() + 1 for key, value in ed.state_dict().items()}
    dead = {"module.embedder.layers.0.weight": torch.zeros(2), "module.backbone.patch_embed.proj.bias": torch.zeros(2)}
    fresh = PublishedED()
    live, ignored = live_state(fresh, {"epoch": 3, "state_dict": state | dead})
    fresh.load_state_dict(live)
    assert ignored == ["backbone.patch_embed.proj.bias", "embedder.layers.0.weight"]
    assert torch.equal(fresh.fc2.bias, ed.fc2.bias + 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("fc2.bias"), "missing fc2.bias"),
        (lambda state: state.update({"fc9.bias": torch.zeros(2)}), "unknown fc9.bias"),
        (lambda state: state.update({"encoder.var.weight": torch.zeros(2)}), "unknown encoder.var.weight"),
        (lambda state: state.update({"fc2.bias": torch.zeros(3)}), r"fc2.bias: shape \(3,\), expected \(2,\)"),
        (lambda state: state.update({"note": "x"}), "no tensors: note"),
    ],
)
def test_loader_refuses_anything_else(ed, change, message):
    state = dict(ed.state_dict())
    change(state)
    with pytest.raises(ValueError, match=message):
        live_state(ed, state)


def test_evaluation_is_deterministic(ed):
    inputs = torch.randn(1, 3, 224, 224)
    assert torch.equal(ed.scores(inputs), ed.scores(inputs))


@pytest.mark.slow
def test_vae_runs_at_full_size():
    torch.manual_seed(0)
    vae = PublishedVAE().eval()
    inputs = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        first, second = vae(inputs), vae(inputs)
    assert torch.equal(first.logits, second.logits)
    assert first.aux["reconstruction"].shape == inputs.shape
    assert first.aux["mu"].shape == (1, 12544)
    assert first.embedding.shape == (1, vae.embedding_size)
