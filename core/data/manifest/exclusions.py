"""Rows that a person took out of a data set: an append-only log beside the manifest, with reasons, that can be undone.

Nothing is deleted. `exclusions.jsonl` holds one JSON document a line; what is excluded now follows from reading the log
from top to bottom. `open_dataset` leaves these rows out, so the fingerprint changes, and results made before do not
pass for results on the new rows.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pyarrow.parquet

LOG = "exclusions.jsonl"
MOST_REASON = 500


@dataclass(frozen=True)
class Exclusion:
    """Why a row is out of the data set.

    Attributes:
        reason: In the words of the person.
        author: Who excluded it.
        at: When, ISO 8601 in UTC.
    """

    reason: str
    author: str
    at: str


@dataclass(frozen=True)
class Act:
    """One line of the log. `undo` reverses the last act that is not undone yet; it names no rows of its own."""

    action: Literal["exclude", "restore", "undo"]
    sample_ids: tuple[str, ...]
    reason: str
    author: str
    at: str


def exclude(folder: Path, sample_ids: Iterable[str], reason: str, author: str, *, at: datetime | None = None) -> int:
    """Take rows out of a data set.

    Rows that are out already keep their first reason.

    Args:
        folder: The data set's folder.
        sample_ids: Rows to take out.
        reason: 1 to MOST_REASON characters.
        author: Who does it.
        at: Time of the act; None: now.

    Returns:
        How many of the rows were in before.

    Raises:
        ValueError: The reason is missing or too long, or the manifest does not hold a sample_id.
    """
    reason = " ".join(reason.split())
    if not 0 < len(reason) <= MOST_REASON:
        raise ValueError(f"an exclusion needs a reason of 1 to {MOST_REASON} characters")
    out = excluded(folder)
    ids = [name for name in _known(folder, sample_ids) if name not in out]
    if ids:
        _append(folder, Act("exclude", tuple(ids), reason, author, _time(at)))
    return len(ids)


def restore(
    folder: Path, sample_ids: Iterable[str], author: str, reason: str = "", *, at: datetime | None = None
) -> int:
    """Take rows back into a data set.

    Args:
        folder: The data set's folder.
        sample_ids: Rows to take back in.
        author: Who does it.
        reason: May be empty; cut at MOST_REASON characters.
        at: Time of the act; None: now.

    Returns:
        How many of the rows were out before.

    Raises:
        ValueError: The manifest does not hold a sample_id.
    """
    out = excluded(folder)
    ids = [name for name in _known(folder, sample_ids) if name in out]
    if ids:
        _append(folder, Act("restore", tuple(ids), " ".join(reason.split())[:MOST_REASON], author, _time(at)))
    return len(ids)


def undo_last(folder: Path, author: str = "", *, at: datetime | None = None) -> Act | None:
    """Reverse the last act that still stands. The log keeps both lines.

    Args:
        folder: The data set's folder.
        author: Who does it.
        at: Time of the act; None: now.

    Returns:
        The act that was reversed; None when there is none.
    """
    standing = _standing(history(folder))
    if not standing:
        return None
    _append(folder, Act("undo", (), "", author, _time(at)))
    return standing[-1]


def excluded(folder: Path) -> dict[str, Exclusion]:
    """Read which rows are out now.

    Args:
        folder: The data set's folder.

    Returns:
        sample_id -> why it is out.

    Raises:
        ValueError: A line of the log cannot be read (see `history`).
    """
    out: dict[str, Exclusion] = {}
    for act in _standing(history(folder)):
        for name in act.sample_ids:
            if act.action == "exclude":
                out[name] = Exclusion(act.reason, act.author, act.at)
            else:
                out.pop(name, None)
    return out


def history(folder: Path) -> list[Act]:
    """Read every act of the log, oldest first. A last line that a power cut left unfinished is no act.

    Args:
        folder: The data set's folder.

    Returns:
        The acts; none when there is no log.

    Raises:
        ValueError: A whole line is no act; the message names file and line.
    """
    path = folder / LOG
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    acts = []
    for number, line in enumerate(text[: text.rfind("\n") + 1].splitlines(), 1):
        try:
            document = json.loads(line)
            act = Act(**{**document, "sample_ids": tuple(map(str, document["sample_ids"]))})
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{path} line {number} is no exclusion ({error}); correct or remove that line") from error
        if act.action not in ("exclude", "restore", "undo"):
            raise ValueError(f"{path} line {number}: unknown action {act.action!r}; correct or remove that line")
        acts.append(act)
    return acts


def _standing(acts: list[Act]) -> list[Act]:
    stack: list[Act] = []
    for act in acts:
        if act.action != "undo":
            stack.append(act)
        elif stack:
            stack.pop()
    return stack


def _known(folder: Path, sample_ids: Iterable[str]) -> list[str]:
    """The ids without repeats, in order. Raises ValueError naming the first that the manifest does not hold."""
    ids = list(dict.fromkeys(str(name) for name in sample_ids))
    manifest_ids = set(
        pyarrow.parquet.read_table(folder / "manifest.parquet", columns=["sample_id"])["sample_id"].to_pylist()
    )
    unknown = [name for name in ids if name not in manifest_ids]
    if unknown:
        raise ValueError(f"{folder.name} has no item {unknown[0]!r} ({len(unknown)} of {len(ids)} are unknown)")
    return ids


def _append(folder: Path, act: Act) -> None:
    """One whole line at the end: O_APPEND keeps two writers apart, and a torn line before it is closed first."""
    path = folder / LOG
    torn = path.is_file() and path.stat().st_size > 0 and path.read_bytes()[-1:] != b"\n"
    if torn:
        text = path.read_bytes()
        os.truncate(path, text.rfind(b"\n") + 1)
    line = json.dumps(asdict(act), ensure_ascii=False) + "\n"
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, line.encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def _time(at: datetime | None) -> str:
    return (at or datetime.now(UTC)).isoformat(timespec="seconds")
