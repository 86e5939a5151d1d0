"""The child that opens somebody else's pickled weights: limits itself, then reads standard input, weights only.

It is told (JSON) which key prefixes are dead, and writes every other tensor to an open file as .safetensors and one
JSON line to standard output. Whoever started it believes neither: names, shapes, types and values are checked there.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch

from core.media.child import confine
from core.models.weights.state_dicts import unwrap

DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
}
SHOWN = 300


class Refused(Exception):
    """A file that is not taken; the sentence says why."""


def main(request: str) -> None:
    """Read standard input, write tensors to an open file, and write one JSON line with the outcome.

    Args:
        request: JSON with `dead` (prefixes), `memory` and `written` (bytes), `cpu` (seconds) and `handle` (descriptor
        to write to).
    """
    asked = json.loads(request)
    torch.set_num_threads(1)
    rehearse()
    confine(address_space() + asked["memory"], asked["cpu"], asked["written"])
    with open(0, "rb", closefd=False) as stream:
        said = outcome(stream, asked)
    sys.stdout.write(json.dumps(said))
    sys.stdout.flush()
    os._exit(0)


def outcome(stream: BinaryIO, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Copy the live tensors and say what came of it.

    Args:
        stream: The weights file.
        asked: The request, see `main`.

    Returns:
        What `copy_live` returns, or {"refused": sentence}.
    """
    try:
        return copy_live(stream, asked)
    except Refused as refused:
        return {"refused": str(refused)[:SHOWN]}
    except MemoryError:
        return {"refused": "reading it needs more memory than a file of its size may"}
    except Exception as error:
        return {"refused": sentence(error)}


def rehearse() -> None:
    """Load a state dict of our own: whatever torch imports late, it imports before no file can be opened any more."""
    for zipped in (True, False):
        buffer = io.BytesIO()
        torch.save({"a": torch.zeros(2, dtype=torch.bfloat16)}, buffer, _use_new_zipfile_serialization=zipped)
        buffer.seek(0)
        torch.load(buffer, map_location="cpu", weights_only=True)


def address_space() -> int:
    """Bytes of address space in use; 0 where the system does not say (there it cannot be bounded either)."""
    place = Path("/proc/self/statm")
    return int(place.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE") if place.exists() else 0


def copy_live(stream: BinaryIO, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Load a state dict, drop the dead keys and write the rest.

    Args:
        stream: The weights file.
        asked: The request, see `main`.

    Returns:
        Names of the dead keys, and the number of tensors that were written.

    Raises:
        Refused: The file holds no state dict of plain tensors.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state = torch.load(stream, map_location="cpu", weights_only=True)
    try:
        tensors = unwrap(state)
    except ValueError as error:
        raise Refused(str(error)) from error
    dead = sorted(key for key in tensors if key.startswith(tuple(asked["dead"])))
    live = {key: tensors[key] for key in tensors if key not in set(dead)}
    write_safetensors(asked["handle"], live, asked["written"])
    return {"dead": dead, "live": len(live)}


def write_safetensors(handle: int, tensors: Mapping[str, torch.Tensor], most: int) -> None:
    """Write a .safetensors file tensor by tensor: header size (8 bytes), JSON header, bytes.

    There is never a second copy of all tensors in memory.

    Args:
        handle: Descriptor to write to.
        tensors: Tensors by name.
        most: Most bytes to write.

    Raises:
        Refused: A tensor is not a plain one of numbers, or the tensors take more bytes than allowed.
    """
    header, at = {}, 0
    for name, value in tensors.items():
        if value.layout != torch.strided or value.device.type != "cpu" or value.dtype not in DTYPES:
            raise Refused(f"{name} is no plain tensor of numbers ({value.dtype}, {value.layout})")
        size = value.numel() * value.element_size()
        header[name] = {"dtype": DTYPES[value.dtype], "shape": list(value.shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    if 8 + len(text) + at > most:
        raise Refused(f"its tensors take {at / 2**20:.0f} MiB, more than the file itself")
    write_all(handle, len(text).to_bytes(8, "little") + text)
    for value in tensors.values():
        write_all(handle, value.detach().contiguous().reshape(-1).view(torch.uint8).numpy().data)


def write_all(handle: int, data: Any) -> None:
    """Write all of the data to a file descriptor; one call of the system may take only a part.

    Args:
        handle: Descriptor to write to.
        data: Bytes or a buffer.
    """
    view = memoryview(data)
    while len(view):
        view = view[os.write(handle, view) :]


def sentence(error: Exception) -> str:
    """Say in plain words why a file could not be loaded.

    Args:
        error: What torch raised.

    Returns:
        Which callable a pickle asked for, that memory was short, or that the file is damaged.
    """
    text = str(error)
    asked_for = re.search(r"GLOBAL ([\w.]{1,80})", text) or re.search(
        r"[Uu]nsupported (?:global|class):? ([\w.]{1,80})", text
    )
    if asked_for:
        return (
            f"it asks to run or build {asked_for[1]}, and weights are numbers only; save the network's state dict "
            "alone and give that file"
        )
    if "memory" in text or "allocate" in text:
        return "reading it needs more memory than a file of its size may"
    return f"it is damaged, or no file of weights ({type(error).__name__})"
