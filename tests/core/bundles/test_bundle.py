"""Bundles: what is sealed opens, whatever was changed, added, hidden or packed with intent is refused by name."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from core.artifacts.files import read_json, write_json, write_text
from core.bundles.archive import import_bundle
from core.bundles.bundle import MANIFEST, open_bundle
from core.bundles.export import export_bundle, pack
from core.bundles.load import load_bundle
from core.bundles.spec import ExportSpec
from core.cascade.cascade import Cascade
from core.cascade.units import Unit
from core.documents.read import BundleError
from core.policies.choose import choose_policy
from core.policies.spec import PolicySpec
from core.progress import Silent
from core.stacking.fit_run import fit_stack
from core.stacking.spec import StackSpec
from tests.support.tiny_bundle import build_tiny_bundle
from tests.support.tiny_runs import RUNS, tiny_workspace


@pytest.fixture(scope="module")
def master(tmp_path_factory):
    return build_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture
def bundle(master, tmp_path):
    """A copy that a test may spoil."""
    import shutil

    return shutil.copytree(master, tmp_path / "bundle")


def reseal(folder, name):
    """Name the file's new hash in bundle.json, as somebody who tampers would."""
    document = read_json(folder / MANIFEST)
    document["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    write_json(folder / MANIFEST, document)


def test_a_sealed_bundle_opens_without_torch(master):
    code = (
        "import sys; from core.bundles.bundle import open_bundle; b = open_bundle(sys.argv[1]);"
        "b.policy, b.predictions, b.card, b.thresholds, b.reference();"
        "heavy = {'torch', 'timm', 'lightgbm', 'cv2'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code, str(master)], check=True)


def test_one_copy_of_a_bundle_is_loaded(master):
    first = load_bundle(open_bundle(master), "cpu")
    assert load_bundle(open_bundle(master), "cpu") is first
    assert [member.name for member in first.members] == ["stage1", "texture", "other"]


@pytest.mark.parametrize(
    "name",
    ["stage1/weights.safetensors", "stack/meta.txt", "policy.json", "predictions.parquet", "card.md"],
)
def test_one_changed_byte_is_found(bundle, name):
    data = bytearray((bundle / name).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / name).write_bytes(data)
    with pytest.raises(BundleError, match=name.split("/")[-1].replace(".", r"\.")):
        open_bundle(bundle)


def test_surplus_and_missing_files_are_named(bundle):
    (bundle / "extra.json").write_text("{}")
    with pytest.raises(BundleError, match=r"does not name: extra\.json"):
        open_bundle(bundle)
    (bundle / "extra.json").unlink()
    (bundle / "stack" / "meta.txt").unlink()
    with pytest.raises(BundleError, match=r"lacks the file\(s\) stack/meta\.txt"):
        open_bundle(bundle)


def test_links_are_refused(bundle, tmp_path):
    (tmp_path / "secret").write_text("x")
    (bundle / "card.md").unlink()
    (bundle / "card.md").symlink_to(tmp_path / "secret")
    with pytest.raises(BundleError, match="no links"):
        open_bundle(bundle)


@pytest.mark.parametrize(
    "name",
    ["../up.json", "/etc/passwd.json", "a/../b.json", "weights.pth", "x.pkl", "a//b.json", ".hid.json", "a\\b.md"],
)
def test_names_that_a_bundle_cannot_hold(bundle, name):
    document = read_json(bundle / MANIFEST)
    document["files"][name] = "0" * 64
    write_json(bundle / MANIFEST, document)
    with pytest.raises(BundleError, match=r"bundle cannot hold|holds only"):
        open_bundle(bundle)


@pytest.mark.parametrize("name", ["stage1/weights.safetensors", "card.md", "predictions.parquet", "stack/meta.txt"])
def test_a_pickle_under_another_name_is_refused(bundle, name):
    (bundle / name).write_bytes(pickle.dumps({"x": 1}))
    reseal(bundle, name)
    with pytest.raises(BundleError, match="not what its name says"):
        open_bundle(bundle)


def spoil_shape(tensors):
    key = next(iter(tensors))
    tensors[key] = np.zeros((*tensors[key].shape, 2), np.float32)


def spoil_value(tensors):
    key = next(k for k, t in tensors.items() if t.dtype == np.float32 and t.size)
    tensors[key].flat[0] = np.nan


def spoil_missing(tensors):
    del tensors[next(k for k in tensors if k.startswith("head"))]


def spoil_unknown(tensors):
    tensors["backdoor"] = np.zeros(2, np.float32)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_shape, "of another shape"),
        (spoil_value, "not finite"),
        (spoil_missing, "missing"),
        (spoil_unknown, "unknown"),
    ],
)
def test_weights_that_do_not_fit_are_refused_even_with_a_right_hash(bundle, spoil, said):
    path = bundle / "stage1" / "weights.safetensors"
    tensors = load_file(path)
    spoil(tensors)
    save_file(tensors, path)
    reseal(bundle, "stage1/weights.safetensors")
    with pytest.raises(BundleError, match=said):
        load_bundle(open_bundle(bundle))


