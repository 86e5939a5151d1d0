"""Somebody else's weights: what is read, and what a hostile or broken file can do (nothing)."""

import io
import os
import pickle
import re
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from core.artifacts.files import sha256_file
from core.models.weights import imported_file as foreign
from core.models.weights.imported_file import ImportedWeightsRefused, read_imported_weights
from core.models.weights.imported_file_reader import outcome
from core.models.weights.state_dicts import unwrap


def state():
    torch.manual_seed(0)
    return {
        "fc.weight": torch.randn(3, 4),
        "fc.bias": torch.randn(3),
        "bn.count": torch.tensor(7),
        "old.x": torch.ones(2),
    }


class Runs:
    """A pickle that runs a command when it is opened."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize(
    ("wrap", "zipped"),
    [
        (lambda s: s, False),
        (lambda s: {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in s.items()}}, True),
    ],
    ids=["raw, legacy", "wrapped, zip"],
)
def test_a_state_dict_comes_back_as_it_was(tmp_path, wrap, zipped):
    torch.save(wrap(state()), tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    found = read_imported_weights(tmp_path / "a.pth", dead=("old.",))
    assert found.dead == ["old.x"]
    assert found.sha256 == sha256_file(tmp_path / "a.pth")
    assert set(found.tensors) == {"fc.weight", "fc.bias", "bn.count"}
    assert all(torch.equal(value, state()[key]) for key, value in found.tensors.items())


def test_safetensors_and_half_precision(tmp_path):
    halved = {k: v.half() if v.is_floating_point() else v for k, v in state().items()}
    save_file(halved, tmp_path / "a.safetensors")
    torch.save(halved, tmp_path / "a.pt")
    for name in ("a.safetensors", "a.pt"):
        found = read_imported_weights(tmp_path / name, dead=("old.",))
        assert found.dead == ["old.x"]
        assert found.tensors["fc.weight"].dtype == torch.float32
        assert torch.equal(found.tensors["fc.weight"], state()["fc.weight"].half().float())


def hostile(kind, marker):
    """Bytes of a file that tries to run a command, in the three ways a pickle comes."""
    buffer, evil = io.BytesIO(), {"fc.weight": Runs(f"touch {marker}")}
    if kind == "bare pickle":
        return pickle.dumps(evil, protocol=2)
    torch.save(evil, buffer, _use_new_zipfile_serialization=kind == "zip")
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["zip", "legacy", "bare pickle"])
def test_a_hostile_pickle_runs_nothing(tmp_path, kind):
    marker = tmp_path / "ran"
    (tmp_path / "evil.pth").write_bytes(hostile(kind, marker))
    with pytest.raises(ImportedWeightsRefused, match=r"evil\.pth is refused: it asks to run or build \w+\.system"):
        read_imported_weights(tmp_path / "evil.pth")
    assert not marker.exists()


def test_the_hostile_file_is_hostile(tmp_path):
    """The oracle of the test above: opened as pickles are, the file does run its command."""
    marker = tmp_path / "ran"
    pickle.loads(hostile("bare pickle", marker))
    assert marker.exists()


def bomb():
    """A zip whose one record unpacks to a gigabyte."""
    buffer = io.BytesIO()
    torch.save({"a": torch.zeros(4)}, buffer)
    out = io.BytesIO()
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in source.namelist():
            data = bytes(1 << 30) if name.endswith("data.pkl") else source.read(name)
            packed.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: b"hello" * 100, "damaged, or no file of weights"),
        (lambda: saved(state())[:900], "damaged, or no file of weights"),
        (lambda: saved(torch.nn.Linear(2, 2)), r"asks to run or build torch\.nn\.modules\.linear\.Linear"),
        (lambda: saved([1, 2]), "holds no state dict"),
        (lambda: saved({"a": torch.zeros(2), "note": "x"}), "no tensors: note"),
        (lambda: saved({"a": torch.zeros(1).expand(1 << 40)}), "more than the file itself"),
        (lambda: saved({"a": torch.zeros(3, dtype=torch.complex64)}), "no plain tensor of numbers"),
        (lambda: saved({"a": Path("x")}), r"asks to run or build pathlib"),
        (lambda: pickle.dumps({"a": Path("x")}, protocol=5), "damaged, or no file of weights"),
        (lambda: saved({f"k{i}": torch.zeros(1) for i in range(20_001)}), "has 20001 entries"),
    ],
    ids=["text", "cut off", "module", "list", "words", "expanded", "complex", "object", "protocol", "keys"],
)
def test_anything_else_is_refused_with_a_sentence(tmp_path, content, message):
    """The reading part of the child, without its process: these files are ours."""
    with open(tmp_path / "out", "wb") as sink:
        asked = {"dead": ["old."], "handle": sink.fileno(), "written": 1 << 20}
        said = outcome(io.BytesIO(content()), asked)
    assert re.search(message, said["refused"])
    assert (tmp_path / "out").stat().st_size == 0


def test_a_refusal_of_the_child_names_the_file(tmp_path):
    (tmp_path / "a.pth").write_bytes(saved(state())[:900])
    with pytest.raises(ImportedWeightsRefused, match=r"a\.pth is refused: it is damaged, or no file of weights"):
        read_imported_weights(tmp_path / "a.pth")


def test_values_that_are_not_finite_are_refused(tmp_path):
    save_file({"a": torch.tensor([1.0, float("nan")])}, tmp_path / "a.safetensors")
    with pytest.raises(ImportedWeightsRefused, match="1 tensors are not finite, first a"):
        read_imported_weights(tmp_path / "a.safetensors")


@pytest.mark.slow
def test_a_bomb_is_bounded(tmp_path):
    (tmp_path / "a.pth").write_bytes(bomb())
    assert (tmp_path / "a.pth").stat().st_size < 4 << 20
    with pytest.raises(ImportedWeightsRefused, match=r"memory|damaged"):
        read_imported_weights(tmp_path / "a.pth")


def saved(thing):
    buffer = io.BytesIO()
    torch.save(thing, buffer)
    return buffer.getvalue()


def test_names_and_sizes_are_refused_before_a_process_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(foreign, "_ask", lambda *_: pytest.fail("a child was started"))
    (tmp_path / "a.pkl").write_bytes(b"x")
    with pytest.raises(ImportedWeightsRefused, match=r"read from \.safetensors, \.pth"):
        read_imported_weights(tmp_path / "a.pkl")
    (tmp_path / "a.pth").write_bytes(b"")
    with pytest.raises(ImportedWeightsRefused, match="has 0 bytes"):
        read_imported_weights(tmp_path / "a.pth")
    (tmp_path / "a.safetensors").write_bytes(pickle.dumps({}))
    with pytest.raises(ImportedWeightsRefused, match=r"no whole \.safetensors"):
        read_imported_weights(tmp_path / "a.safetensors")
    with pytest.raises(FileNotFoundError, match="is not a file"):
        read_imported_weights(tmp_path / "absent.pth")


def test_an_old_torch_opens_no_pickle(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "__version__", "2.9.1")
    (tmp_path / "a.pth").write_bytes(saved(state()))
    with pytest.raises(ImportedWeightsRefused, match=r"torch 2\.9\.1 is too old"):
        read_imported_weights(tmp_path / "a.pth")


@pytest.mark.parametrize("answer", [{"dead": ["fc.weight"], "live": 1}, {"dead": 3}, {}])
def test_the_child_is_not_believed(tmp_path, monkeypatch, answer):
    """A child that was taken over cannot drop live tensors as dead, or hand back what is no .safetensors file."""
    (tmp_path / "a.pth").write_bytes(saved(state()))

    def taken_over(source, sink, size, dead):
        os.write(sink, Path(tmp_path / "good.safetensors").read_bytes())
        return answer

    save_file({"fc.weight": torch.zeros(1)}, tmp_path / "good.safetensors")
    monkeypatch.setattr(foreign, "_ask", taken_over)
    with pytest.raises(ImportedWeightsRefused, match="invalid answer"):
        read_imported_weights(tmp_path / "a.pth", dead=("old.",))
    (tmp_path / "good.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ImportedWeightsRefused, match="were not read completely"):
        read_imported_weights(tmp_path / "a.pth", dead=("old.",))


def test_two_keys_must_not_become_one():
    with pytest.raises(ValueError, match="twice"):
        unwrap({"module.a": torch.zeros(1), "a": torch.zeros(1)})
