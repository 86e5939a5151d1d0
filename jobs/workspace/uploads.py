"""Uploads: copied into the workspace under the hash of their content, with a harmless name."""

from __future__ import annotations

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


class UploadTooLarge(ValueError):
    """The file has more bytes than AWARE_UPLOAD_MB allows."""


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
    finally:
        temporary.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def safe_name(file_name: str) -> str:
    """Return a visitor's file name made harmless.

    Args:
        file_name: Any text; of a path only the last part is used.

    Returns:
        Letters, digits and `._-` only, at most 80 characters, not empty, no dot or dash at the beginning.
    """
    name = re.sub(r"[^\w.-]+", "_", re.split(r"[/\\]", file_name)[-1]).lstrip(".-")
    stem, dot, ending = name.rpartition(".")
    if not dot:
        stem, ending = name, ""
    return f"{(stem or 'file')[:64]}{dot}{ending[:15]}"
