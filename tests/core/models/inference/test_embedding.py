"""Embedding a data set: the parts apart, resumed after a real kill, no row missing unsaid, flat memory."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from core.artifacts.checkpoint import save_weights
from core.artifacts.files import write_json
from core.artifacts.workspace import Workspace
from core.data.loading.dataset import cache_side, open_cache
from core.data.manifest.manifest import Manifest
from core.models.inference.embedding import embed_dataset
from core.models.inference.run import Run
from core.models.inference.scoring import embed_rows
from core.models.registry import build_detector
from core.progress import Cancelled, Silent
from core.tables.embeddings import read_about, read_embeddings

ROOT = Path(__file__).resolve().parents[4]


def make_run(workspace, detector, name="tiny"):
    torch.manual_seed(0)
    made = build_detector(detector, size=64 if "genconvit" in detector else 32).eval()
    folder = workspace.runs / name
    save_weights(folder / "best_model.safetensors", made)
    document = {"detector": detector, "options": made.options, "input": made.input_spec.model_dump(mode="json")}
    write_json(folder / "run.json", document)
    return Run(folder)


def make_manifest(folder, count, side=64):
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    rows = []
    for i in range(count):
        Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(folder / f"{i}.png")
        row = {"sample_id": f"s{i}", "path": f"{i}.png", "label": i % 2, "dataset": "made", "group": f"g{i}"}
        rows.append({**row, "split": "test", "method": "", "compression": "", "identity": ""})
    manifest = Manifest(pd.DataFrame(rows), folder)
    manifest.save(folder)
    return manifest


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "home").create()


@pytest.mark.parametrize("name", ["efficientnet_tiny", "genconvit_vae_tiny"])
def test_embeddings_are_those_of_scoring(workspace, name):
    run, manifest = make_run(workspace, name), make_manifest(workspace.datasets / "made", 11)
    table = read_embeddings(embed_dataset(run, manifest, workspace, batch_size=4, shard_rows=8))
    detector = run.load_detector()
    cache = open_cache(manifest, workspace.root / "cache", cache_side(detector.input_spec.size))
    predictions, embedding = embed_rows(detector, cache, np.arange(len(cache)), batch_size=4)
    assert table.sample_id.tolist() == manifest.frame["sample_id"].tolist()
    np.testing.assert_allclose(table.log_odds, predictions.log_odds, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(table.parts["embedding"], embedding, rtol=1e-4, atol=1e-4)
    assert table.about.data_fingerprint == manifest.fingerprint()
    assert table.about.detector == name


def test_genconvit_gives_its_parts_apart(workspace):
    run, manifest = make_run(workspace, "genconvit_ed_tiny"), make_manifest(workspace.datasets / "made", 5)
    table = read_embeddings(embed_dataset(run, manifest, workspace))
    assert list(table.parts) == ["embedding", "image", "reconstruction", "latent", "reconstruction_error"]
    places = run.load_detector().embedding_parts()
    for part in ("image", "reconstruction", "latent"):
        assert np.array_equal(table.parts[part], table.parts["embedding"][:, places[part]])
    mse, psnr = table.parts["reconstruction_error"].T
    np.testing.assert_allclose(psnr, -10 * np.log10(mse), rtol=1e-4)
    assert (mse > 0).all()
    assert (mse < 1).all()


def test_it_is_made_once_and_again_when_weights_or_pictures_change(workspace):
    run, manifest = make_run(workspace, "efficientnet_tiny"), make_manifest(workspace.datasets / "made", 4)
    first = embed_dataset(run, manifest, workspace)
    stamp = first.stat().st_mtime_ns
    assert embed_dataset(run, manifest, workspace) == first
    assert first.stat().st_mtime_ns == stamp
    half = Manifest(manifest.frame.head(2), manifest.root)
    assert embed_dataset(run, half, workspace) != first
    Image.new("RGB", (64, 64)).save(manifest.root / "0.png")
    changed = embed_dataset(run, manifest, workspace)
    assert changed != first
    detector = run.load_detector()
    with torch.no_grad():
        detector.head[-1].bias += 1
    save_weights(run.folder / "best_model.safetensors", detector)
    moved = read_embeddings(embed_dataset(run, manifest, workspace))
    np.testing.assert_allclose(moved.log_odds, read_embeddings(changed).log_odds + 1, atol=1e-5)


def test_a_picture_that_cannot_be_read_is_named(workspace):
    run, manifest = make_run(workspace, "efficientnet_tiny"), make_manifest(workspace.datasets / "made", 6)
    (manifest.root / "2.png").write_bytes(b"no picture")
    (manifest.root / "5.png").unlink()
    path = embed_dataset(run, manifest, workspace, shard_rows=3, batch_size=2)
    about = read_about(path)
    assert [(row.sample_id, row.path) for row in about.missing] == [("s2", "2.png"), ("s5", "5.png")]
    assert about.missing[0].reason.startswith("The file is not a picture")
    with pytest.raises(ValueError, match="lacks 2 of 6 rows: s2"):
        read_embeddings(path)
    assert read_embeddings(path, incomplete=True).sample_id.tolist() == ["s0", "s1", "s3", "s4"]
    # Repaired pictures make a new, whole file.
    for name in ("2.png", "5.png"):
        Image.new("RGB", (64, 64)).save(manifest.root / name)
    assert len(read_embeddings(embed_dataset(run, manifest, workspace, shard_rows=3))) == 6


def test_nothing_readable_is_an_error(workspace):
    run, manifest = make_run(workspace, "efficientnet_tiny"), make_manifest(workspace.datasets / "made", 2)
    for file in manifest.root.glob("*.png"):
        file.write_bytes(b"")
    with pytest.raises(ValueError, match="none of 2 pictures can be read"):
        embed_dataset(run, manifest, workspace)
    assert list(run.folder.glob("embeddings/*.parquet")) == []


def test_weights_that_diverged_are_refused(workspace):
    run, manifest = make_run(workspace, "efficientnet_tiny"), make_manifest(workspace.datasets / "made", 2)
    detector = run.load_detector()
    with torch.no_grad():
        detector.backbone.bn2.weight.fill_(1e30)
        detector.head[-1].weight.fill_(3e38)
    save_weights(run.folder / "best_model.safetensors", detector)
    with pytest.raises(FloatingPointError, match=r"log_odds of \d pictures is not finite"):
        embed_dataset(run, manifest, workspace)


class StopAt(Silent):
    """A watcher that asks for a stop once so many rows are done."""

    def __init__(self, rows):
        self.rows = rows

    def progress(self, fraction, message):
        if message.startswith(f"Embedded {self.rows} "):
            raise Cancelled


class Seen(Silent):
    """A watcher that remembers what was said."""

    def __init__(self):
        self.messages = []

    def progress(self, fraction, message):
        self.messages.append(message)


def test_a_stop_keeps_whole_shards_and_the_end_is_the_same_file(workspace):
    run, manifest = make_run(workspace, "efficientnet_tiny"), make_manifest(workspace.datasets / "made", 10)
    whole = embed_dataset(run, manifest, workspace, shard_rows=4, batch_size=2)
    expected = whole.read_bytes()
    whole.unlink()
    with pytest.raises(Cancelled):
        embed_dataset(run, manifest, workspace, shard_rows=4, batch_size=2, report=StopAt(6))
    assert not whole.exists()
    kept = sorted(whole.with_suffix(".parts").glob("*.parquet"))
    assert [file.name for file in kept] == ["000000000-4.parquet"]
    # A damaged shard is made again, a whole one is kept.
    (kept[0].parent / "000000004-4.parquet").write_bytes(b"cut off")
    seen = Seen()
    embed_dataset(run, manifest, workspace, shard_rows=4, batch_size=2, report=seen)
    assert seen.messages[:2] == ["Embedded 6 of 10", "Embedded 8 of 10"]
    assert whole.read_bytes() == expected
    assert not whole.with_suffix(".parts").exists()


CHILD = """
import sys, time
from core.models.inference.run import Run
from core.artifacts.workspace import Workspace
from core.data.manifest.manifest import read_manifest
from core.models.inference.embedding import embed_dataset
from core.progress import Silent

