"""Which entries of an untrusted zip are written, which are left out, and what refuses the whole archive.

Everything is checked on the archive's own table of contents before a byte is written. What only an attack brings
refuses the whole archive: absolute names, names that lead out, links, encryption, overlapping entries (Fifield, "A
better zip bomb", 2019), ratios that only bombs have. What an honest computer brings (a name with invisible characters,
two names that differ in case, a system's own files) is left out, and named.
"""

from __future__ import annotations

import stat
import unicodedata
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from core.data.sources.base import CLIPS, PICTURES
from core.data.sources.walk import LITTER

MEDIA = frozenset((*PICTURES, *CLIPS))
LISTS = frozenset((".csv", ".tsv", ".json", ".jsonl", ".txt", ".parquet"))
ARCHIVES = frozenset([".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst"])
MOST_PART_BYTES = 250
"""Longest part of a name: file systems take 255 bytes."""
RARE = "packed by a method that is not read; pack it as a plain zip"
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


def judged(
    archive: zipfile.ZipFile, packed: int, limits: ArchiveLimits, contents: Contents | None = None
) -> list[zipfile.ZipInfo]:
    """Check every entry of an archive before a byte is written.

    Args:
        archive: The archive.
        packed: Its size in bytes.
        limits: What one archive may hold.
        contents: Receives the files that are left out, with the reason.

    Returns:
        The files to write, without folders and without those left out.

    Raises:
        ArchiveRefused: At the first dangerous entry.
    """
    contents = contents if contents is not None else Contents()
    entries = archive.infolist()
    if len(entries) > limits.entries:
        raise ArchiveRefused("too_many", f"The archive lists {len(entries):,} entries; at most {limits.entries:,} are.")
    for entry in entries:
        _refuse_name(entry)
        _refuse_kind(entry)
    _refuse_overlap(entries, packed)
    wanted = []
    for entry in entries:
        if entry.is_dir():
            continue
        if reason := _odd_name(entry, limits) or _unwanted(entry, limits):
            contents.skip(shown_name(entry), reason)
        else:
            wanted.append(entry)
    wanted = _without_clashes(wanted, contents)
    _refuse_sizes(wanted, packed, limits)
    return wanted


def _refuse_name(entry: zipfile.ZipInfo) -> None:
    """Refuse a name that could land outside the folder, or that is read differently by different programs."""
    name = entry.orig_filename
    parts = name.replace("\\", "/").split("/")
    fault = (
        "is empty" if not name
        else "is absolute" if name[0] in "/\\" or name[1:2] == ":"
        else "leads out of the archive" if ".." in parts
        else "is cut by a null character" if "\0" in name
        else ""
    )  # fmt: skip
    if fault:
        raise ArchiveRefused("name", f"The archive names an entry {name[:80]!r}, which {fault}. Nothing was unpacked.")


def _odd_name(entry: zipfile.ZipInfo, limits: ArchiveLimits) -> str:
    """Return why a harmless name cannot be used here; "" when it can."""
    name = entry.orig_filename
    parts = name.split("/")
    if _is_litter(parts):
        return "left by a system"
    if "\\" in name:
        return "its name has backslashes, the separators of another system; pack it again as a plain zip"
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs") for letter in name):
        return "its name holds invisible characters; rename it"
    if "" in parts or "." in parts:
        return "its name has an empty part; rename it"
    if len(name.encode()) > limits.path_bytes or any(len(part.encode()) > MOST_PART_BYTES for part in parts):
        return f"its name is longer than {MOST_PART_BYTES} bytes a part or {limits.path_bytes} in all; shorten it"
    return "it lies too deep in folders" if len(parts) > limits.depth else ""


def _is_litter(parts: list[str]) -> bool:
    """Whether a system left an entry there: a known name, or a hidden one, in its own or a folder's name."""
    return any(part in LITTER or (part.startswith(".") and part not in (".", "..")) for part in parts)


def shown_name(entry: zipfile.ZipInfo) -> str:
    """Return the name of an entry for people: invisible characters are escaped.

    Args:
        entry: Any entry.

    Returns:
        Printable text.
    """
    odd = any(unicodedata.category(letter) in ("Cc", "Cf", "Cs") for letter in entry.orig_filename)
    return ascii(entry.orig_filename)[1:-1] if odd else entry.orig_filename


