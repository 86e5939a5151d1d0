"""Import a bundle from a zip file from outside: bounded, checked, then unpacked."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path

from core.artifacts.files import atomic_folder
from core.bundles.bundle import MANIFEST, MAX_BYTES, MAX_FILES, Bundle, check_name, open_bundle
from core.documents.read import BundleError

MAX_RATIO = 200
"""An archive member that unpacks to more than this many times its packed size is refused as a decompression bomb."""


def import_bundle(archive: Path, target: Path) -> Bundle:
    """Unpack the zip file of a bundle into a new folder and open it.

    Names, links, sizes and ratios of all members are checked before a byte is written. The archive may hold the files
    at its top or in one folder.

    Args:
        archive: The zip file.
        target: The new folder; after any refusal it does not exist.

    Returns:
        The checked bundle.

    Raises:
        BundleError: The archive or the bundle in it is refused.
        FileExistsError: `target` exists.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            entries = _checked_entries(packed)
            with atomic_folder(target) as folder:
                for name, info in entries.items():
                    _unpack(packed, info, folder / name)
                opened = open_bundle(folder)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise BundleError(f"{archive} is not a readable zip file: {error}") from error
    except FileNotFoundError as error:
        raise BundleError(f"{archive} holds no {MANIFEST}") from error
    return Bundle(target, opened.manifest, opened.sha256)


def _checked_entries(packed: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Name in the bundle -> entry of the archive, after all checks that need no unpacking."""
    infos = [info for info in packed.infolist() if not info.is_dir()]
    if len(infos) > MAX_FILES:
        raise BundleError(f"the archive holds more than {MAX_FILES} files")
    if sum(info.file_size for info in infos) > MAX_BYTES:
        raise BundleError(f"the archive unpacks to more than {MAX_BYTES >> 30} GiB")
    # All files in one folder: its name is left out.
    tops = {info.filename.split("/", 1)[0] for info in infos}
    inside = len(tops) == 1 and all("/" in info.filename for info in infos)
    entries: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.filename.split("/", 1)[1] if inside else info.filename
        check_name(name)
        # The upper 16 bits hold the Unix mode, where the archive was made on such a system.
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise BundleError(f"{info.filename} is not a plain file; a bundle holds no links")
        if info.file_size > MAX_RATIO * max(info.compress_size, 1024):
            raise BundleError(
                f"{info.filename} unpacks to over {MAX_RATIO} times its size; it is refused as a decompression bomb"
            )
        if name in entries:
            raise BundleError(f"the archive holds {name} twice")
        entries[name] = info
    return entries


def _unpack(packed: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    """Write one member, and not one byte more than the directory of the archive announced."""
    target.parent.mkdir(parents=True, exist_ok=True)
    left = info.file_size
    with packed.open(info) as source, open(target, "xb") as sink:
        while piece := source.read(1 << 20):
            left -= len(piece)
            if left < 0:
                raise BundleError(f"{info.filename} is larger than the archive says")
            sink.write(piece)
