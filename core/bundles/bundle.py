"""Bundles, read without torch: `bundle.json` first, then every file's hash, before anything is parsed.

A bundle may come from outside. Nothing in it is executed: only safetensors, JSON, Parquet, Markdown and one LightGBM
text file are allowed, and the content must be what the extension says. Pickles, links, unlisted names and surplus files
are refused by name. Torch begins in `core.bundles.load`.
"""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
from pydantic import ValidationError

from core.artifacts.files import read_json, sha256_file
from core.documents.analysis import BundleReference
from core.documents.bundle import BundleManifest, Member
from core.documents.policy import CascadePolicy
from core.documents.read import BundleError, read_policy
from core.policies.origin import PREDICTIONS, Origin

MANIFEST = "bundle.json"
MAX_MANIFEST_BYTES = 1 << 20
MAX_FILES = 200
MAX_BYTES = 8 << 30
"""Most bytes of all files of a bundle together."""
ALLOWED_SUFFIXES = (".safetensors", ".json", ".txt", ".parquet", ".md")
_PART = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}$")


@dataclass(frozen=True)
class Bundle:
    """A checked bundle: every file had its hash when the bundle was opened.

    Attributes:
        path: Its folder.
        manifest: bundle.json.
        sha256: Of bundle.json, hex.
    """

    path: Path
    manifest: BundleManifest
    sha256: str

    @cached_property
    def policy(self) -> CascadePolicy:
        """The exits that the bundle ships with.

        Raises:
            BundleError: policy.json is no policy.
        """
        return read_policy(self.path / "policy.json")

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """One row for each item of val_calib and test.

        Columns: sample_id, group, dataset, label, split, method, log_odds_<member>, p_<member>, p_stack.
        """
        return pd.read_parquet(self.path / PREDICTIONS)

    @cached_property
    def origin(self) -> Origin:
        """What a policy must have been chosen on to decide for this bundle."""
        return Origin(
            name=self.path.name,
            members=tuple(self.manifest.members),
            scores_sha256=self.manifest.files[PREDICTIONS],
            own_policy=self.policy,
            read_table=lambda: self.predictions,
        )

    @property
    def card(self) -> str:
        """The model card, Markdown."""
        return (self.path / "card.md").read_text(encoding="utf-8")

    @property
    def thresholds(self) -> dict[str, Any]:
        """thresholds.json: stage 1's exit with its figures and sweep."""
        return read_json(self.path / "thresholds.json")

    def member(self, name: str) -> Member:
        """Find a member by its name.

        Args:
            name: As in bundle.json.

        Returns:
            The member.

        Raises:
            LookupError: The bundle has no such member; the message lists those that it has.
        """
        for member in self.manifest.members:
            if member.name == name:
                return member
        known = ", ".join(member.name for member in self.manifest.members)
        raise LookupError(f"bundle {self.manifest.name} has no member {name!r}; it has: {known}")

    def reference(self, policy: CascadePolicy | None = None) -> BundleReference:
        """Say which bundle and policy decided, for an analysis document.

        Args:
            policy: The policy that was used; None: the bundle's own.

        Returns:
            Names, hashes, and what the policy guarantees.
        """
        policy = policy or self.policy
        return BundleReference(
            name=self.manifest.name,
            version=self.manifest.version,
            sha256=self.sha256,
            policy_id=policy.policy_id,
            policy_name=policy.name,
            policy_version=policy.version,
            policy_author=policy.author,
            policy_reason=policy.reason,
            policy_created_at=policy.created_at,
            policy_data_fingerprint=policy.data_fingerprint,
            policy_promises=[promise.sentence() for promise in policy.guarantees],
            policy_guarantees=list(policy.guarantees),
        )


