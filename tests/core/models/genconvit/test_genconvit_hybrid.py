"""The hybrid wiring: the Swin stage takes part, the decoder can draw any picture, evaluation is deterministic."""

import numpy as np
import pytest
import torch
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from core.data.loading.transforms import eval_transform
from core.documents.inputs import InputSpec
from core.models.detector import DetectorOutput
from core.models.genconvit.autoencoder import PixelRange
from core.models.genconvit.entries import TABLE
from core.models.genconvit.hybrid import SwinOnMap
from core.models.registry import build_detector, detectors
from core.train.objectives import build_objective, kl_divergence

TINY = ["genconvit_ed_tiny", "genconvit_vae_tiny"]


def tiny(name, seed=0):
    torch.manual_seed(seed)
    return build_detector(name).eval()


def pictures(n=2, size=96, seed=1):
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", TINY)
def test_output_shapes_and_parts(name):
    detector = tiny(name)
    output = detector(pictures(3))
    assert output.logits.shape == (3, 1)
    assert output.embedding.shape == (3, detector.embedding_size)
    assert output.aux["reconstruction"].shape == (3, 3, 96, 96)
    assert output.aux["residual_error"].shape == (3,)
    parts = detector.embedding_parts()
    assert list(parts) == ["image", "reconstruction", "latent", "error"]
    assert sum(s.stop - s.start for s in parts.values()) == detector.embedding_size
    assert torch.allclose(output.embedding[:, parts["error"]][:, -1].exp(), output.aux["residual_error"], rtol=1e-4)


@pytest.mark.parametrize("name", TINY)
def test_an_item_scores_the_same_alone_and_in_a_batch(name):
    detector, inputs = tiny(name), pictures(4)
    together = detector.scores(inputs)
    assert torch.allclose(detector.scores(inputs[2:3]), together[2:3], atol=1e-5)
    assert torch.equal(detector.scores(inputs), together)


def test_vae_draws_in_training_and_not_at_evaluation():
    detector, inputs = tiny("genconvit_vae_tiny"), pictures()
    assert torch.equal(detector(inputs).aux["reconstruction"], detector(inputs).aux["reconstruction"])
    detector.train()
    assert not torch.equal(detector(inputs).aux["reconstruction"], detector(inputs).aux["reconstruction"])


def test_noise_has_the_width_that_logvar_says():
    """z = mu + exp(logvar / 2) noise in training, z = mu at evaluation (Kingma and Welling 2014, section 2.4)."""
    torch.manual_seed(0)
    vae = build_detector("genconvit_vae_tiny").autoencoder.train()
    drawn = []
    vae.decoder.register_forward_pre_hook(lambda module, args: drawn.append(args[0].detach()))
    inputs = pictures(64)
    with torch.no_grad():
        _, latent, aux = vae(inputs)
        noise = (drawn[0].flatten(1) - aux["mu"]) / torch.exp(0.5 * aux["logvar"])
        assert noise.mean().abs() < 0.02
        assert noise.std() == pytest.approx(1, abs=0.02)
        assert torch.equal(latent.flatten(1), aux["mu"])
        _, latent, _ = vae.eval()(inputs[:2])
        assert torch.equal(drawn[1], latent)


