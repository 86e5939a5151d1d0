"""Uploads: copied into the workspace under the hash of their content, with a harmless name."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
from pathlib import Path
from typing import IO

from core.artifacts.files import sync_folder
from jobs.queue.store import Store
from jobs.settings import Settings
from jobs.workspace.housekeeping import make_room

PIECE_BYTES = 1 << 20
MOST_STEM, MOST_ENDING = 64, 15
"""Characters of a kept file's name; a letter has up to four bytes."""
MOST_STEM_BYTES, MOST_ENDING_BYTES = 180, 45
"""Bytes of the same: file systems take names of 255."""
REASONS = {
    **dict.fromkeys(
        (errno.ENOSPC, errno.EDQUOT), "the disk of the server is full; make room on it, then upload the file again"
    ),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM, errno.EROFS),
        "the server has no right to write into the folder of uploads; grant it, then upload the file again",
    ),
    **dict.fromkeys(
        (errno.ENOENT, errno.ENOTDIR),
        "the workspace's folder of uploads is gone; restart the workbench, then upload the file again",
    ),
    errno.ENAMETOOLONG: "its name is too long; give it a shorter one and upload it again",
}


class UploadTooLarge(ValueError):
    """The file has more bytes than AWARE_UPLOAD_MB allows."""


class UploadFailed(ValueError):
    """The server could not keep the file; the message says why and what to do, and names no path."""

    def __init__(self, error: OSError) -> None:
        other = f"the server could not keep it ({error.strerror or type(error).__name__}); upload the file again"
        super().__init__(REASONS.get(error.errno or 0, other))


def store_upload(stream: IO[bytes], file_name: str, settings: Settings, store: Store) -> Path:
    """Copy an upload to `uploads/<sha256>/<safe name>` in pieces.

    Args:
        stream: The file's bytes, read to the end.
        file_name: The name that the visitor's machine gave it.
        settings: Workspace and bounds.
        store: Tells which older uploads are still needed.

    Returns:
        The copy's path.

    Raises:
        UploadTooLarge: The file is larger than AWARE_UPLOAD_MB.
        UploadFailed: The disk is full, or refuses the file for another reason.
        ValueError: The file is empty.
        NoRoom: AWARE_UPLOADS_GB is used up by uploads that are still needed.
    """
    workspace = settings.workspace
    limit = settings.upload_mb << 20
    digest, size = hashlib.sha256(), 0
    temporary = workspace.uploads / f".{secrets.token_hex(8)}"
    try:
        with open(temporary, "xb", opener=_private) as out:
            while piece := stream.read(PIECE_BYTES):
                size += len(piece)
                if size > limit:
                    raise UploadTooLarge(f"the file is larger than {settings.upload_mb} MiB")
                digest.update(piece)
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
        if not size:
            raise ValueError("the file is empty")
        folder = workspace.uploads / digest.hexdigest()
        target = folder / safe_name(file_name)
        more = 0 if target.exists() else size
        make_room(more, int(settings.uploads_gb * 2**30), store, workspace)
        folder.mkdir(mode=0o700, exist_ok=True)
        os.replace(temporary, target)
        sync_folder(folder)
        return target
    except OSError as error:
        raise UploadFailed(error) from error
    finally:
        with contextlib.suppress(OSError):  # where this fails, the reason above is what helps
            temporary.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def safe_name(file_name: str) -> str:
    """Return a visitor's file name made harmless.

    Args:
        file_name: Any text; of a path only the last part is used.

    Returns:
        Letters, digits and `._-` only, at most 80 characters and 226 bytes, not empty, no dot or dash at the beginning.
    """
    name = re.sub(r"[^\w.-]+", "_", re.split(r"[/\\]", file_name)[-1]).lstrip(".-")
    stem, dot, ending = name.rpartition(".")
    if not dot:
        stem, ending = name, ""
    stem = _cut(stem or "file", MOST_STEM, MOST_STEM_BYTES)
    return f"{stem}{dot}{_cut(ending, MOST_ENDING, MOST_ENDING_BYTES)}"


def _cut(text: str, characters: int, n_bytes: int) -> str:
    """At most so many characters and bytes of a text, none of them half."""
    return text[:characters].encode()[:n_bytes].decode(errors="ignore")