def _refuse_kind(entry: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        word = "a link" if kind == stat.S_IFLNK else "a device or pipe"
        raise ArchiveRefused("link", f"The archive holds {word}, {entry.filename!r}. Pack the files themselves.")
    if entry.flag_bits & ENCRYPTED:
        raise ArchiveRefused("encrypted", f"{entry.filename!r} is encrypted. Pack it again without a password.")


def _without_clashes(entries: list[zipfile.ZipInfo], contents: Contents) -> list[zipfile.ZipInfo]:
    """Leave out files whose name, or whose folder's name, another disk would take for an earlier one's.

    Raises ArchiveRefused for what no disk can hold: one name twice, or a file that is another file's folder.
    """
    names: dict[str, str] = {}  # of files and of their folders, by what disks may confuse
    files: set[str] = set()
    usable = []
    for entry in entries:
        path = PurePosixPath(entry.filename)
        parents = [str(parent) for parent in path.parents][:-1]
        if names.get(_folded(entry.filename)) == entry.filename or files.intersection(parents):
            what = "twice" if entry.filename in files else "as a file and as a folder"
            named = next((parent for parent in parents if parent in files), entry.filename)
            raise ArchiveRefused("clash", f"The archive holds {named!r} {what}. Remove one and pack it again.")
        places = [entry.filename, *parents]
        other = next((one for place in places if (one := names.get(_folded(place), place)) != place), None)
        if other is not None:
            contents.skip(shown_name(entry), f"on some disks its name is the same as {other!r}; rename it")
            continue
        names |= {_folded(place): place for place in places}
        files.add(entry.filename)
        usable.append(entry)
    return usable


def _folded(name: str) -> str:
    """Return what names that some disks confuse have in common: NFC and lower case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _refuse_overlap(entries: list[zipfile.ZipInfo], packed: int) -> None:
    """Each entry has bytes of its own: entries that share them are the better zip bomb."""
    end = 0
    for entry in sorted(entries, key=lambda e: e.header_offset):
        if entry.header_offset < end:
            raise ArchiveRefused("overlap", f"The bytes of {entry.filename!r} belong to another entry too: a zip bomb.")
        end = entry.header_offset + LOCAL_HEADER + entry.compress_size
    if end > packed:
        raise ArchiveRefused("damaged", "The archive ends before its last entry: it was cut off. Upload it again.")


def _refuse_sizes(files: list[zipfile.ZipInfo], packed: int, limits: ArchiveLimits) -> None:
    total = 0
    for entry in files:
        total += entry.file_size
        if entry.file_size > 1 << 20 and entry.file_size > limits.ratio * max(entry.compress_size, 1):
            raise ArchiveRefused(
                "ratio",
                f"{entry.filename!r} would grow {entry.file_size / max(entry.compress_size, 1):,.0f} times in "
                f"unpacking; at most {limits.ratio:g} times are allowed. Remove it and pack again.",
            )
    if total > limits.total_bytes:
        raise ArchiveRefused(
            "too_large",
            f"The archive would unpack to {total / 2**30:.1f} GiB; at most {limits.total_bytes / 2**30:.0f} GiB are "
            "unpacked. Split it, or put the folder where the server may read it.",
        )
    if total > 1 << 20 and total > limits.ratio * packed:
        raise ArchiveRefused("ratio", f"The archive would grow {total / packed:,.0f} times in unpacking: a zip bomb.")


def _unwanted(entry: zipfile.ZipInfo, limits: ArchiveLimits) -> str:
    """Return why a file is not even read; "" when it is."""
    suffix = PurePosixPath(entry.filename).suffix.lower()
    if suffix in ARCHIVES:
        return "an archive inside the archive"
    if suffix not in MEDIA | LISTS:
        return "neither a picture, a clip nor a list, by its name"
    if entry.file_size == 0:
        return "empty"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return RARE
    most = limits.file_bytes if suffix in MEDIA else limits.list_bytes
    return f"larger than {most >> 20} MiB" if entry.file_size > most else ""
