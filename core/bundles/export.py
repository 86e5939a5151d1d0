"""Write a bundle from a stack run and a policy: copy weights, calibrators and tables, hash them, seal and zip them."""

from __future__ import annotations

import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

import core
from core.artifacts.files import atomic_folder, atomic_path, read_json, sha256_file, write_bytes, write_text
from core.artifacts.finding import RUN, find_policy, find_stack
from core.artifacts.workspace import Workspace
from core.bundles.bundle import MANIFEST, open_bundle
from core.bundles.model_card import model_card
from core.bundles.spec import ExportSpec
from core.documents.bundle import BundleManifest, Member
from core.documents.read import BundleError, read_policy
from core.models.inference.run import member_weights
from core.policies.origin import OtherScores, check_origin, read_origin
from core.policies.thresholds_document import thresholds_document
from core.progress import Reporter, Silent

HALF_NOTE = "Weights are stored as float16: scores differ from the training run's by about 1e-3."


def seal(
    folder: Path, *, name: str, version: str, members: list[Member], stacked: bool, created_at: str, **more: Any
) -> None:
    """Hash every file of a bundle and write bundle.json; after that nothing in the folder may change.

    Args:
        folder: With all files of the bundle but bundle.json.
        name: Name of the bundle.
        version: Version of the bundle.
        members: Stage 1 first, then the experts in the order they are asked.
        stacked: Whether stack/ is there.
        created_at: ISO 8601.
        more: Further fields of BundleManifest.
    """
    files = {path.relative_to(folder).as_posix(): sha256_file(path) for path in _files(folder)}
    manifest = BundleManifest(
        name=name,
        version=version,
        created_at=created_at,
        code_version=core.__version__,
        members=members,
        stacked=stacked,
        files=files,
        **more,
    )
    write_text(folder / MANIFEST, manifest.to_json())


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)


def export_bundle(spec: ExportSpec, workspace: Workspace, report: Reporter | None = None) -> Path:
    """Write a bundle and open it once as any reader would.

    Args:
        spec: Stack, policy, name, version and options.
        workspace: Where stack, policy and bundles lie.
        report: Receives the progress.

    Returns:
        The folder of the bundle.

    Raises:
        FileNotFoundError: There is no such stack, policy or card.
        FileExistsError: The name is taken.
        BundleError: The policy belongs to other scores, or a file has changed since the stack was fitted.
    """
    report = report or Silent()
    stack = find_stack(spec.stack, workspace)
    policy_path = find_policy(spec.policy, workspace) if spec.policy else newest_policy(stack, workspace)
    policy = read_policy(policy_path)
    about = read_json(stack / RUN)
    members = [Member.model_validate(row["member"]) for row in about["members"]]
    try:
        check_origin(policy, read_origin(stack))
    except OtherScores as error:
        raise BundleError(f"{policy_path}: {error}") from error
    target = Path(spec.out) if spec.out else workspace.bundles / f"{spec.name}-{spec.version}"
    text = Path(spec.card).read_text(encoding="utf-8") if spec.card else ""
    with atomic_folder(target) as folder:
        for step, (row, member) in enumerate(zip(about["members"], members, strict=True)):
            report.progress(step / (len(members) + 1), f"Copying {member.name}")
            (folder / member.name).mkdir()
            copy_weights(member_weights(stack, row), row["weights_sha256"], folder / member.name, half=spec.half)
            shutil.copyfile(stack / "calibrators" / f"{member.name}.json", folder / member.name / "calibrator.json")
        shutil.copytree(stack / "stack", folder / "stack")
        shutil.copyfile(stack / "predictions.parquet", folder / "predictions.parquet")
        write_text(folder / "policy.json", policy.to_json())
        table = pd.read_parquet(folder / "predictions.parquet")
        write_text(folder / "thresholds.json", thresholds_document(policy, table, [m.name for m in members]).to_json())
        created_at = datetime.now(UTC).isoformat(timespec="seconds")
        weights = {path.relative_to(folder).as_posix(): sha256_file(path) for path in _files(folder)}
        notes = [HALF_NOTE] if spec.half else []
        intro = text.strip() or f"# {spec.name} {spec.version}"
        card = model_card(intro, members, policy, table, read_json(stack / "stack_report.json"), weights, notes)
        write_text(folder / "card.md", card)
        seal(
            folder,
            name=spec.name,
            version=spec.version,
            members=members,
            stacked=True,
            created_at=created_at,
            active_exit_policy=policy.active_exit_policy,
        )
        report.progress(0.95, "Checking every hash")
        open_bundle(folder)
    if spec.zip:
        pack(target, target.parent / f"{spec.name}-{spec.version}.zip")
    report.progress(1.0, f"Bundle {spec.name} {spec.version} is written")
    return target


def newest_policy(stack: Path, workspace: Workspace) -> Path:
    """Find the newest policy that was chosen on the scores of a stack run.

    Args:
        stack: Folder of the stack run.
        workspace: Its policies are searched, and those in the stack's own folder.

    Returns:
        The policy's JSON file.

    Raises:
        FileNotFoundError: No policy was chosen on these scores yet.
    """
    fitting, origin = [], read_origin(stack)
    for path in [*workspace.policies.glob("*.json"), *stack.glob("policy*.json")]:
        policy = read_policy(path)
        try:
            check_origin(policy, origin)
        except OtherScores:
            continue
        if policy.data_fingerprint:
            fitting.append((policy.created_at, path.name, path))
    if not fitting:
        raise FileNotFoundError(f"no policy was chosen from {stack.name} yet: run `policy` with it as its source first")
    return max(fitting)[2]


def copy_weights(source: Path, expected: str, folder: Path, *, half: bool) -> None:
    """Copy the weights that the stack was fitted with, after a check of their hash.

    Args:
        source: weights.safetensors of a run.
        expected: SHA-256 (hex) that the stack recorded.
        folder: Folder of the member in the bundle.
        half: Store floating-point tensors as float16.

    Raises:
        BundleError: The file has changed, or a value is too large for float16.
    """
    if sha256_file(source) != expected:
        raise BundleError(f"{source} has changed since the stack was fitted on it: run `stack` again")
    target = folder / "weights.safetensors"
    if not half:
        shutil.copyfile(source, target)
        return
    import numpy as np
    from safetensors.numpy import load_file, save

    tensors = load_file(source)
    narrow = {}
    for key, value in tensors.items():
        is_float = value.dtype in (np.float32, np.float64)
        narrow[key] = value.astype(np.float16) if is_float else value
        if is_float and not np.isfinite(narrow[key]).all():
            raise BundleError(f"{source}: {key} does not fit into float16; export without `half`")
    write_bytes(target, save(narrow))


def pack(folder: Path, archive: Path) -> Path:
    """Write a zip file with the files of a bundle at its top; the same bundle gives the same bytes.

    Args:
        folder: The bundle.
        archive: The zip file to write.

    Returns:
        `archive`.
    """
    with atomic_path(archive) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted([folder / MANIFEST, *_files(folder)]):
            # A fixed date and mode, so that the bytes do not depend on when and where it was packed.
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), (1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            with open(path, "rb") as source, packed.open(info, "w") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
    return archive
