"""`aware doctor`: one line for each check, with what to do. A check that fails itself is a finding, not a crash."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jobs.client import Workbench
from jobs.settings import Settings

GIB = 2**30
# Older versions have known security flaws (above all in decoders and loaders of untrusted files).
MIN_VERSIONS = {
    "torch": "2.10",
    "pillow": "12.3",
    "av": "18.1",
    "streamlit": "1.67",
    "starlette": "1.1",
    "gradio": "6.20",
    "lightgbm": "4.6",
    "safetensors": "0.8",
}


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        state: OK, WARN (it works, with a limit), FAIL (something that is asked for does not work).
        subject: Name of the check.
        text: What is the case, and what to do.
    """

    state: Literal["OK", "WARN", "FAIL"]
    subject: str
    text: str

    @property
    def line(self) -> str:
        return f"{self.state:<4}  {self.subject:<13} {self.text}"


def examine(settings: Settings, only: Sequence[str] = ()) -> list[Finding]:
    """Run the checks in order.

    Args:
        settings: Settings to check.
        only: Names of checks; empty: all.

    Returns:
        Findings, one or more for each check.

    Raises:
        LookupError: A name is no check's.
    """
    checks: list[tuple[str, Callable[[Settings], Iterable[Finding]]]] = [
        ("python", _python),
        ("libraries", _libraries),
        ("devices", _devices),
        ("disk", _disk),
        ("database", _database),
        ("worker", _worker),
        ("bundle", _bundle),
        ("weights", _weights),
        ("face detector", _faces),
        ("decoding", _decoding),
    ]
    known = [subject for subject, _ in checks]
    if unknown := [name for name in only if name not in known]:
        raise LookupError(f"no check {unknown[0]!r}; the checks are: {', '.join(known)}")
    findings: list[Finding] = []
    for subject, check in checks:
        if only and subject not in only:
            continue
        try:
            findings.extend(check(settings))
        except Exception as error:
            findings.append(Finding("FAIL", subject, f"{type(error).__name__}: {error}".splitlines()[0]))
    return findings


def _python(_: Settings) -> Iterable[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11, 8):
        yield Finding("WARN", "python", f"{version} lacks security fixes: install 3.11.8 or newer")
    else:
        yield Finding("OK", "python", version)


