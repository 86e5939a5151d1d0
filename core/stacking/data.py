"""Collect what stage 3 learns from: log-odds and embeddings of every member on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from core.artifacts.workspace import Workspace
from core.calibrate import Calibrator, load_calibrator
from core.calibrate.log_odds import calibrated_log_odds
from core.calibrate.of_run import calibrator_file
from core.data.manifest.manifest import Manifest
from core.data.manifest.open import open_dataset
from core.documents.bundle import Member
from core.models.inference.run import BEST, Run, find_run
from core.progress import Reporter, Within
from core.stacking.feature_sets import part_block
from core.stacking.spec import StackSpec
from core.tables.embeddings import EmbeddingTable, read_embeddings
from core.tables.item_rows import ItemRows

FITTABLE = ("val_select", "val_calib")


@dataclass(frozen=True)
class StackMember:
    """A calibrated run in its role.

    Attributes:
        name: Its column name in every table.
        role: stage1 or expert.
        run: The trained run.
        calibrator_file: JSON of its calibrator.
        calibrator: The same, loaded.
    """

    name: str
    role: Literal["stage1", "expert"]
    run: Run
    calibrator_file: Path
    calibrator: Calibrator

    @property
    def weights(self) -> Path:
        return self.run.folder / BEST


@dataclass
class StackData(ItemRows):
    """Scores and embeddings of all members on the same rows.

    Attributes:
        frame: A row an item: sample_id, group, dataset, label, split, method, log_odds_<member>, p_<member>.
        log_odds: By member, calibrated, (N,) in the frame's order.
        embeddings: By expert, (N, D) in the frame's order.
        members: What each member is and costs.
        notes: Sentences for the report.
        aside_log_odds: By specialist, (N,); only the comparison of feature sets reads it.
        aside_blocks: By specialist or part of an expert's embedding, (N, D); only the comparison reads it.
    """

    frame: pd.DataFrame
    log_odds: dict[str, np.ndarray]
    embeddings: dict[str, np.ndarray]
    members: list[Member]
    notes: list[str]
    aside_log_odds: dict[str, np.ndarray] = field(default_factory=dict)
    aside_blocks: dict[str, np.ndarray] = field(default_factory=dict)

    def rows_of(self, splits: Sequence[str]) -> np.ndarray:
        """Return the positions of the rows of some splits.

        Args:
            splits: Names of splits.

        Returns:
            (K,) positions, ascending.
        """
        return np.flatnonzero(self.frame["split"].isin(splits).to_numpy())

    def learnable(self, splits: Sequence[str], excluded: Sequence[str]) -> np.ndarray:
        """Return the positions of the rows of some splits whose source is not excluded.

        Args:
            splits: Names of splits.
            excluded: Names of sources that stage 3 must not learn from.

        Returns:
            (K,) positions, ascending.

        Raises:
            ValueError: An excluded source does not occur in the data set.
        """
        sources = self.frame["dataset"].astype(str)
        if unknown := sorted(set(excluded) - set(sources)):
            known = ", ".join(sorted(set(sources)))
            raise ValueError(f"cannot exclude {', '.join(unknown)}: the data set's sources are {known}")
        return np.flatnonzero((self.frame["split"].isin(splits) & ~sources.isin(excluded)).to_numpy())

    def column(self, name: str) -> np.ndarray:
        """Return the calibrated log-odds of a member or a specialist.

        Args:
            name: Its name.

        Returns:
            (N,) float64.
        """
        return self.log_odds[name] if name in self.log_odds else self.aside_log_odds[name]

    def block(self, name: str) -> np.ndarray:
        """Return the embedding of an expert or a specialist, or a part of one.

        Args:
            name: Name of the expert, specialist or part.

        Returns:
            (N, D).
        """
        return self.embeddings[name] if name in self.embeddings else self.aside_blocks[name]


def check_splits(splits: list[str]) -> None:
    """Check that stage 3 may learn from these splits.

    Args:
        splits: `fit_splits` of the spec.

    Raises:
        ValueError: There is none, or one that stage 3 must not learn from.
    """
    if refused := [name for name in splits if name not in FITTABLE]:
        raise ValueError(
            f"stage 3 cannot be fitted on {', '.join(refused)}: the experts have seen `train` in training and `test` "
            f"must stay unseen; fit_splits may hold {' and '.join(FITTABLE)}"
        )
    if not splits:
        raise ValueError(f"fit_splits is empty; give {' and '.join(FITTABLE)}")


def stack_members(spec: StackSpec, workspace: Workspace) -> list[StackMember]:
    """Find stage 1 and the experts, in the order given.

    Args:
        spec: Which runs.
        workspace: Where they lie.

    Returns:
        The members, stage 1 first.

    Raises:
        FileNotFoundError: A run or its calibrator is not there.
    """
    members = [_member("stage1", "stage1", spec.stage1, workspace)]
    return members + _named_experts(spec.experts, {"stage1"}, workspace)


def specialist_members(spec: StackSpec, members: list[StackMember], workspace: Workspace) -> list[StackMember]:
    """Find the runs that only join the comparison of feature sets.

    Args:
        spec: Which runs.
        members: The stack's own members.
        workspace: Where the runs lie.

    Returns:
        The specialists, in the order given.

    Raises:
        FileNotFoundError: A run or its calibrator is not there.
        ValueError: A run is a member of the stack already.
    """
    specialists = _named_experts(spec.specialists, {member.name for member in members}, workspace)
    taken = {member.run.folder.resolve() for member in members}
    if twice := [item.run.name for item in specialists if item.run.folder.resolve() in taken]:
        raise ValueError(f"{', '.join(twice)} is a member of the stack already; name other runs as specialists")
    return specialists


def _named_experts(refs: Sequence[str], taken: set[str], workspace: Workspace) -> list[StackMember]:
    experts, taken = [], set(taken)
    for ref in refs:
        member = _member("", "expert", ref, workspace)
        name = _free_name(str(member.run.document["detector"]), taken)
        taken.add(name)
        experts.append(replace(member, name=name))
    return experts


def _member(name: str, role: Literal["stage1", "expert"], ref: str, workspace: Workspace) -> StackMember:
    run = find_run(ref, workspace)
    if "detector" not in run.document:
        raise ValueError(f"run {ref!r} holds no detector (it is a {run.document.get('kind')} run); name a training")
    file = calibrator_file(run.folder)
    if file is None:
        raise FileNotFoundError(f"run {run.name!r} has no calibrator; run `calibrate` on it first")
    return StackMember(name, role, run, file, load_calibrator(file))


def _free_name(detector: str, taken: set[str]) -> str:
    """The detector's name as a member's, with a number when it is taken."""
    base = detector[:36] if detector != "stage1" else "expert"
    return next(name for name in [base, *(f"{base}_{i}" for i in range(2, 99))] if name not in taken)


def collect_stack_data(
    spec: StackSpec,
    workspace: Workspace,
    members: list[StackMember],
    report: Reporter,
    specialists: Sequence[StackMember] = (),
) -> StackData:
    """Score val_select, val_calib, test and some rows of train with every member as it is.

    The rows of train measure the leak. Torch is loaded inside.

    Args:
        spec: Data set, splits and number of training rows.
        workspace: Where data sets and embeddings lie.
        members: Stage 1 and the experts.
        report: Receives the progress.
        specialists: Further runs, for the comparison only.

    Returns:
        The data of all members and specialists.

    Raises:
        ValueError: The data set has none of these splits, or a run was trained on groups that stage 3 would learn from
            or be judged on.
    """
    dataset = members[0].run.dataset(spec.dataset)
    whole = open_dataset(dataset, workspace)
    wanted = {*spec.fit_splits, "val_select", "val_calib", "test"}
    parts = [whole.select(split) for split in sorted(wanted & set(whole.frame["split"]))]
    if not parts:
        raise ValueError(f"the data set {dataset!r} has no rows in {', '.join(sorted(wanted))}")
    everybody = [*members, *specialists]
    unseen = pd.concat([part.frame for part in parts])
    notes = [note for member in everybody for note in _seen_in_training(member, whole, unseen, workspace)]
    if (train := leak_rows(whole, spec)) is not None:
        parts.append(train)
    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    data = StackData(frame[["sample_id", "group", "dataset", "label", "split", "method"]].copy(), {}, {}, [], notes)
    for position, member in enumerate(everybody):
        share = Within(report, position / len(everybody), (position + 1) / len(everybody))
        share.progress(0.0, f"Scoring with {member.name}")
        scores = _score_member(member, parts, workspace, spec, share)
        if position < len(members):
            _add(data, member, scores)
        else:
            _add_aside(data, member, scores)
    data.notes.extend(order_notes(data.members))
    return data


def leak_rows(whole: Manifest, spec: StackSpec) -> Manifest | None:
    """Draw the rows of `train` on which the leak is measured: whole groups in a seeded order.

    Args:
        whole: The data set.
        spec: `leak_items` rows at most.

    Returns:
        The rows; None when the leak is not measured or there is no split `train`.
    """
    train = whole.frame[whole.frame["split"] == "train"]
    if not spec.leak_items or train.empty:
        return None
    if len(train) <= spec.leak_items:
        return whole.select("train")
    sizes = train["group"].value_counts(sort=False)
    order = sizes.sample(frac=1.0, random_state=spec.seed)
    kept = order.index[(order.cumsum() <= spec.leak_items).to_numpy()]
    return Manifest(train[train["group"].isin(kept)].reset_index(drop=True), whole.root)


def _score_member(
    member: StackMember, parts: list[Manifest], workspace: Workspace, spec: StackSpec, report: Reporter
) -> EmbeddingTable:
    """What a run says of some manifests, one embedding file each, in their order."""
    from core.models.inference.embedding import embed_dataset

    tables = []
    for number, part in enumerate(parts):
        step = Within(report, number / len(parts), (number + 1) / len(parts))
        file = embed_dataset(member.run, part, workspace, batch_size=spec.batch_size, device=spec.device, report=step)
        tables.append(read_embeddings(file).take(part.frame["sample_id"]))
    return joined(tables)


def joined(tables: Sequence[EmbeddingTable]) -> EmbeddingTable:
    """Put several tables of one network below each other.

    Args:
        tables: At least one; all have the same parts.

    Returns:
        One table, described as the first one is.
    """
    return EmbeddingTable(
        np.concatenate([table.sample_id for table in tables]),
        np.concatenate([table.log_odds for table in tables]),
        {name: np.concatenate([table.parts[name] for table in tables]) for name in tables[0].parts},
        tables[0].about,
    )


def order_notes(members: Sequence[Member]) -> list[str]:
    """Say which experts are asked before a cheaper one: the order is the spec's, and it costs.

    Args:
        members: Members of the stack, in the order asked.

    Returns:
        A sentence for every such pair of neighbours.
    """
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
        own = open_dataset(member.run.dataset(), workspace)
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


def _add(data: StackData, member: StackMember, scores: EmbeddingTable) -> None:
    """A member's columns, and its line in the stack: what it is and what it costs."""
    from core.models.inference.cost import cpu_seconds, gflops
    from core.models.registry import detectors

    p_fake = member.calibrator.transform(scores.log_odds)
    data.frame[f"log_odds_{member.name}"] = scores.log_odds
    data.frame[f"p_{member.name}"] = p_fake
    data.log_odds[member.name] = calibrated_log_odds(p_fake)
    if member.role == "expert":
        data.embeddings[member.name] = scores.parts["embedding"]
        for part, values in scores.parts.items():
            if part != "embedding":
                data.aside_blocks[part_block(member.name, part)] = values
    detector, document = member.run.load_detector("cpu"), member.run.document
    data.members.append(
        Member(
            name=member.name,
            title=detectors.get(str(document["detector"])).title,
            role=member.role,
            detector=str(document["detector"]),
            options=document["options"],
            input=detector.input_spec,
            gflops=gflops(detector),
            seconds=cpu_seconds(detector),
            data_fingerprint=str(document.get("data_fingerprint", "")),
        )
    )


def _add_aside(data: StackData, specialist: StackMember, scores: EmbeddingTable) -> None:
    """A specialist's columns: for the comparison only."""
    p_fake = specialist.calibrator.transform(scores.log_odds)
    data.aside_log_odds[specialist.name] = calibrated_log_odds(p_fake)
    data.aside_blocks[specialist.name] = scores.parts["embedding"]
    data.frame[f"log_odds_{specialist.name}"] = scores.log_odds
    data.frame[f"p_{specialist.name}"] = p_fake
