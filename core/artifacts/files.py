"""Files that are complete or absent: written to a temporary name, flushed, renamed; hashes; JSON."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def sha256_file(path: Path) -> str:
    """Compute the SHA-256 of a file, in pieces of 1 MiB.

    Args:
        path: The file.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to disk, so that a rename survives a power cut.

    Args:
        folder: The folder.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside the target; on success flush and rename it, on error remove it.

    Args:
        target: The file to write or replace; its folder is made.

    Yields:
        A path to write to; the block must create the file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        yield temporary
        with open(temporary, "rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, target)
        sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(target: Path, data: bytes) -> None:
    """Write a file atomically.

    Args:
        target: The file to write or replace.
        data: Its content.
    """
    with atomic_path(target) as temporary:
        temporary.write_bytes(data)


def write_text(target: Path, text: str) -> None:
    """Write a UTF-8 file atomically.

    Args:
        target: The file to write or replace.
        text: Its content.
    """
    write_bytes(target, text.encode())


def write_json(target: Path, document: Any) -> None:
    """Write a JSON document atomically.

    Args:
        target: The file to write or replace.
        document: What `json` can store; NaN and infinity raise ValueError.
    """
    write_text(target, json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON document.

    Args:
        path: The file.

    Returns:
        The document.

    Raises:
        ValueError: The file is not JSON in UTF-8; the message names it.
        FileNotFoundError: There is no such file.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not a JSON document: {error}") from error


def read_tail(path: Path, n_bytes: int) -> str:
    """Read the end of a text file.

    Args:
        path: The file.
        n_bytes: Most bytes.

    Returns:
        Text, from the beginning of a line where the file is longer.
    """
    with open(path, "rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - n_bytes))
        text = stream.read().decode(errors="replace")
    return text.split("\n", 1)[-1] if size > n_bytes and "\n" in text else text


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside the target; on success rename it, on error remove it.

    Args:
        target: The folder to make.

    Yields:
        A new folder to write into.

    Raises:
        FileExistsError: The target exists.
    """
    if target.exists():
        raise FileExistsError(f"{target} exists already; choose another name")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    temporary.mkdir()
    try:
        yield temporary
        os.rename(temporary, target)
        sync_folder(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
