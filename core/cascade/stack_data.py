"""What stage 3 learns from: every member's calibrated log-odds and embeddings on the same rows, in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from core.artifacts.bundle_schema import Member
from core.artifacts.files import sha256_file
from core.artifacts.run import BEST, Run, find_run
from core.artifacts.workspace import Workspace
from core.calibrate import Calibrator, load_calibrator
from core.cascade.cascade import calibrated_log_odds
from core.cascade.spec import StackSpec
from core.data.manifest import Manifest, open_dataset
from core.progress import Reporter

FITTABLE = ("val_select", "val_calib")
CALIBRATORS = ("calibrator.json", "calibration_temp.json")


@dataclass(frozen=True)
class StackMember:
    """A calibrated run in its role. `name` is its column name in every table."""

    name: str
    role: Literal["stage1", "expert"]
    run: Run
    calibrator_file: Path
    calibrator: Calibrator

    @property
    def weights(self) -> Path:
        return self.run.folder / BEST


@dataclass
class StackData:
    """frame: one row an item (sample_id, group, dataset, label, split, method, log_odds_<member>, p_<member>).

    log_odds: calibrated, (N,) a member; embeddings: (N, D) an expert; both in the frame's order."""

    frame: pd.DataFrame
    log_odds: dict[str, np.ndarray]
    embeddings: dict[str, np.ndarray]
    members: list[Member]
    notes: list[str]

    @property
    def labels(self) -> np.ndarray:
        return self.frame["label"].to_numpy(np.int64)

    @property
    def groups(self) -> np.ndarray:
        return self.frame["group"].astype(str).to_numpy()

    def rows_of(self, splits: list[str]) -> np.ndarray:
        """Positions of the rows of some splits."""
        return np.flatnonzero(self.frame["split"].isin(splits).to_numpy())


def check_splits(splits: list[str]) -> None:
    """Raises ValueError for a split that stage 3 must not learn from."""
    if strange := [name for name in splits if name not in FITTABLE]:
        raise ValueError(
            f"stage 3 cannot be fitted on {', '.join(strange)}: the experts know `train` by heart and `test` must stay "
            f"unseen; fit_splits may hold {' and '.join(FITTABLE)}"
        )
    if not splits:
        raise ValueError(f"fit_splits is empty; give {' and '.join(FITTABLE)}")


def stack_members(spec: StackSpec, workspace: Workspace) -> list[StackMember]:
    """Stage 1 and the experts in the order given. Raises FileNotFoundError for a run or its calibrator."""
    members: list[StackMember] = []
    taken: set[str] = set()
    for position, ref in enumerate([spec.stage1, *spec.experts]):
        run = find_run(ref, workspace)
        if "detector" not in run.document:
            raise ValueError(f"run {ref!r} holds no detector (it is a {run.document.get('kind')} run); name a training")
        name = "stage1" if position == 0 else _free_name(str(run.document["detector"]), taken)
        taken.add(name)
        file = _calibrator_file(run)
        members.append(StackMember(name, "expert" if position else "stage1", run, file, load_calibrator(file)))
    return members


def _free_name(detector: str, taken: set[str]) -> str:
    """The detector's name as a member's, with a number when it is taken."""
    base = detector[:36] if detector != "stage1" else "expert"
    return next(name for name in [base, *(f"{base}_{i}" for i in range(2, 99))] if name not in taken)


def _calibrator_file(run: Run) -> Path:
    """The run's newest calibrator."""
    there = [run.folder / name for name in CALIBRATORS if (run.folder / name).is_file()]
    if not there:
        raise FileNotFoundError(f"run {run.name!r} has no calibrator; run `calibrate` on it first")
    return max(there, key=lambda path: path.stat().st_mtime_ns)