def test_weights_changed_after_opening_are_not_loaded(bundle):
    opened = open_bundle(bundle)
    path = bundle / "stage1" / "weights.safetensors"
    tensors = load_file(path)
    spoil_value(tensors)
    save_file(tensors, path)
    from core.bundles.load import load_weights
    from core.models.registry import build_detector

    with pytest.raises(BundleError, match="changed or damaged"):
        load_weights(
            build_detector("efficientnet_tiny", weights="none"),
            path,
            opened.manifest.files["stage1/weights.safetensors"],
        )


def test_no_bundle_here_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="aware export"):
        open_bundle(tmp_path)


def test_zip_and_back(master, tmp_path):
    archive = pack(master, tmp_path / "tiny-1.zip")
    again = pack(master, tmp_path / "again.zip")
    assert archive.read_bytes() == again.read_bytes()
    imported = import_bundle(archive, tmp_path / "imported")
    assert imported.sha256 == open_bundle(master).sha256
    with pytest.raises(FileExistsError):
        import_bundle(archive, tmp_path / "imported")


def evil(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data, mode in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(info, data)
    return path


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([("bundle.json", b"{}", 0o644), ("../../slip.json", b"{}", 0o644)], "cannot hold"),
        ([("bundle.json", b"{}", 0o644), ("/abs.json", b"{}", 0o644)], "cannot hold"),
        ([("bundle.json", b"{}", 0o644), ("link.json", b"/etc/passwd", 0o120777)], "no links"),
        ([("bundle.json", b"{}", 0o644), ("big.json", b"0" * (32 << 20), 0o644)], "bomb"),
        ([("bundle.json", b"{}", 0o644), ("model.pkl", b"x", 0o644)], "holds only"),
        ([("bundle.json", b"{}", 0o644)], "not a bundle's"),
        ([("card.md", b"x", 0o644)], "holds no bundle.json"),
        ([(f"f{i}.md", b"x", 0o644) for i in range(201)], "more than 200"),
    ],
)
def test_hostile_archives_leave_nothing_behind(tmp_path, entries, said):
    home = tmp_path / "home"
    home.mkdir()
    archive = evil(tmp_path / "evil.zip", entries)
    with pytest.raises(BundleError, match=said):
        import_bundle(archive, home / "target")
    assert list(home.iterdir()) == []
    assert not (tmp_path / "slip.json").exists()


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 not really", pickle.dumps([1])])
def test_what_is_no_zip_is_refused(tmp_path, data):
    (tmp_path / "x.zip").write_bytes(data)
    with pytest.raises(BundleError, match="not a readable zip"):
        import_bundle(tmp_path / "x.zip", tmp_path / "target")


def test_a_zip_whose_packed_bytes_are_damaged_is_refused(tmp_path):
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("card.md", bytes(range(256)) * 40)
    data = bytearray(archive.read_bytes())
    data[40:60] = b"\xff" * 20  # behind the 30 bytes of the entry's head and its name
    archive.write_bytes(data)
    with pytest.raises(BundleError, match="not a readable zip"):
        import_bundle(archive, tmp_path / "target")
    assert list(tmp_path.iterdir()) == [archive]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """Tiny runs, a stack of them, and a policy chosen from it."""
    workspace = tiny_workspace(tmp_path_factory.mktemp("home"))
    names = list(RUNS)
    spec = StackSpec(stage1=names[0], experts=names[1:], rounds=20, folds=3, device="cpu")
    run = fit_stack(spec, workspace, workspace.runs / "stack", Silent())
    chosen = choose_policy(
        PolicySpec(source="stack", method="observed", max_leakage=0.4, max_expert_error=0.4, max_final_error=0.4),
        run.predictions,
        ["stage1", "efficientnet_tiny_texture", "byobnet_tiny"],
    )
    write_text(workspace.policies / f"{chosen.policy_id}.json", chosen.to_json())
    return workspace


def first_scores(folder, crops):
    loaded = load_bundle(open_bundle(folder), "cpu")
    result = Cascade(loaded.members, loaded.bundle.policy, loaded.meta).run([Unit(lambda spec: crops, [0.0])])[0]
    return [step.log_odds for step in result.steps if step.status == "scored"]