def test_crops_of_256_are_resized_to_224():
    """The stated transform: bilinear with antialiasing on uint8, then mean and deviation of ImageNet."""
    rgb = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    with torch.device("meta"):
        spec = build_detector("genconvit_ed").input_spec
    assert spec.size == 224
    found = eval_transform(spec)(rgb)
    smooth = torch.nn.functional.interpolate(
        torch.from_numpy(rgb).permute(2, 0, 1)[None].float(), size=224, mode="bilinear", antialias=True
    )[0]
    mean, std = torch.tensor(IMAGENET_DEFAULT_MEAN), torch.tensor(IMAGENET_DEFAULT_STD)
    expected = (smooth / 255 - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    assert found.shape == (3, 224, 224)
    assert (found - expected).abs().max() < 1.1 / 255 / 0.224  # one grey level of rounding


def test_reconstruction_error_against_scikit_image():
    detector, inputs = tiny("genconvit_ed_tiny"), pictures(3).clamp(-2, 2)
    spec, output = detector.input_spec, detector(inputs)
    mean, std = torch.tensor(spec.mean).view(3, 1, 1), torch.tensor(spec.std).view(3, 1, 1)
    shown = (output.aux["reconstruction"].detach() * std + mean).numpy()
    wanted = (inputs * std + mean).numpy()
    for row in range(3):
        mse, psnr = output.aux["reconstruction_error"][row].tolist()
        assert mse == pytest.approx(mean_squared_error(wanted[row], shown[row]), rel=1e-4)
        assert psnr == pytest.approx(peak_signal_noise_ratio(wanted[row], shown[row], data_range=1.0), rel=1e-4)


@pytest.mark.parametrize("name", TINY)
def test_swin_stage_takes_part(name):
    detector, inputs = tiny(name), pictures()
    output = detector(inputs)
    output.logits.sum().backward()
    for parameter_name, parameter in detector.swin.named_parameters():
        assert parameter.grad is not None, parameter_name
        if "qkv.bias" not in parameter_name:  # a key's bias shifts all scores of a row alike: softmax ignores it
            assert parameter.grad.abs().max() > 0, parameter_name
    handle = detector.swin.stage.register_forward_hook(lambda module, args, result: torch.zeros_like(result))
    assert not torch.allclose(detector(inputs).logits, output.logits)
    handle.remove()


def test_warm_up_keeps_the_classifier_out_of_the_autoencoder():
    torch.manual_seed(0)
    detector, inputs = build_detector("genconvit_ed_tiny").train(), pictures()
    weight = detector.autoencoder.decoder[0].weight
    detector(inputs).logits.sum().backward()
    assert weight.grad is None
    detector(inputs).aux["residual_error"].sum().backward()
    assert weight.grad.abs().max() > 0
    weight.grad = None
    detector.steps_trained.fill_(detector.warm_up)
    detector(inputs).logits.sum().backward()
    assert weight.grad.abs().max() > 0


def test_warm_up_is_counted_in_training_only_and_saved():
    detector, inputs = tiny("genconvit_ed_tiny"), pictures()
    detector(inputs)
    assert detector.state_dict()["steps_trained"] == 0
    detector.train()(inputs)
    assert detector.state_dict()["steps_trained"] == 1


def test_swin_mixes_places():
    """A change at one corner of the map reaches the opposite one: attention runs, not only the layers per place."""
    torch.manual_seed(0)
    swin = SwinOnMap(8, 5, dim=12, window=5, depth=2, heads=3).eval()
    maps = torch.randn(1, 8, 5, 5)
    changed = maps.clone()
    changed[:, :, 0, 0] += 1
    assert (swin(changed) - swin(maps))[0, :, 4, 4].abs().max() > 1e-5


def test_size_is_an_option_where_windows_fit():
    assert build_detector("genconvit_ed_tiny", size=64)(pictures(2, 64)).logits.shape == (2, 1)
    with pytest.raises(ValueError, match="4x4 map"):
        build_detector("genconvit_ed_tiny", size=128)
    with pytest.raises(ValueError, match="no multiple"):
        build_detector("genconvit_ed_tiny", size=100)


def test_window_must_divide_the_map():
    with pytest.raises(ValueError, match="windows of 3"):
        SwinOnMap(8, 5, dim=12, window=3, depth=2, heads=3)


@pytest.mark.parametrize("name", TINY)
def test_both_branches_reach_the_decision(name):
    detector, inputs = tiny(name), pictures()
    before = detector(inputs)
    with torch.no_grad():
        detector.autoencoder.decoder[-2].bias += 1
    after = detector(inputs)
    image = detector.embedding_parts()["image"]
    assert torch.allclose(after.embedding[:, image], before.embedding[:, image], atol=1e-6)
    assert not torch.allclose(after.logits, before.logits)


def test_pixel_range_covers_normalised_pictures_exactly():
    spec = InputSpec(size=32)
    mean, std = torch.tensor(spec.mean).view(3, 1, 1), torch.tensor(spec.std).view(3, 1, 1)
    layer = PixelRange(spec)
    assert torch.allclose(layer(torch.full((1, 3, 2, 2), -50.0)), ((0 - mean) / std).expand(1, 3, 2, 2))
    assert torch.allclose(layer(torch.full((1, 3, 2, 2), 50.0)), ((1 - mean) / std).expand(1, 3, 2, 2))


@pytest.mark.parametrize("name", TINY)
def test_decoder_is_alive_at_every_start(name):
    """The published final ReLU starts dead in some random starts. Here every start answers to its input and learns."""
    inputs = pictures(2)
    for seed in range(40):
        torch.manual_seed(seed)
        autoencoder = build_detector(name).autoencoder.train()
        picture, _, _ = autoencoder(inputs)
        assert picture.std() > 0.05, seed
        picture.square().mean().backward()
        assert autoencoder.encoder[0].weight.grad.abs().max() > 0, seed


@pytest.mark.parametrize("name", TINY)
def test_overfitting_a_batch_lowers_every_part(name):
    torch.manual_seed(0)
    detector = build_detector(name).train()
    coarse = torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(2))
    inputs = torch.nn.functional.interpolate(coarse, size=96, mode="bilinear")
    labels = torch.tensor([0.0, 1.0, 0.0, 1.0])
    optimiser, objective = torch.optim.Adam(detector.parameters(), lr=3e-3), build_objective("reconstruction")
    history = []
    for _ in range(120):
        losses = objective(detector(inputs), inputs, labels)
        optimiser.zero_grad()
        losses.total.backward()
        optimiser.step()
        history.append((losses.parts["bce"].item(), losses.parts["reconstruction"].item()))
    assert history[-1][0] < 0.5 * history[0][0]
    assert history[-1][1] < 0.85 * history[0][1]


