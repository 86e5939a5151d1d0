"""What stage 3 learns from: every member's calibrated log-odds and embeddings on the same rows, in one table."""

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
class StackData(ItemRows):
    """frame: one row an item (sample_id, group, dataset, label, split, method, log_odds_<member>, p_<member>).

    log_odds: calibrated, (N,) a member; embeddings: (N, D) an expert; both in the frame's order. aside_log_odds and
    aside_blocks: what only the comparison of feature sets reads (specialists, parts of an expert's embedding).
    """

    frame: pd.DataFrame
    log_odds: dict[str, np.ndarray]
    embeddings: dict[str, np.ndarray]
    members: list[Member]
    notes: list[str]
    aside_log_odds: dict[str, np.ndarray] = field(default_factory=dict)
    aside_blocks: dict[str, np.ndarray] = field(default_factory=dict)

    def rows_of(self, splits: Sequence[str]) -> np.ndarray:
        """Positions of the rows of some splits."""
        return np.flatnonzero(self.frame["split"].isin(splits).to_numpy())

    def learnable(self, splits: Sequence[str], excluded: Sequence[str]) -> np.ndarray:
        """Positions of the rows of some splits whose source is not excluded. Raises ValueError for a source that is
        not there at all.
        """
        sources = self.frame["dataset"].astype(str)
        if strange := sorted(set(excluded) - set(sources)):
            known = ", ".join(sorted(set(sources)))
            raise ValueError(f"cannot exclude {', '.join(strange)}: the data set's sources are {known}")
        return np.flatnonzero((self.frame["split"].isin(splits) & ~sources.isin(excluded)).to_numpy())

    def column(self, name: str) -> np.ndarray:
        """(N,) calibrated log-odds of a member or a specialist."""
        return self.log_odds[name] if name in self.log_odds else self.aside_log_odds[name]

    def block(self, name: str) -> np.ndarray:
        """(N, D) embedding of an expert or a specialist, or a part of one."""
        return self.embeddings[name] if name in self.embeddings else self.aside_blocks[name]


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
    members = [_member("stage1", "stage1", spec.stage1, workspace)]
    return members + _named_experts(spec.experts, {"stage1"}, workspace)


def specialist_members(spec: StackSpec, members: list[StackMember], workspace: Workspace) -> list[StackMember]:
    """The runs that only join the comparison. Raises as `stack_members`, and ValueError for a member's own run."""
    found = _named_experts(spec.specialists, {member.name for member in members}, workspace)
    taken = {member.run.folder.resolve() for member in members}
    if twice := [item.run.name for item in found if item.run.folder.resolve() in taken]:
        raise ValueError(f"{', '.join(twice)} is a member of the stack already; name other runs as specialists")
    return found


def _named_experts(refs: Sequence[str], taken: set[str], workspace: Workspace) -> list[StackMember]:
    found, taken = [], set(taken)
    for ref in refs:
        member = _member("", "expert", ref, workspace)
        name = _free_name(str(member.run.document["detector"]), taken)
        taken.add(name)
        found.append(replace(member, name=name))
    return found


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
    """What every member, as it is, says of val_select, val_calib, test, and of so many rows of train as measure the
    leak. Torch is loaded inside.

    Raises ValueError when a run was trained on groups that stage 3 would learn from or be judged on.
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
        share.progress(0.0, f"hearing {member.name}")
        said = _score_member(member, parts, workspace, spec, share)
        if position < len(members):
            _add(data, member, said)
        else:
            _add_aside(data, member, said)
    data.notes.extend(order_notes(data.members))
    return data


def leak_rows(whole: Manifest, spec: StackSpec) -> Manifest | None:
    """So many rows of `train` as the spec allows, whole groups in a seeded order; None when the leak is not measured
    or there is no such split.
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
    """Several tables of one network below each other."""
    return EmbeddingTable(
        np.concatenate([table.sample_id for table in tables]),
        np.concatenate([table.log_odds for table in tables]),
        {name: np.concatenate([table.parts[name] for table in tables]) for name in tables[0].parts},
        tables[0].about,
    )


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


def _add(data: StackData, member: StackMember, said: EmbeddingTable) -> None:
    """A member's columns, and its line in the stack: what it is and what it costs."""
    from core.models.inference.cost import cpu_seconds, gflops
    from core.models.registry import detectors

    p_fake = member.calibrator.transform(said.log_odds)
    data.frame[f"log_odds_{member.name}"] = said.log_odds
    data.frame[f"p_{member.name}"] = p_fake
    data.log_odds[member.name] = calibrated_log_odds(p_fake)
    if member.role == "expert":
        data.embeddings[member.name] = said.parts["embedding"]
        for part, values in said.parts.items():
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


def _add_aside(data: StackData, specialist: StackMember, said: EmbeddingTable) -> None:
    """A specialist's columns: for the comparison only."""
    p_fake = specialist.calibrator.transform(said.log_odds)
    data.aside_log_odds[specialist.name] = calibrated_log_odds(p_fake)
    data.aside_blocks[specialist.name] = said.parts["embedding"]
    data.frame[f"log_odds_{specialist.name}"] = said.log_odds
    data.frame[f"p_{specialist.name}"] = p_fake