def test_export_gives_a_bundle_that_scores_as_its_runs_do(workspace, tmp_path):
    from core.data.loading.dataset import cache_side, load_square
    from core.data.manifest.open import open_dataset
    from core.models.inference.run import find_run
    from core.models.inference.scoring import score

    (tmp_path / "card.txt").write_text("# Squares\n\nDrawn, not photographed.\n")
    spec = ExportSpec(stack="stack", name="squares", version="2", card=str(tmp_path / "card.txt"), zip=True)
    folder = export_bundle(spec, workspace)
    assert folder == workspace.bundles / "squares-2"
    assert import_bundle(workspace.bundles / "squares-2.zip", tmp_path / "back").manifest.name == "squares"
    bundle = open_bundle(folder)
    card = bundle.card
    assert card.startswith("# Squares")
    for said in (
        "AUROC",
        "stage 3",
        "frozen",
        "| plain |",
        "leakage",
        "GFLOP for each item. All experts",
        bundle.manifest.files["stage1/weights.safetensors"],
    ):
        assert said in card
    assert bundle.thresholds["exit_threshold"] == bundle.policy.stage1.real_below
    manifest = open_dataset("squares", workspace).select("test")
    expected = score(find_run("tiny_stage1", workspace).load_detector("cpu"), manifest, workspace.root / "cache")
    picture = load_square(manifest.file(manifest.frame["path"].iloc[0]), cache_side(64))[None]
    scores = load_bundle(bundle, "cpu").member("stage1").score(picture)
    assert scores.log_odds[0] == pytest.approx(expected.log_odds[0], abs=1e-4)


def test_the_cascade_does_what_the_table_says(workspace, tmp_path):
    """Every test picture through the loaded bundle: the same verdicts, ways and costs as `simulate` on the table."""
    from core.data.loading.dataset import cache_side, load_square
    from core.data.manifest.open import open_dataset
    from core.policies.replay.simulate import simulate

    bundle = open_bundle(export_bundle(ExportSpec(stack="stack", out=str(tmp_path / "b")), workspace))
    table = bundle.predictions[bundle.predictions["split"] == "test"].reset_index(drop=True)
    expected = simulate(table, bundle.policy, "stage1")
    manifest = open_dataset("squares", workspace).select("test")
    assert list(manifest.frame["sample_id"]) == list(table["sample_id"])
    loaded = load_bundle(bundle, "cpu")
    units = []
    for path in manifest.frame["path"]:
        crop = load_square(manifest.file(path), cache_side(64))[None]
        units.append(Unit(lambda spec, crop=crop: crop, [0.0]))
    results = Cascade(loaded.members, bundle.policy, loaded.meta).run(units)
    assert [r.decision.verdict for r in results] == list(expected["verdict"])
    assert [r.decision.decided_by for r in results] == list(expected["decided_by"])
    asked = [sum(s.status == "scored" and s.stage != "stage3" for s in r.steps) for r in results]
    assert asked == list(expected["asked"])
    assert len(set(expected["decided_by"])) > 1
    np.testing.assert_allclose([r.decision.p_fake for r in results], expected["p_fake"], atol=1e-3)


def test_half_weights_are_half_the_size_and_score_nearly_the_same(workspace, tmp_path):
    crops = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    sizes, scores = [], []
    for half in (False, True):
        out = tmp_path / str(half)
        export_bundle(ExportSpec(stack="stack", name="b", half=half, out=str(out)), workspace)
        sizes.append((out / "stage1" / "weights.safetensors").stat().st_size)
        scores.append(first_scores(out, crops)[0])
    assert sizes[1] < 0.7 * sizes[0]
    assert scores[1] != scores[0]
    assert scores[1] == pytest.approx(scores[0], abs=0.05)


def test_weights_retrained_after_the_stack_are_refused(workspace, tmp_path):
    path = workspace.runs / "tiny_other" / "best_model.safetensors"
    before = path.read_bytes()
    tensors = load_file(path)
    tensors[next(iter(tensors))] += 1
    save_file(tensors, path)
    try:
        with pytest.raises(BundleError, match="has changed since the stack"):
            export_bundle(ExportSpec(stack="stack", out=str(tmp_path / "b")), workspace)
    finally:
        path.write_bytes(before)
    assert not (tmp_path / "b").exists()


def test_what_is_not_there_is_named(workspace, tmp_path):
    out = str(tmp_path / "b")
    with pytest.raises(FileNotFoundError, match="no stack run"):
        export_bundle(ExportSpec(stack="nothing", out=out), workspace)
    with pytest.raises(FileNotFoundError, match="neither a file nor one of the workspace"):
        export_bundle(ExportSpec(stack="stack", policy="nothing", out=out), workspace)
    other = json.loads(next(workspace.policies.glob("*.json")).read_text())
    other["experts"] = other["experts"][:1]
    write_json(tmp_path / "other.json", other)
    with pytest.raises(BundleError, match="made from this stack"):
        export_bundle(ExportSpec(stack="stack", policy=str(tmp_path / "other.json"), out=out), workspace)