def test_kl_against_torch_distributions():
    mu, logvar = torch.randn(3, 7), torch.randn(3, 7)
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(mu, (0.5 * logvar).exp()), normal(0.0, 1.0)).sum() / 3
    assert torch.allclose(kl_divergence(mu, logvar, 50), expected / 50, rtol=1e-5)


def test_parts_are_weighted_as_stated():
    inputs, labels, objective = pictures(), torch.tensor([0.0, 1.0]), build_objective("reconstruction")
    losses = objective(tiny("genconvit_vae_tiny")(inputs), inputs, labels)
    parts = losses.parts
    assert torch.allclose(losses.total, 0.9 * parts["bce"] + 0.1 * parts["reconstruction"] + 0.01 * parts["kl"])
    plain = tiny("genconvit_ed_tiny")(inputs)
    losses = objective(plain, inputs, labels)
    assert set(losses.parts) == {"bce", "reconstruction"}
    assert torch.allclose(losses.parts["reconstruction"], plain.aux["residual_error"].mean())


def test_objective_refuses_a_detector_without_reconstruction():
    output = DetectorOutput(torch.zeros(2, 1), torch.zeros(2, 3))
    with pytest.raises(ValueError, match="no reconstruction"):
        build_objective("reconstruction")(output, pictures(), torch.zeros(2))


def test_small_network_keeps_its_promise():
    """At most 5 M parameters and 0.9 G multiply-adds a picture."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        detector = build_detector("genconvit_ed_small").eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            detector(torch.empty(1, 3, 160, 160))
    assert sum(p.numel() for p in detector.parameters()) <= 5e6
    assert counter.get_total_flops() / 2 <= 0.9e9


@pytest.mark.parametrize("name", [row.name for row in TABLE])
def test_every_size_is_consistent(name):
    with torch.device("meta"):
        detector = build_detector(name).eval()
        size = detector.input_spec.size
        with torch.no_grad():
            output = detector(torch.empty(2, 3, size, size))
    assert output.embedding.shape == (2, detector.embedding_size)
    assert output.aux["reconstruction"].shape == (2, 3, size, size)


def test_dense_latent_has_the_published_layers():
    with torch.device("meta"):
        dense = build_detector("genconvit_vae", latent="dense")
    assert dense.autoencoder.mu[1].weight.shape == (12544, 25088)
    assert dense.autoencoder.logvar[1].weight.shape == (12544, 25088)


def test_registered():
    wanted = {"genconvit_ed", "genconvit_vae", "genconvit_ed_published", "genconvit_vae_published"}
    wanted |= {"genconvit_ed_small", "genconvit_ed_tiny"}
    assert wanted <= set(detectors.names())
