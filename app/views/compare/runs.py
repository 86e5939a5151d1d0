"""Find the training runs behind compared detectors: their curves, and the settings that differ."""

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
"""Fields of spec.json that differ between any two runs."""
LONGEST_VALUE = 60
"""Characters of a field that are shown."""
TRAINING_LOG = "training_log.csv"
ROLES = {"stage1": "stage 1", "expert": "expert"}


def run_folder(scores: DetectorScores, runs: Path) -> Path | None:
    """Find the folder of the run that made the scores.

    Args:
        scores: The detector.
        runs: The workspace's folder of runs.

    Returns:
        The run's own folder, that of a stack's member, or that of imported scores; None for a bundle, whose runs need
        not be in this workspace.
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
    """Flatten a document: `{"a": {"b": 1}}` becomes `{"a.b": "1"}`.

    Args:
        document: Nested mappings.
        before: Put before each key.

    Returns:
        Values as short text, by their dotted key.
    """
    fields: dict[str, str] = {}
    for key, value in document.items():
        if isinstance(value, Mapping) and value:
            fields |= flat(value, f"{before}{key}.")
        else:
            fields[f"{before}{key}"] = figure(value)
    return fields


def asked(folder: Path | None) -> dict[str, str]:
    """Read the settings of a run (spec.json) and its facts (run.json), flat; empty without a folder."""
    if folder is None:
        return {}
    fields: dict[str, str] = {}
    if (folder / "run.json").is_file():
        about = read_json(folder / "run.json")
        facts = {key: about[key] for key in FACTS if about.get(key) is not None}
        facts |= {key: when(facts[key]) for key in ("finished_at",) if key in facts}
        fields |= {key: figure(value)[:LONGEST_VALUE] for key, value in facts.items()}
    if (folder / "spec.json").is_file():
        fields |= {k: v for k, v in flat(read_json(folder / "spec.json")).items() if k not in NOT_COMPARED}
    return fields


def known(scores: DetectorScores, folder: Path | None) -> dict[str, str]:
    """Collect all that is known of a detector, flat.

    Args:
        scores: The detector.
        folder: Folder of its run, as `run_folder` returns it.

    Returns:
        What its bundle says of it, then the settings and facts of its run where the run is in the workspace.
    """
    manifest = None if scores.source is None else bundle_manifest(scores.source.folder)
    member = next((m for m in manifest.members if m.name == scores.member), None) if manifest else None
    if manifest is None or member is None:
        return asked(folder)
    about: dict[str, Any] = {"detector": member.detector, "role": ROLES[member.role], "options": member.options,
                             "GFLOP per item": member.gflops, "seconds per item, one thread": member.seconds,
                             "input": member.input.model_dump(), "data fingerprint": member.data_fingerprint[:16],
                             "bundle": f"{manifest.name} {manifest.version}"}  # fmt: skip
    return flat({name: value for name, value in about.items() if value not in (None, "", {})}) | asked(folder)


def differing(names: Sequence[str], documents: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """Lay out the fields whose values differ.

    Args:
        names: Of the detectors; they become columns.
        documents: As `known` or `asked` return them; an empty one is not compared.

    Returns:
        One row for each field with different values: field, then one column for each detector.
    """
    given = [d for d in documents if d]
    keys = dict.fromkeys(key for d in given for key in d)
    rows = [
        {"field": key, **{name: d.get(key, "–") for name, d in zip(names, documents, strict=True)}}
        for key in keys
        if len({d.get(key, "–") for d in given}) > 1
    ]
    return pd.DataFrame(rows, columns=["field", *names])


def curves(names: Sequence[str], folders: Sequence[Path | None], column: str) -> pd.DataFrame:
    """Read one column of the training logs.

    Args:
        names: Of the detectors.
        folders: Of their runs; None where a run is not in the workspace.
        column: Name of a column, one of `curve_columns`.

    Returns:
        Columns detector, epoch, value; empty where no run has the column.
    """
    parts = []
    for name, folder in zip(names, folders, strict=True):
        path = None if folder is None else folder / TRAINING_LOG
        if path is None or not path.is_file():
            continue
        table = pd.read_csv(path)
        if column in table:
            parts.append(pd.DataFrame({"detector": name, "epoch": table["epoch"], "value": table[column]}).dropna())
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["detector", "epoch", "value"])


def curve_columns(folders: Sequence[Path | None]) -> list[str]:
    """List the figures that at least one training run logged, validation first."""
    logged: dict[str, None] = {}
    for folder in folders:
        path = None if folder is None else folder / TRAINING_LOG
        if path is not None and path.is_file():
            logged |= dict.fromkeys(pd.read_csv(path, nrows=1).columns)
    names = [name for name in logged if name.startswith(("val_", "train_")) or name == "lr"]
    return sorted(names, key=lambda name: (name != "val_auroc", not name.startswith("val_"), name))
