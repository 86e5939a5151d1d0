"""The trainings behind compared detectors: their curves, and what differs between what they were asked to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from app.analysis.bundles import bundle_manifest
from app.scores.detector import DetectorScores
from app.ui.widgets import figure, when
from core.artifacts.files import read_json

FACTS = ("kind", "detector", "dataset", "data_fingerprint", "parameters", "precision", "device", "code_version",
         "finished_at", "file", "score", "larger")  # fmt: skip
NOT_COMPARED = ("name",)
ROLES = {"stage1": "stage 1", "expert": "expert"}


def run_folder(scores: DetectorScores, runs: Path) -> Path | None:
    """Folder of the run that made the scores: its own, a member's of a stack run, imported scores'; None of a bundle,
    whose runs need not be here. runs: the workspace's folder of runs.
    """
    if scores.run is not None:
        return scores.run
    assert scores.source is not None
    about = scores.source.folder / "run.json"
    if not about.is_file():
        return None
    document = read_json(about)
    members = {row["member"]["name"]: row.get("run", "") for row in document.get("members", [])}
    if scores.member in members:
        folder = runs / members[scores.member]
        return folder if members[scores.member] and folder.is_dir() else None
    return scores.source.folder


def flat(document: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """`{"a": {"b": 1}}` as `{"a.b": "1"}`."""
    found: dict[str, str] = {}
    for key, value in document.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{before}{key}.")
        else:
            found[f"{before}{key}"] = figure(value)
    return found


def asked(folder: Path | None) -> dict[str, str]:
    """What a run was asked (spec.json) and what it is (run.json), flat."""
    if folder is None:
        return {}
    found: dict[str, str] = {}
    if (folder / "run.json").is_file():
        about = read_json(folder / "run.json")
        said = {key: about[key] for key in FACTS if about.get(key) is not None}
        said |= {key: when(said[key]) for key in ("finished_at",) if key in said}
        found |= {key: figure(value)[:60] for key, value in said.items()}
    if (folder / "spec.json").is_file():
        found |= {k: v for k, v in flat(read_json(folder / "spec.json")).items() if k not in NOT_COMPARED}
    return found


def known(scores: DetectorScores, folder: Path | None) -> dict[str, str]:
    """All that is known of a detector, flat: what its bundle says of it, then what its run was asked, if it is kept."""
    manifest = None if scores.source is None else bundle_manifest(scores.source.folder)
    member = next((m for m in manifest.members if m.name == scores.member), None) if manifest else None
    if manifest is None or member is None:
        return asked(folder)
    about: dict[str, Any] = {"detector": member.detector, "stands as": ROLES[member.role], "options": member.options,
                             "GFLOP an item": member.gflops, "seconds an item, one thread": member.seconds,
                             "input": member.input.model_dump(), "data fingerprint": member.data_fingerprint[:16],
                             "bundle": f"{manifest.name} {manifest.version}"}  # fmt: skip
    return flat({name: value for name, value in about.items() if value not in (None, "", {})}) | asked(folder)


def differing(names: Sequence[str], documents: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """One row a field whose value is not the same in all that have one: field, then a column a detector.

    documents: as of `known` or `asked`; an empty one is not compared.
    """
    there = [d for d in documents if d]
    keys = dict.fromkeys(key for d in there for key in d)
    rows = [
        {"field": key, **{name: d.get(key, "–") for name, d in zip(names, documents, strict=True)}}
        for key in keys
        if len({d.get(key, "–") for d in there}) > 1
    ]
    return pd.DataFrame(rows, columns=["field", *names])


def curves(names: Sequence[str], folders: Sequence[Path | None], column: str) -> pd.DataFrame:
    """Training curves laid over each other: detector, epoch, value; empty where no run has the column."""
    parts = []
    for name, folder in zip(names, folders, strict=True):
        path = None if folder is None else folder / "training_log.csv"
        if path is None or not path.is_file():
            continue
        table = pd.read_csv(path)
        if column in table:
            parts.append(pd.DataFrame({"detector": name, "epoch": table["epoch"], "value": table[column]}).dropna())
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["detector", "epoch", "value"])


def curve_columns(folders: Sequence[Path | None]) -> list[str]:
    """Figures that at least one training logged, validation first."""
    found: dict[str, None] = {}
    for folder in folders:
        path = None if folder is None else folder / "training_log.csv"
        if path is not None and path.is_file():
            found |= dict.fromkeys(pd.read_csv(path, nrows=1).columns)
    names = [name for name in found if name.startswith(("val_", "train_")) or name == "lr"]
    return sorted(names, key=lambda name: (name != "val_auroc", not name.startswith("val_"), name))
