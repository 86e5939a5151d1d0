"""Published weights become a run: whole files in the published key layout, made here with random values."""

import pytest
import torch
from safetensors.torch import save_file

from core.artifacts.workspace import Workspace
from core.models.genconvit.published import PublishedED
from core.models.inference.import_weights import import_detector
from core.models.inference.run import find_run
from core.models.spec import ImportSpec
from core.models.weights.published_figures import FIGURES

DEAD = {
    "embedder.patch_embed.proj.weight": torch.zeros(96, 3, 4, 4),
    "embedder.layers.0.blocks.0.norm1.bias": torch.zeros(96),
    "backbone.patch_embed.backbone.norm.weight": torch.zeros(96),
    "fc3.weight": torch.zeros(2, 4),
}


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return PublishedED().eval()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("home")).create()


@pytest.fixture(scope="module")
def imported(network, workspace):
    """A run made of a wrapped .pth with the dead keys of the published file in it."""
    path = workspace.root / "genconvit_ed_inference.pth"
    torch.save(
        {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in {**network.state_dict(), **DEAD}.items()}}, path
    )
    spec = ImportSpec(layout="genconvit-ed", file=str(path), name="ed", crop_scale=1.15)
    return import_detector(spec, workspace.runs / "ed")


def test_it_is_a_run_like_any_other(imported, network, workspace):
    run = find_run("ed", workspace)
    assert run.finished
    detector = run.load_detector()
    inputs = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    output = detector(inputs)
    published = network(inputs).aux["published_logits"]
    # Published class 0 is fake; here label 1 is: the sign turns at this border and nowhere else.
    assert torch.equal(output.log_odds, published[:, 0] - published[:, 1])
    assert torch.equal(detector.scores(inputs), detector.scores(inputs))
    assert run.input_spec.size == 224
    assert run.input_spec.crop_scale == 1.15


def test_it_says_where_it_comes_from(imported):
    document = imported.document
    assert document["dead_keys"] == sorted(DEAD)
    assert document["weights_origin"]["kind"] == "imported"
    assert document["weights_origin"]["file"] == "genconvit_ed_inference.pth"
    assert document["parameters"] == pytest.approx(30.2e6, abs=0.05e6)
    assert [row["auroc"] for row in document["published"]["figures"]] == [f.auroc for f in FIGURES]
    assert "class 0 is fake" in document["class_order"]
    card = (imported.folder / "card.md").read_text()
    assert "## Published figures" in card
    assert "none of these figures was measured here" in card
    assert "| Celeb-DF v2 | 0.909 | 0.981 |" in card


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("fc2.bias"), "missing fc2.bias"),
        (lambda s: s.update({"fc9.bias": torch.zeros(2)}), "unknown fc9.bias"),
        (lambda s: s.update({"fc2.bias": torch.zeros(3)}), r"fc2.bias: shape \(3,\), expected \(2,\)"),
    ],
)
def test_another_file_is_refused_by_name_and_leaves_no_run(network, workspace, tmp_path, change, message):
    state = dict(network.state_dict())
    change(state)
    save_file(state, tmp_path / "a.safetensors")
    spec = ImportSpec(layout="genconvit-ed", file=str(tmp_path / "a.safetensors"))
    with pytest.raises(ValueError, match=message):
        import_detector(spec, workspace.runs / "refused")
    assert not (workspace.runs / "refused").exists()


def test_ed_weights_are_no_vae(network, workspace, tmp_path, monkeypatch):
    """Refused by names alone; the large network is not filled for it."""
    from core.models.genconvit.published import PublishedVAE
    from core.models.inference import import_weights as importing

    def on_meta(name, weights, crop_scale):
        with torch.device("meta"):
            return PublishedVAE(crop_scale=crop_scale)

    monkeypatch.setattr(importing, "build_detector", on_meta)
    save_file(network.state_dict(), tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match=r"missing .*VAE weights into genconvit_vae_published"):
        import_detector(ImportSpec(layout="genconvit-vae", file=str(tmp_path / "a.safetensors")), workspace.runs / "no")


def test_a_taken_name_is_refused(imported, workspace):
    spec = ImportSpec(layout="genconvit-ed", file=str(workspace.root / "genconvit_ed_inference.pth"), name="ed")
    with pytest.raises(FileExistsError, match="exists already"):
        import_detector(spec, workspace.runs / "ed")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_whole_vae_file_with_its_dead_tensors(tmp_path):
    """695 M stored parameters: read in the child's bounds, 344.5 M of them kept."""
    from core.models.registry import build_detector

    torch.manual_seed(0)
    vae = build_detector("genconvit_vae_published").eval()
    dead = {"encoder.var.weight": torch.zeros(12544, 25088), "encoder.var.bias": torch.zeros(12544)}
    torch.save({**vae.state_dict(), **dead}, tmp_path / "vae.pth")
    expected = vae.fc.weight.detach().clone()
    del vae, dead
    run = import_detector(ImportSpec(layout="genconvit-vae", file=str(tmp_path / "vae.pth")), tmp_path / "run")
    assert run.document["dead_keys"] == ["encoder.var.bias", "encoder.var.weight"]
    assert torch.equal(run.load_detector().fc.weight, expected)
