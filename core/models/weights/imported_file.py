"""Somebody else's weights: read in a confined child, checked name by name, or refused. The only door for a .pth."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from core.artifacts.files import sha256_file
from core.models.weights.state_dicts import unwrap

PICKLED = (".pth", ".pt", ".bin", ".ckpt")
MOST_BYTES = 4 << 30
"""The published VAE, with its dead tensors, takes 2.8 GB."""
SLACK = 768 << 20
CPU_SECONDS = 240.0
WALL_SECONDS = 600.0
TORCH_FLOOR = (2, 10)
"""Before it, `weights_only` had known holes."""
_BOOT = (
    "import sys; sys.path[:] = {path!r}; from core.models.weights.imported_file_reader import main; main(sys.argv[1])"
)
_KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class ImportedWeightsRefused(ValueError):
    """A file that is not taken. The message names the file and says why."""


@dataclass(frozen=True)
class ImportedWeights:
    """tensors: what the file holds, on the CPU, dead keys left out; dead: their names; sha256: of the file."""

    tensors: dict[str, Tensor]
    dead: list[str]
    sha256: str


def read_imported_weights(path: Path, dead: Sequence[str] = ()) -> ImportedWeights:
    """Read the tensors of a weights file from outside.

    A .safetensors file is read as it is. A pickled state dict (.pth, .pt, .bin, .ckpt), raw or wrapped, is opened by a
    child process alone, with weights_only, bounded in memory, processor time, written bytes and descriptors, and
    without a network; what comes back is .safetensors.

    Args:
        path: The file.
        dead: Prefixes of keys that are left out.

    Returns:
        The tensors, the names of the dead keys, and the file's hash.

    Raises:
        FileNotFoundError: No such file.
        ImportedWeightsRefused: The file is not taken; the message says why.
    """
    if not path.is_file() or not stat.S_ISREG(path.stat().st_mode):
        raise FileNotFoundError(f"{path} is not a file")
    size = path.stat().st_size
    if not 0 < size <= MOST_BYTES:
        raise ImportedWeightsRefused(f"{path.name} has {size} bytes; from 1 byte to {MOST_BYTES >> 30} GiB are read")
    if path.suffix == ".safetensors":
        tensors = _read_plain(path)
        gone = sorted(key for key in tensors if key.startswith(tuple(dead)))
        tensors = {key: value for key, value in tensors.items() if not key.startswith(tuple(dead))}
    elif path.suffix in PICKLED:
        tensors, gone = _read_pickled(path, size, dead)
    else:
        raise ImportedWeightsRefused(f"{path.name}: weights are read from .safetensors, {', '.join(PICKLED)} files")
    broken = [key for key, value in tensors.items() if value.is_floating_point() and not value.isfinite().all()]
    if broken:
        raise ImportedWeightsRefused(f"{path.name}: {len(broken)} tensors are not finite, first {broken[0]}")
    whole = {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()}
    return ImportedWeights(whole, gone, sha256_file(path))


def _read_plain(path: Path) -> dict[str, Tensor]:
    try:
        return unwrap(load_file(path))
    except (SafetensorError, ValueError) as error:
        raise ImportedWeightsRefused(f"{path.name} is no whole .safetensors file of weights: {error}") from error


def _read_pickled(path: Path, size: int, dead: Sequence[str]) -> tuple[dict[str, Tensor], list[str]]:
    """Start the child, wait for it, read what it wrote. Its word is checked like the file's."""
    version = tuple(int(part) for part in torch.__version__.split(".")[:2])
    if version < TORCH_FLOOR:
        raise ImportedWeightsRefused(
            f"torch {torch.__version__} is too old to open a pickle from outside safely; update it to 2.10 or newer, "
            "or "
            "convert the file to .safetensors elsewhere"
        )
    with tempfile.TemporaryDirectory(prefix="aware-weights-") as folder, open(path, "rb") as source:
        copy = Path(folder) / "tensors.safetensors"
        with open(copy, "wb") as sink:
            said = _ask(source.fileno(), sink.fileno(), size, dead)
        if "refused" in said:
            raise ImportedWeightsRefused(f"{path.name} is refused: {said['refused']}")
        try:
            tensors = load_file(copy)
        except SafetensorError as error:
            raise ImportedWeightsRefused(f"{path.name} is refused: its tensors were not read completely") from error
        gone = said.get("dead")
        if not isinstance(gone, list) or not all(isinstance(k, str) and k.startswith(tuple(dead)) for k in gone):
            raise ImportedWeightsRefused(f"{path.name} is refused: its reader gave an invalid answer")
        # Cloned: a mapped tensor would outlive the file it is mapped from.
        return {key: value.clone() for key, value in tensors.items()}, gone


def _ask(source: int, sink: int, size: int, dead: Sequence[str]) -> dict:
    """Run the child on an open file; its answer, or a refusal for how it died."""
    bounds = {"memory": size + size // 4 + SLACK, "cpu": CPU_SECONDS, "written": size + (4 << 20)}
    request = json.dumps({"dead": list(dead), "handle": sink, **bounds})
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _BOOT.format(path=_import_path()), request],
        stdin=source,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=(sink,),
        env={"LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1"} | {n: os.environ[n] for n in _KEPT if n in os.environ},
    )
    try:
        answer, _ = child.communicate(timeout=WALL_SECONDS)
    except subprocess.TimeoutExpired:
        return {"refused": f"reading it took longer than {WALL_SECONDS:.0f} s"}
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()
    try:
        said = json.loads(answer[: 4 << 20])
    except ValueError:
        return {"refused": f"it made its reader fail (exit {child.returncode}); it is damaged or malicious"}
    return said if isinstance(said, dict) else {"refused": "its reader gave an invalid answer"}


def _import_path() -> list[str]:
    """Where the child finds this project and its libraries: this process's own path, made absolute."""
    root = str(Path(__file__).resolve().parents[3])
    return [root, *(str(Path(entry).resolve()) for entry in sys.path if entry and Path(entry).exists())]