class Slow(Silent):
    def progress(self, fraction, message):
        time.sleep(float(sys.argv[3]))

manifest = read_manifest(sys.argv[2] + "/manifest.parquet")
embed_dataset(Run(__import__("pathlib").Path(sys.argv[1])), manifest, Workspace(manifest.root), batch_size=2,
              shard_rows=4, device="cpu", report=Slow())
"""


def start_child(run, manifest, pause):
    command = [sys.executable, "-c", CHILD, str(run.folder), str(manifest.root), str(pause)]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"})


def test_killed_hard_and_resumed_it_is_the_unbroken_file(workspace):
    """`kill -9` in the midst: the shards stay, no half file is ever seen, and a second call ends with the same rows.

    Another process may round the last bit of a float another way (its memory lies otherwise), hence the tolerance."""
    run, manifest = make_run(workspace, "efficientnet_tiny"), make_manifest(workspace.datasets / "made", 16)
    whole = embed_dataset(run, manifest, workspace, shard_rows=4, batch_size=2)
    expected = read_embeddings(whole)
    whole.unlink()
    parts = whole.with_suffix(".parts")
    child = start_child(run, manifest, 0.3)
    try:
        deadline = time.monotonic() + 120
        while len(list(parts.glob("*.parquet"))) < 2 and time.monotonic() < deadline:
            assert child.poll() is None, "the child ended before it was killed"
            time.sleep(0.05)
    finally:
        child.kill()
    assert child.wait() == -signal.SIGKILL
    assert not whole.exists()
    kept = {file.name: file.stat().st_mtime_ns for file in parts.glob("*.parquet")}
    assert 2 <= len(kept) < 4
    started = time.time_ns()
    assert embed_dataset(run, manifest, workspace, shard_rows=4, batch_size=2) == whole
    found = read_embeddings(whole)
    assert list(found.sample_id) == list(expected.sample_id)
    np.testing.assert_allclose(found.log_odds, expected.log_odds, rtol=1e-4, atol=1e-5)
    assert found.parts.keys() == expected.parts.keys()
    for name, values in expected.parts.items():
        np.testing.assert_allclose(found.parts[name], values, rtol=1e-4, atol=1e-5)
    assert all(stamp < started for stamp in kept.values())


MEMORY = """
import resource, sys
from pathlib import Path
import pandas as pd
from core.models.inference.run import Run
from core.artifacts.workspace import Workspace
from core.data.manifest.manifest import Manifest, read_manifest
from core.models.inference.embedding import embed_dataset

whole = read_manifest(sys.argv[2] + "/manifest.parquet")
for times in (2, 8):
    copies = [whole.frame.assign(sample_id=whole.frame["sample_id"] + f"-{i}") for i in range(times)]
    manifest = Manifest(pd.concat(copies, ignore_index=True), whole.root)
    embed_dataset(Run(Path(sys.argv[1])), manifest, Workspace(whole.root), batch_size=8, shard_rows=64, device="cpu")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_memory_does_not_grow_with_the_rows(workspace):
    """Peak resident memory over four times the rows stays within 40 MB: the pictures alone would be 118 MB more."""
    run, manifest = make_run(workspace, "efficientnet_tiny"), make_manifest(workspace.datasets / "made", 100, side=256)
    command = [sys.executable, "-c", MEMORY, str(run.folder), str(manifest.root)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=environment)
    few, many = (int(line) / 1024 for line in done.stdout.split())
    print(f"peak resident memory: {few:.0f} MB over 200 rows, {many:.0f} MB over 800")
    assert many - few < 40
