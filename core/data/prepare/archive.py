"""`unpack`: an untrusted zip becomes a folder of pictures, clips and lists, or is refused by name.

What is written (core/data/prepare/archive_entries.py) is counted, checked against its CRC, and appears under its final
name only when it is whole.
"""

from __future__ import annotations

import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from core.artifacts.files import atomic_folder, write_json
from core.data.prepare.archive_entries import (
    LISTS,
    MEDIA,
    RARE,
    ArchiveLimits,
    ArchiveRefused,
    Contents,
    judged,
    shown_name,
)
from core.data.sources.walk import CONTENTS
from core.media.limits import Refusal
from core.media.sniff import HEAD_BYTES, sniff
from core.progress import Reporter, Silent

__all__ = ["CONTENTS", "ArchiveLimits", "ArchiveRefused", "inner_root", "is_archive", "unpack"]


def is_archive(path: Path) -> bool:
    """Return whether a file begins like a zip, whatever its name says.

    Args:
        path: The file.

    Returns:
        True for the first bytes of a zip.
    """
    with open(path, "rb") as stream:
        return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def unpack(zip_path: Path, into: Path, limits: ArchiveLimits = ArchiveLimits(), report: Reporter | None = None) -> Path:
    """Unpack the media and lists of an archive into a new folder.

    Only files whose suffix and first bytes both say picture, clip or list are written; what was skipped, and why, is
    kept in `into/.contents.json`. A folder that stands there already is returned as it is: it can only be whole.

    Args:
        zip_path: The archive.
        into: The folder to make.
        limits: What one archive may hold.
        report: Receives the progress.

    Returns:
        `into`.

    Raises:
        ArchiveRefused: The archive is dangerous, damaged or holds nothing.
        OSError: The disk is full.
        Cancelled: The job was stopped.
    """
    if into.is_dir():
        return into
    report = report or Silent()
    _check_directory_size(zip_path, limits)
    try:
        with zipfile.ZipFile(zip_path) as archive:
            contents = Contents()
            entries = judged(archive, zip_path.stat().st_size, limits, contents)
            into.parent.mkdir(parents=True, exist_ok=True)
            _check_disk(into.parent, sum(entry.file_size for entry in entries), limits)
            with atomic_folder(into) as aside:
                _write_all(archive, entries, aside, contents, report)
                if not contents.files:
                    code = "method" if contents.skipped[RARE] else "nothing"
                    raise ArchiveRefused(code, f"The archive holds no picture, clip or list. {_why(contents)}")
                write_json(aside / CONTENTS, contents.as_dict())
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError, UnicodeError) as error:
        raise ArchiveRefused("damaged", f"The archive is damaged or was cut off ({error}). Upload it again.") from error
    return into


def _check_directory_size(zip_path: Path, limits: ArchiveLimits) -> None:
    """Refuse a table of contents too long to be read into memory, from the archive's last bytes alone."""
    size = zip_path.stat().st_size
    with open(zip_path, "rb") as stream:
        stream.seek(max(0, size - (1 << 16) - 22))
        tail = stream.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22:
        raise ArchiveRefused(
            "damaged", "This is not a zip file, or its end is missing. Pack it again as zip and upload it."
        )
    count, length = struct.unpack("<HI", tail[at + 10 : at + 16])
    wide = tail.rfind(b"PK\x06\x06", 0, at)
    if wide >= 0 and len(tail) - wide >= 56:  # the 64-bit record counts when there is one
        count, length = struct.unpack("<QQ", tail[wide + 32 : wide + 48])
    if count > limits.entries or length > limits.entries * (46 + limits.path_bytes):
        raise ArchiveRefused(
            "too_many", f"The archive lists {count:,} entries; at most {limits.entries:,} are unpacked. Split it."
        )


def _check_disk(folder: Path, needed: int, limits: ArchiveLimits) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + limits.spare_bytes:
        raise ArchiveRefused(
            "disk", f"Unpacking needs {needed / 2**20:,.0f} MiB and {free / 2**20:,.0f} MiB are free. Make room."
        )


def _write_all(
    archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], aside: Path, contents: Contents, report: Reporter
) -> None:
    for number, entry in enumerate(entries):
        if number % 20 == 0:
            report.progress(number / len(entries), f"Unpacking file {number + 1} of {len(entries)}")
        if reason := _write(archive, entry, aside):
            contents.skip(shown_name(entry), reason)
        else:
            contents.files += 1
            contents.bytes += entry.file_size


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, aside: Path) -> str:
    """Write one file and return why it was not, or "". Raises BadZipFile for a wrong CRC or a lying size."""
    target = aside / entry.filename
    suffix = target.suffix.lower()
    with archive.open(entry) as stream:
        head = stream.read(HEAD_BYTES)
        if suffix in MEDIA and (reason := _not_media(head)):
            return reason
        if suffix == ".parquet" and not head.startswith(b"PAR1"):
            return "no Parquet table, by its content"
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as out:
            written = 0
            for piece in _pieces(head, stream):
                if suffix in LISTS - {".parquet"} and b"\0" in piece:
                    break
                written += len(piece)
                out.write(piece)
    if written == entry.file_size:
        return ""
    target.unlink()
    if suffix in LISTS:
        return "no text, by its content"
    raise zipfile.BadZipFile(f"{entry.filename!r} has {written} bytes, its entry says {entry.file_size}")


def _pieces(head: bytes, stream: Any) -> Iterator[bytes]:
    yield head
    while piece := stream.read(1 << 20):
        yield piece


def _not_media(head: bytes) -> str:
    try:
        sniff(head)
    except Refusal:
        return "no picture or clip that is read here, by its content"
    return ""


def _why(contents: Contents) -> str:
    if not contents.skipped:
        return "It is empty."
    return "Skipped: " + "; ".join(f"{n} {reason}" for reason, n in contents.skipped.most_common(4)) + "."


def inner_root(folder: Path, recognised: Callable[[Path], bool]) -> Path:
    """Find where the data begin in an unpacked archive: inside the one folder that many archives are packed with.

    Args:
        folder: The unpacked archive.
        recognised: Whether a folder already looks like a data set's own root, so that no level is stepped over.

    Returns:
        `folder`, or the only folder inside it, and so on.
    """
    while not recognised(folder):
        inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
        if len(inside) != 1 or not inside[0].is_dir():
            break
        folder = inside[0]
    return folder