def open_bundle(path: Path | str) -> Bundle:
    """Open a bundle folder and check all of it: names, sizes, hashes and the first bytes of every file.

    Args:
        path: The folder.

    Returns:
        The checked bundle.

    Raises:
        FileNotFoundError: There is no bundle.json.
        BundleError: A file is missing, surplus, changed, too large, or not what its name says.
    """
    path = Path(path)
    manifest_path = path / MANIFEST
    if not manifest_path.is_file():
        raise FileNotFoundError(f"{path} is not a bundle: it has no {MANIFEST}; export one with `aware export`")
    files = _listing(path)
    if manifest_path.stat().st_size > MAX_MANIFEST_BYTES:
        raise BundleError(f"{manifest_path} is larger than {MAX_MANIFEST_BYTES} bytes")
    try:
        manifest = BundleManifest.model_validate(read_json(manifest_path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"{manifest_path} is not a bundle's: {where}: {first['msg']}") from error
    for name in manifest.files:
        check_name(name)
    _compare_names(path, set(files) - {MANIFEST}, set(manifest.files) - {MANIFEST})
    _require(path, manifest)
    for name, expected in sorted(manifest.files.items()):
        if sha256_file(files[name]) != expected:
            raise BundleError(f"{path / name} does not have the hash that {MANIFEST} names: it was changed or damaged")
        _check_content(files[name])
    return Bundle(path, manifest, sha256_file(manifest_path))


def _listing(path: Path) -> dict[str, Path]:
    """Relative name -> path of every plain file. Links, devices and too many or too large files are refused."""
    files: dict[str, Path] = {}
    total = 0
    for item in sorted(path.rglob("*")):
        info = item.lstat()
        if stat.S_ISDIR(info.st_mode):
            continue
        if not stat.S_ISREG(info.st_mode):
            raise BundleError(f"{item} is not a plain file; a bundle holds no links")
        files[item.relative_to(path).as_posix()] = item
        total += info.st_size
        if len(files) > MAX_FILES or total > MAX_BYTES:
            raise BundleError(f"{path} holds more than {MAX_FILES} files or {MAX_BYTES >> 30} GiB")
    return files


def check_name(name: str) -> None:
    """Check that a bundle may hold a file of this name: relative, plain, at most three parts deep, extension allowed.

    Args:
        name: Relative path with forward slashes.

    Raises:
        BundleError: It may not.
    """
    parts = PurePosixPath(name).parts
    if not parts or len(parts) > 3 or name != "/".join(parts) or not all(_PART.match(part) for part in parts):
        raise BundleError(f"a bundle cannot hold a file named {name!r}")
    if PurePosixPath(name).suffix not in ALLOWED_SUFFIXES:
        raise BundleError(f"{name}: a bundle holds only {', '.join(ALLOWED_SUFFIXES)} files (no pickles, no .pth)")


def _compare_names(path: Path, present: set[str], named: set[str]) -> None:
    if missing := sorted(named - present):
        raise BundleError(f"{path} lacks the file(s) {', '.join(missing)}, which {MANIFEST} names")
    if extra := sorted(present - named):
        raise BundleError(f"{path} holds file(s) that {MANIFEST} does not name: {', '.join(extra)}")


def _require(path: Path, manifest: BundleManifest) -> None:
    """What every bundle must have, whatever its manifest lists."""
    needed = {"policy.json", "thresholds.json", PREDICTIONS, "card.md"}
    for member in manifest.members:
        needed |= {f"{member.name}/weights.safetensors", f"{member.name}/calibrator.json"}
    if manifest.stacked:
        needed |= {"stack/meta.txt", "stack/stack.json", "stack/projections.safetensors"}
    if missing := sorted(needed - set(manifest.files)):
        raise BundleError(f"{path / MANIFEST} does not list {', '.join(missing)}")
    names = [member.name for member in manifest.members]
    if len(set(names)) != len(names):
        raise BundleError(f"{path / MANIFEST} names a member twice")


def _check_content(path: Path) -> None:
    """The first bytes must be what the extension says, so that no pickle hides under another name."""
    with open(path, "rb") as stream:
        head = stream.read(16)
        if path.suffix == ".safetensors":
            # Eight bytes of header length (little-endian; the format's own limit is 100 MB), then a JSON object.
            good = len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 100 << 20
        elif path.suffix == ".parquet":  # the magic number stands at both ends
            stream.seek(max(0, path.stat().st_size - 4))
            good = head[:4] == b"PAR1" and stream.read(4) == b"PAR1"
        else:
            try:  # text: no NUL, no zip archive (a PyTorch pickle is one), valid UTF-8
                good = b"\0" not in head and not head.startswith(b"PK\x03\x04")
                path.read_bytes().decode("utf-8")
            except UnicodeDecodeError:
                good = False
    if not good:
        raise BundleError(f"{path} is not what its name says ({path.suffix})")