def _libraries(_: Settings) -> Iterable[Finding]:
    low = []
    for name, least in MIN_VERSIONS.items():
        version = importlib.metadata.version(name)
        if numbers(version) < numbers(least):
            low.append(f"{name} {version} (needs {least})")
    if low:
        yield Finding(
            "FAIL",
            "libraries",
            f"too old: {', '.join(low)}; install the pinned versions again: pip install -c constraints.txt -e .",
        )
    else:
        yield Finding("OK", "libraries", f"{len(MIN_VERSIONS)} have a least version, and all are newer")


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version: '2.15.0+cu13' -> (2, 15, 0)."""
    return tuple(int(part) for part in version.split("+")[0].split(".") if part.isdigit())


def _devices(settings: Settings) -> Iterable[Finding]:
    import torch

    cpus = len(os.sched_getaffinity(0))
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    if names:
        yield Finding("OK", "devices", f"{cpus} CPU core(s); {', '.join(names)}")
    elif settings.device.startswith("cuda"):
        yield Finding("FAIL", "devices", f"AWARE_DEVICE is {settings.device}, but there is no GPU; set it to auto")
    else:
        yield Finding(
            "OK", "devices", f"{cpus} CPU core(s), no GPU: small recipes train in minutes, full recipes in days"
        )


def _disk(settings: Settings) -> Iterable[Finding]:
    root = settings.workspace.create().root
    if not os.access(root, os.W_OK):
        yield Finding("FAIL", "disk", f"{root} is not writable; choose another AWARE_HOME")
        return
    free = shutil.disk_usage(root).free / GIB
    state: Literal["OK", "WARN", "FAIL"] = "FAIL" if free < 1 else "WARN" if free < 10 else "OK"
    advice = "" if state == "OK" else "; data sets and runs need more: delete files, or move AWARE_HOME"
    yield Finding(state, "disk", f"{free:.1f} GiB free in {root}{advice}")


def _database(settings: Settings) -> Iterable[Finding]:
    workbench = Workbench.open(settings)
    try:
        start = time.perf_counter()
        count = len(workbench.jobs(limit=1000))
        took = 1000 * (time.perf_counter() - start)
        backend = workbench.store.writer.dialect.name
    finally:
        workbench.close()
    yield Finding("OK", "database", f"{backend}, answers in {took:.0f} ms, {count} job(s)")
    if backend != "sqlite":
        return
    if sqlite3.sqlite_version_info < (3, 51, 3):
        yield Finding(
            "WARN", "sqlite", f"{sqlite3.sqlite_version}; versions before 3.51.3 have a rare fault of the "
            "write-ahead log: back up workbench.db daily, or use PostgreSQL (AWARE_DATABASE_URL)"
        )  # fmt: skip
    else:
        yield Finding("OK", "sqlite", sqlite3.sqlite_version)


def _worker(settings: Settings) -> Iterable[Finding]:
    workbench = Workbench.open(settings)
    try:
        alive = [worker for worker in workbench.workers() if worker.alive]
    finally:
        workbench.close()
    if alive:
        yield Finding("OK", "worker", "; ".join(f"{worker.id}: {worker.note or 'up'}" for worker in alive))
    else:
        yield Finding("WARN", "worker", "none is running, so jobs wait: start `aware up` or `aware worker`")


def _bundle(settings: Settings) -> Iterable[Finding]:
    from core.bundles.bundle import open_bundle

    workbench = Workbench.open(settings)
    try:
        active = workbench.active()
    finally:
        workbench.close()
    if not (active.bundle / "bundle.json").is_file():
        yield Finding("FAIL", "bundle", f"there is none at {active.bundle}: put one in force with `aware bundles use`")
        return
    bundle = open_bundle(active.bundle)
    manifest = bundle.manifest
    yield Finding(
        "OK", "bundle", f"{manifest.name} {manifest.version}, the hashes of {len(manifest.files)} files are correct"
    )


def _weights(_: Settings) -> Iterable[Finding]:
    """Find the recipes that can start from pretrained weights without a download."""
    from huggingface_hub import try_to_load_from_cache

    from core.models.timm_experts import TABLE

    cached_names: list[str] = []
    missing: list[str] = []
    for row in TABLE:
        if row.scale != "tiny":
            cached = isinstance(try_to_load_from_cache(f"timm/{row.model}", "model.safetensors"), str)
            (cached_names if cached else missing).append(row.name)
    if missing:
        yield Finding(
            "WARN", "weights", f"these pretrained weights are not on this machine: {', '.join(missing)}. A training "
            "downloads them; without internet name a file (--weights FILE.safetensors) or use --weights none"
        )  # fmt: skip
    if cached_names:
        yield Finding("OK", "weights", f"pretrained weights on this machine: {', '.join(cached_names)}")


def _faces(_: Settings) -> Iterable[Finding]:
    import numpy as np

    from core.data.faces.faces import find_faces

    start = time.perf_counter()
    find_faces(np.full((160, 160, 3), 128, np.uint8), detector="mtcnn")
    yield Finding("OK", "face detector", f"mtcnn loads and runs ({time.perf_counter() - start:.1f} s)")


def _decoding(settings: Settings) -> Iterable[Finding]:
    import numpy as np
    from PIL import Image

    from core.media.decode import decode

    probe = settings.workspace.uploads / ".probe.png"
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(probe)
    try:
        media = decode(Path(probe))
    finally:
        probe.unlink()
    yield Finding("OK", "decoding", f"the limited decoder reads a {media.width}x{media.height} {media.format}")
