"""Train the experts again in every fold: out-of-fold answers to all training rows, resumable by fold and run.

A fold's rows are answered by networks that never saw their groups. Each network is calibrated on val_calib and its
embedding is turned into the final network's space on val_select, so that stage 3 learns columns that mean what they
will mean at inference. What a fold has answered is kept as one file; a fold that is done is not done again.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.artifacts.files import read_json, sha256_file, write_json
from core.artifacts.workspace import Workspace
from core.calibrate import calibrators
from core.calibrate.log_odds import calibrated_log_odds
from core.data.manifest.manifest import Manifest
from core.data.manifest.open import open_dataset
from core.models.inference.run import Run
from core.progress import Reporter, Within
from core.spec import fingerprint
from core.stacking.alignment import explained, fit_alignment
from core.stacking.data import StackData, StackMember
from core.stacking.fit import group_folds
from core.stacking.spec import StackSpec
from core.tables.embeddings import EmbeddingAbout, EmbeddingTable, read_embeddings, write_shard

FOLDS = "folds"
ITEM_COLUMNS = ("sample_id", "group", "dataset", "label", "split", "method")


@dataclass(frozen=True)
class Fold:
    """One fold.

    Attributes:
        number: From 0.
        train: Rows that its networks learn from (split `train`) and select their epoch on (val_select).
        held: Rows of `train` that they answer.
        folder: Where its networks and answers lie.
    """

    number: int
    train: Manifest
    held: Manifest
    folder: Path


def cut_folds(whole: Manifest, spec: StackSpec, folder: Path) -> list[Fold]:
    """Cut the split `train` into folds by group.

    Args:
        whole: The data set.
        spec: Number of folds and seed.
        folder: Folder of the stack run.

    Returns:
        The folds.

    Raises:
        ValueError: `train` or `val_select` is empty, or `group_folds` refuses the groups.
    """
    train = whole.frame[whole.frame["split"] == "train"].reset_index(drop=True)
    select = whole.frame[whole.frame["split"] == "val_select"]
    if train.empty or select.empty:
        raise ValueError("experts are refitted on `train` and select their epoch on `val_select`: prepare both splits")
    y, groups = train["label"].to_numpy(np.int64), train["group"].astype(str).to_numpy()
    return [
        Fold(
            number,
            Manifest(pd.concat([train.iloc[fit], select], ignore_index=True), whole.root),
            Manifest(train.iloc[held].reset_index(drop=True), whole.root),
            folder / FOLDS / f"fold-{number + 1}",
        )
        for number, (fit, held) in enumerate(group_folds(y, groups, spec.folds, spec.seed))
    ]


def refit(
    spec: StackSpec,
    workspace: Workspace,
    folder: Path,
    members: Sequence[StackMember],
    frozen: StackData,
    report: Reporter,
) -> StackData:
    """Answer all rows of `train` out-of-fold, and put val_calib and test, answered by the runs themselves, below them.

    Args:
        spec: Data set, folds.
        workspace: Where runs and data sets lie.
        folder: Folder of the stack run.
        members: Members and specialists.
        frozen: Data of the members as they are.
        report: Receives the progress.

    Returns:
        Data to fit stage 3 on.

    Raises:
        ValueError: A run was trained on other data than this data set, or training refuses the rows.
        Cancelled: The reader stopped the job; calling again goes on where it stopped.
    """
    whole = open_dataset(members[0].run.dataset(spec.dataset), workspace)
    for member in members:
        if member.run.document.get("data_fingerprint") != whole.fingerprint():
            raise ValueError(
                f"run {member.run.name!r} was trained on other data than {spec.dataset or 'this data set'}: its folds "
                "would not be its own; train it on this data set, or stack with frozen experts"
            )
    folds = cut_folds(whole, spec, folder)
    held = pd.concat([fold.held.frame for fold in folds], ignore_index=True)[list(ITEM_COLUMNS)]
    later = frozen.rows_of(["val_calib", "test"])
    frame = pd.concat([held, frozen.frame.iloc[later][list(ITEM_COLUMNS)]], ignore_index=True)
    data = StackData(frame, {}, {}, frozen.members, list(frozen.notes))
    names = {*frozen.log_odds}
    for position, member in enumerate(members):
        answers = []
        for fold in folds:
            done = position * len(folds) + fold.number
            share = Within(report, done / (len(members) * len(folds)), (done + 1) / (len(members) * len(folds)))
            answers.append(answer_fold(fold, member, spec, workspace, whole, frozen, share))
        log_odds = np.concatenate([*(a.log_odds for a in answers), frozen.column(member.name)[later]])
        data.frame[f"log_odds_{member.name}"] = log_odds
        data.frame[f"p_{member.name}"] = 1 / (1 + np.exp(-log_odds))
        if member.name in names:
            for column in ("log_odds", "p"):  # of the runs themselves: what the cascade's table holds
                own = frozen.frame[f"{column}_{member.name}"].to_numpy()[later]
                data.frame.loc[len(held) :, f"{column}_{member.name}"] = own
        (data.log_odds if member.name in names else data.aside_log_odds)[member.name] = log_odds
        if member.role == "expert":
            block = np.concatenate([*(a.parts["embedding"] for a in answers), frozen.block(member.name)[later]])
            (data.embeddings if member.name in names else data.aside_blocks)[member.name] = block
    return data


def answer_fold(
    fold: Fold,
    member: StackMember,
    spec: StackSpec,
    workspace: Workspace,
    whole: Manifest,
    frozen: StackData,
    report: Reporter,
) -> EmbeddingTable:
    """Return calibrated log-odds and aligned embeddings of a fold's held rows.

    They are read where they are there, else the member is trained for them.

    Args:
        fold: The fold.
        member: Which member.
        spec: Projection, batch size, device.
        workspace: Where embeddings lie.
        whole: The data set.
        frozen: Data of the members as they are.
        report: Receives the progress.

    Returns:
        One row for each held item, in the order of `fold.held`.
    """
    target = fold.folder / f"{member.name}.parquet"
    key = fingerprint([1, member.run.spec, fold.train.fingerprint(), sha256_file(member.weights), spec.projection])
    if target.is_file() and (answers := read_embeddings(target)).about.key == key:
        report.progress(1.0, f"Fold {fold.number + 1}: {member.name} is done")
        return answers.take(fold.held.frame["sample_id"])
    run = train_fold(fold, member, spec, workspace, Within(report, 0.0, 0.9))
    asked = {"held": fold.held, "val_select": whole.select("val_select"), "val_calib": whole.select("val_calib")}
    scores = {name: _embed(run, part, workspace, spec) for name, part in asked.items()}
    y = asked["val_calib"].frame["label"].to_numpy(np.int64)
    calibrator = calibrators.get(member.calibrator.name)().fit(scores["val_calib"].log_odds, y)
    log_odds = calibrated_log_odds(calibrator.transform(scores["held"].log_odds))
    embedding, kept_share = scores["held"].parts["embedding"], None
    if member.role == "expert":
        final = {name: frozen.block(member.name)[_rows(frozen, asked[name])] for name in ("val_select", "val_calib")}
        turn = fit_alignment(scores["val_select"].parts["embedding"], final["val_select"], spec.projection)
        kept_share = explained(turn(scores["val_calib"].parts["embedding"]), final["val_calib"])
        embedding = turn(embedding)
    about = EmbeddingAbout(
        key=key,
        run=f"{member.run.name}, fold {fold.number + 1}",
        detector=str(run.document["detector"]),
        weights_sha256=scores["held"].about.weights_sha256,
        data_fingerprint=fold.held.fingerprint(),
        parts={"embedding": int(embedding.shape[1])},
        rows=len(fold.held),
    )
    metrics = {k: v for k, v in run.metrics.items() if isinstance(v, int | float)}
    write_json(
        fold.folder / f"{member.name}.json",
        {"member": member.name, "fold": fold.number + 1, "aligned": kept_share, "metrics": metrics,
         "calibrator": calibrator.to_json()},
    )  # fmt: skip
    write_shard(target, scores["held"].sample_id.tolist(), log_odds, {"embedding": embedding}, about)
    shutil.rmtree(run.folder)
    return read_embeddings(target)


def train_fold(fold: Fold, member: StackMember, spec: StackSpec, workspace: Workspace, report: Reporter) -> Run:
    """Train the member by its own recipe on a fold's rows; an unfinished training is resumed.

    Args:
        fold: The fold.
        member: Which member.
        spec: Device.
        workspace: Where data sets lie.
        report: Receives the progress.

    Returns:
        The fold's run.
    """
    from core.train.fit import fit
    from core.train.spec import TrainSpec

    data = fold.folder / "dataset"
    if not (data / "dataset.json").is_file():
        fold.train.save(data)
    own = {**member.run.spec, "dataset": str(data.absolute()), "name": "", "device": spec.device}
    report.progress(0.0, f"Fold {fold.number + 1}: training {member.name} again")
    return fit(TrainSpec(**own), workspace, fold.folder / member.name, report)


def _embed(run: Run, part: Manifest, workspace: Workspace, spec: StackSpec) -> EmbeddingTable:
    from core.models.inference.embedding import embed_dataset

    file = embed_dataset(run, part, workspace, batch_size=spec.batch_size, device=spec.device)
    return read_embeddings(file, ["embedding"]).take(part.frame["sample_id"])


def _rows(data: StackData, part: Manifest) -> np.ndarray:
    """Positions of a manifest's rows in the table, in the manifest's order."""
    place = {name: row for row, name in enumerate(data.frame["sample_id"])}
    return np.array([place[name] for name in part.frame["sample_id"]], np.int64)


def fold_report(folder: Path) -> list[dict[str, Any]]:
    """Read what is known of every fold's networks: figures on val_select, share aligned.

    Args:
        folder: Folder of the stack run.

    Returns:
        One entry a fold and member.
    """
    return [read_json(path) for path in sorted(folder.glob(f"{FOLDS}/fold-*/*.json"))]