def gather(spec: StackSpec, workspace: Workspace, members: list[StackMember], report: Reporter) -> StackData:
    """Score every member on fit_splits, val_calib and test. Torch is loaded here, and left here.

    Raises ValueError when a run was trained on groups that stage 3 would learn from or be judged on."""
    dataset = spec.dataset or str(members[0].run.document["dataset"])
    whole = open_dataset(dataset, workspace)
    wanted = {*spec.fit_splits, "val_calib", "test"}
    frame = whole.frame[whole.frame["split"].isin(wanted)].reset_index(drop=True)
    if frame.empty:
        raise ValueError(f"the data set {dataset!r} has no rows in {', '.join(sorted(wanted))}")
    manifest = Manifest(frame, whole.root)
    notes = [note for member in members for note in _seen_in_training(member, whole, frame, workspace)]
    data = StackData(frame[["sample_id", "group", "dataset", "label", "split", "method"]].copy(), {}, {}, [], notes)
    for position, member in enumerate(members):
        share = _Share(report, position / len(members), 1 / len(members), member.name)
        _add(data, member, manifest, workspace, spec, share)
    data.notes.extend(order_notes(data.members))
    return data


def order_notes(members: Sequence[Member]) -> list[str]:
    """A sentence for every expert that is asked before a cheaper one: the order is the spec's, and it costs."""
    experts = [member for member in members if member.role == "expert"]
    return [
        f"{first.name} ({first.gflops:.3g} GFLOP) is asked before {then.name} ({then.gflops:.3g}): the cheaper one "
        "first would cost less on average."
        for first, then in pairwise(experts)
        if first.gflops > then.gflops
    ]


def _seen_in_training(member: StackMember, whole: Manifest, rows: pd.DataFrame, workspace: Workspace) -> list[str]:
    """Nothing when the run was trained on this very data set; else its training groups are compared by name."""
    document = member.run.document
    if document.get("data_fingerprint") == whole.fingerprint():
        return []
    try:
        own = open_dataset(str(document["dataset"]), workspace)
    except (FileNotFoundError, ValueError) as error:
        return [
            f"{member.name}: run {member.run.name} was trained on another data set, which is not at hand "
            f"({error}); whether it has seen these groups could not be checked."
        ]
    trained = set(own.frame.loc[own.frame["split"] == "train", "group"])
    if shared := sorted(trained & set(rows["group"])):
        raise ValueError(
            f"run {member.run.name!r} was trained on {len(shared)} group(s) that stage 3 would use here "
            f"({', '.join(shared[:3])}, ...): its over-confidence would leak; train it on this data set's split"
        )
    return [f"{member.name}: run {member.run.name} was trained on another data set; no training group is used here."]


def _add(
    data: StackData, member: StackMember, manifest: Manifest, workspace: Workspace, spec: StackSpec, report: Reporter
) -> None:
    from core.models.cost import cpu_seconds, gflops
    from core.models.registry import detectors
    from core.models.scoring import embed, pick_device

    detector = member.run.load_detector("cpu")
    cost = {"gflops": gflops(detector), "seconds": cpu_seconds(detector)}  # before it moves to another device
    predictions, embedding = embed(
        detector,
        manifest,
        workspace.root / "cache",
        batch_size=spec.batch_size,
        device=pick_device(spec.device),
        report=report,
    )
    p_fake = member.calibrator.transform(predictions.log_odds)
    data.frame[f"log_odds_{member.name}"] = predictions.log_odds
    data.frame[f"p_{member.name}"] = p_fake
    data.log_odds[member.name] = calibrated_log_odds(p_fake)
    if member.role == "expert":
        data.embeddings[member.name] = embedding
    document = member.run.document
    data.members.append(
        Member(
            name=member.name,
            title=detectors.get(str(document["detector"])).title,
            role=member.role,
            detector=str(document["detector"]),
            options=document["options"],
            input=detector.input_spec,
            **cost,
            data_fingerprint=str(document.get("data_fingerprint", "")),
        )
    )


class _Share:
    """Passes progress on as one share of the whole."""

    def __init__(self, report: Reporter, start: float, width: float, name: str) -> None:
        self.report, self.start, self.width, self.name = report, start, width, name

    def progress(self, fraction: float, message: str) -> None:
        self.report.progress(0.85 * (self.start + self.width * fraction), f"{self.name}: {message}")

    def metric(self, step: int, values) -> None:
        self.report.metric(step, values)

    def part(self, document) -> None:
        self.report.part(document)


def weights_hash(member: StackMember) -> str:
    """SHA-256 of the weights that were scored."""
    return sha256_file(member.weights)
