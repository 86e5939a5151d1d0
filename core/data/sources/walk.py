"""Names below an untrusted folder: links are not followed out, odd names and huge lists are refused."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_FILES = 5_000_000
LIST_BYTES = 64 << 20
CONTENTS = ".contents.json"
"""Where an unpacked archive says what it held; it is not part of the data."""
LITTER = frozenset(["__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini", "Icon\r"])
"""What systems leave in folders and archives."""


@dataclass(frozen=True)
class Tree:
    """What lies below a folder.

    Attributes:
        root: The folder.
        files: Names below it with forward slashes, sorted.
        skipped: (name, why) of links and odd names.
        hidden: Number of files and folders whose name begins with a dot, or that a system left there.
    """

    root: Path
    files: list[str]
    skipped: list[tuple[str, str]]
    hidden: int


def walk(root: Path) -> Tree:
    """List all regular files below a folder.

    A link is taken when it leads to a file below the same root, else it is named.

    Args:
        root: The folder.

    Returns:
        The files, and what was passed over.

    Raises:
        ValueError: There are more than MOST_FILES, or the root is no folder.
    """
    root = root.resolve()
    if not root.is_dir():
        raise ValueError(f"{root} is no folder")
    files: list[str] = []
    skipped: list[tuple[str, str]] = []
    hidden = 0
    folders = [""]
    while folders:
        for name, entry in _entries(root, folders.pop(), skipped):
            kind, fault = _kind(root, name, entry)
            hidden += kind == "hidden"
            if kind == "folder":
                folders.append(f"{name}/")
            elif kind == "file":
                files.append(name)
            elif fault:
                skipped.append((name if _plain(entry.name) else ascii(name)[1:-1], fault))
        if len(files) > MOST_FILES:
            raise ValueError(f"{root} holds more than {MOST_FILES:,} files; name a smaller folder")
    return Tree(root, sorted(files), sorted(skipped), hidden)


def _entries(root: Path, folder: str, skipped: list[tuple[str, str]]) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield (name below the root, entry) of a folder; one that may not be read is noted as skipped."""
    try:
        with os.scandir(root / folder) as entries:
            for entry in entries:
                yield f"{folder}{entry.name}", entry
    except PermissionError:
        skipped.append((folder.rstrip("/") or ".", "The folder may not be read; change its rights."))


def _kind(root: Path, name: str, entry: os.DirEntry[str]) -> tuple[str, str]:
    """What an entry is (file, folder, hidden, ours, fault), and for a fault the sentence."""
    if name == CONTENTS:
        return "ours", ""  # written by `unpack`; the card tells of it
    if entry.name[0] == "." or entry.name in LITTER:
        return "hidden", ""
    if not _plain(entry.name):
        return "fault", "Its name holds control or undecodable characters; rename it."
    if entry.is_symlink():
        fault = _fault_of_link(root, name)
        return ("fault", fault) if fault else ("file", "")
    if entry.is_dir(follow_symlinks=False):
        return "folder", ""
    return ("file", "") if entry.is_file(follow_symlinks=False) else ("fault", "It is neither a file nor a folder.")


def _plain(name: str) -> bool:
    """Whether a name can stand in a UTF-8 list: no control characters, no bytes that were not text."""
    return name.isprintable() or all(unicodedata.category(letter) not in ("Cc", "Cs") for letter in name)


def _fault_of_link(root: Path, name: str) -> str:
    """Why a link is not followed; "" for one to a file below the same root."""
    try:
        target = (root / name).resolve(strict=True)
    except (OSError, RuntimeError):
        return "It is a link that leads nowhere."
    if not target.is_relative_to(root):
        return "It is a link out of the folder; links are not followed. Name the folder it leads to instead."
    return "" if target.is_file() else "It is a link to a folder; links are not followed."


def read_list(path: Path) -> str:
    """Read the text of an official list.

    Args:
        path: A UTF-8 file of at most LIST_BYTES.

    Returns:
        Its text.

    Raises:
        ValueError: It is too large or no text; the message names the file.
    """
    if path.stat().st_size > LIST_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size >> 20} MiB; a list of at most {LIST_BYTES >> 20} is read")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text (byte {error.start})") from error


def read_listed_json(path: Path) -> Any:
    """Read a bounded JSON document from outside.

    Args:
        path: A file of at most LIST_BYTES.

    Returns:
        The document.

    Raises:
        ValueError: It is no JSON, or nested too deeply; the message names the file.
    """
    try:
        return json.loads(read_list(path))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    except RecursionError as error:
        raise ValueError(f"{path} is nested too deeply to be a list") from error
