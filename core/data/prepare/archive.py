"""`unpack`: a zip that nobody vouches for becomes a folder of pictures, clips and lists, or is refused by name.

Everything is judged on the archive's own table of contents before a byte is written; what is then written is counted,
checked against its CRC, and appears under its final name only when it is whole. Zip slip, links, overlapping entries
(Fifield, "A better zip bomb", 2019) and ratios that only bombs have are refused, not repaired.
"""

from __future__ import annotations

import os
import shutil
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from core.artifacts.files import atomic_folder, write_json
from core.data.sources.walk import CONTENTS
from core.media.limits import Refusal
from core.media.sniff import HEAD_BYTES, sniff
from core.progress import Reporter, Silent

IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".heic", ".heif")
MEDIA = frozenset((*IMAGES, ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"))
LISTS = frozenset((".csv", ".json", ".txt", ".parquet"))
ARCHIVES = frozenset([".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst"])
LITTER = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")
LOCAL_HEADER = 30
"""Bytes of an entry's own header before its name: two entries nearer than that share bytes."""
ENCRYPTED = 0x1 | 0x40 | 0x2000
SHOWN = 200
"""Skipped files that are listed by name; beyond them only the counts are kept."""


class ArchiveRefused(ValueError):
    """The archive is not unpacked at all. `code` names the reason, the message says it to a person."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True)
class ArchiveLimits:
    """What one archive may hold. Sizes in bytes, unpacked unless said otherwise."""

    entries: int = 50_000
    file_bytes: int = 200 << 20
    """Largest file; the decoder takes no larger one."""
    list_bytes: int = 64 << 20
    """Largest CSV, JSON, text or Parquet list."""
    total_bytes: int = 8 << 30
    ratio: float = 200.0
    """Most bytes that one packed byte may become, over the archive and in each file above 1 MiB. Pictures and clips
    stay near 1, lists below 100; what compresses better holds nothing."""
    path_bytes: int = 1024
    depth: int = 16
    spare_bytes: int = 256 << 20
    """Free disk that must remain."""


@dataclass
class Contents:
    """What became of an archive's files: how many lie on disk, and the others by reason."""

    files: int = 0
    bytes: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    named: list[tuple[str, str]] = field(default_factory=list)

    def skip(self, name: str, reason: str) -> None:
        """Count an entry that is left out, and keep its name while there are fewer than SHOWN.

        Args:
            name: Name of the entry.
            reason: Why it is left out.
        """
        self.skipped[reason] += 1
        if len(self.named) < SHOWN:
            self.named.append((name, reason))

    def as_dict(self) -> dict[str, Any]:
        """For the card of the data set; JSON."""
        return {
            "files": self.files,
            "bytes": self.bytes,
            "skipped": dict(self.skipped),
            "not_unpacked": [{"file": name, "reason": reason} for name, reason in self.named],
        }


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
            entries = judged(archive, zip_path.stat().st_size, limits)
            into.parent.mkdir(parents=True, exist_ok=True)
            _check_disk(into.parent, sum(entry.file_size for entry in entries), limits)
            with atomic_folder(into) as aside:
                contents = _write_all(archive, entries, aside, limits, report)
                if not contents.files:
                    raise ArchiveRefused("nothing", f"The archive holds no picture, clip or list. {_why(contents)}")
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
        raise ArchiveRefused("damaged", "This is no zip, or its end is missing. Pack it again as zip and upload it.")
    count, length = struct.unpack("<HI", tail[at + 10 : at + 16])
    wide = tail.rfind(b"PK\x06\x06", 0, at)
    if wide >= 0 and len(tail) - wide >= 56:  # the 64-bit record counts when there is one
        count, length = struct.unpack("<QQ", tail[wide + 32 : wide + 48])
    if count > limits.entries or length > limits.entries * (46 + limits.path_bytes):
        raise ArchiveRefused(
            "too_many", f"The archive lists {count:,} entries; at most {limits.entries:,} are unpacked. Split it."
        )


def judged(archive: zipfile.ZipFile, packed: int, limits: ArchiveLimits) -> list[zipfile.ZipInfo]:
    """Check every entry of an archive before a byte is written.

    Args:
        archive: The archive.
        packed: Its size in bytes.
        limits: What one archive may hold.

    Returns:
        Its files, without folders.

    Raises:
        ArchiveRefused: At the first dangerous entry.
    """
    found = archive.infolist()
    if len(found) > limits.entries:
        raise ArchiveRefused("too_many", f"The archive lists {len(found):,} entries; at most {limits.entries:,} are.")
    for entry in found:
        _judge_name(entry, limits)
        _judge_kind(entry)
    _judge_clashes(found)
    _judge_overlap(found, packed)
    files = [entry for entry in found if not entry.is_dir()]
    _judge_sizes(files, packed, limits)
    return files


def _judge_name(entry: zipfile.ZipInfo, limits: ArchiveLimits) -> None:
    name = entry.orig_filename
    parts = name.rstrip("/").split("/")
    fault = (
        "is empty" if not name
        else "is absolute" if name.startswith("/") or name[1:2] == ":"
        else "leads out of the archive" if ".." in parts
        else "uses the separators of another system" if "\\" in name
        else "has control characters" if any(unicodedata.category(c) in ("Cc", "Cf", "Cs") for c in name)
        else "has an empty part" if "" in parts or "." in parts
        else "is too long" if len(name.encode()) > limits.path_bytes or any(len(p.encode()) > 250 for p in parts)
        else "is too deep" if len(parts) > limits.depth
        else ""
    )  # fmt: skip
    if fault:
        raise ArchiveRefused("name", f"The archive names an entry {name[:80]!r}, which {fault}. Nothing was unpacked.")


def _judge_kind(entry: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        word = "a link" if kind == stat.S_IFLNK else "a device or pipe"
        raise ArchiveRefused("link", f"The archive holds {word}, {entry.filename!r}. Pack the files themselves.")
    if entry.flag_bits & ENCRYPTED:
        raise ArchiveRefused("encrypted", f"{entry.filename!r} is encrypted. Pack it again without a password.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ArchiveRefused("method", f"{entry.filename!r} is packed in a rare way. Pack it again as a plain zip.")


def _judge_clashes(entries: list[zipfile.ZipInfo]) -> None:
    """Two names that one disk would take for the same, or a file that is another's folder."""
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for entry in entries:
        path = PurePosixPath(entry.filename)
        if not entry.is_dir():
            first = files.setdefault(_folded(path), entry.filename)
            if first is not entry.filename:
                both = (
                    f"{first!r} twice"
                    if first == entry.filename
                    else f"{first!r} and {entry.filename!r}, one name to some disks"
                )
                raise ArchiveRefused("clash", f"The archive holds {both}. Rename or remove one and pack it again.")
        for parent in [path] * entry.is_dir() + list(path.parents)[:-1]:
            written = folders.setdefault(_folded(parent), str(parent))
            if written != str(parent):
                raise ArchiveRefused(
                    "clash", f"The archive holds folders {written!r} and {str(parent)!r}, one name to some disks."
                )
    twice = next((name for name in files if name in folders), None)
    if twice is not None:
        raise ArchiveRefused("clash", f"The archive holds {files[twice]!r} as a file and as a folder.")


def _folded(path: PurePosixPath) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", str(path)).casefold())


def _judge_overlap(entries: list[zipfile.ZipInfo], packed: int) -> None:
    """Each entry has bytes of its own: entries that share them are the better zip bomb."""
    end = 0
    for entry in sorted(entries, key=lambda e: e.header_offset):
        if entry.header_offset < end:
            raise ArchiveRefused("overlap", f"The bytes of {entry.filename!r} belong to another entry too: a zip bomb.")
        end = entry.header_offset + LOCAL_HEADER + entry.compress_size
    if end > packed:
        raise ArchiveRefused("damaged", "The archive ends before its last entry: it was cut off. Upload it again.")


def _judge_sizes(files: list[zipfile.ZipInfo], packed: int, limits: ArchiveLimits) -> None:
    total = 0
    for entry in files:
        total += entry.file_size
        if entry.file_size > 1 << 20 and entry.file_size > limits.ratio * max(entry.compress_size, 1):
            raise ArchiveRefused(
                "ratio",
                f"{entry.filename!r} would grow {entry.file_size / max(entry.compress_size, 1):,.0f} times in "
                f"unpacking; at most {limits.ratio:g} times is believed. Take it out and pack again.",
            )
    if total > limits.total_bytes:
        raise ArchiveRefused(
            "too_large",
            f"The archive would unpack to {total / 2**30:.1f} GiB; at most {limits.total_bytes / 2**30:.0f} GiB are "
            "unpacked. Split it, or put the folder where the server may read it.",
        )
    if total > 1 << 20 and total > limits.ratio * packed:
        raise ArchiveRefused("ratio", f"The archive would grow {total / packed:,.0f} times in unpacking: a zip bomb.")


def _check_disk(folder: Path, needed: int, limits: ArchiveLimits) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + limits.spare_bytes:
        raise ArchiveRefused(
            "disk", f"Unpacking needs {needed / 2**20:,.0f} MiB and {free / 2**20:,.0f} MiB are free. Make room."
        )


def _write_all(
    archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], aside: Path, limits: ArchiveLimits, report: Reporter
) -> Contents:
    contents = Contents()
    for number, entry in enumerate(entries):
        if number % 20 == 0:
            report.progress(number / len(entries), f"unpacking file {number + 1} of {len(entries)}")
        reason = _unwanted(entry, limits) or _write(archive, entry, aside)
        if reason:
            contents.skip(entry.filename, reason)
        else:
            contents.files += 1
            contents.bytes += entry.file_size
    return contents


def _unwanted(entry: zipfile.ZipInfo, limits: ArchiveLimits) -> str:
    """Why a file is not even read; empty when it is."""
    name = entry.filename
    suffix = PurePosixPath(name).suffix.lower()
    if name.startswith(LITTER[0]) or PurePosixPath(name).name in LITTER[1:] or "/." in f"/{name}":
        return "left there by a system"
    if suffix in ARCHIVES:
        return "an archive inside the archive"
    if suffix not in MEDIA | LISTS:
        return "neither a picture, a clip nor a list, by its name"
    if entry.file_size == 0:
        return "empty"
    most = limits.file_bytes if suffix in MEDIA else limits.list_bytes
    return f"larger than {most >> 20} MiB" if entry.file_size > most else ""


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, aside: Path) -> str:
    """Write one file; return why it was not, or an empty text. Raises BadZipFile for a wrong CRC or a lying size."""
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
