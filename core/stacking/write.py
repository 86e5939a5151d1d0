"""Write a stack run's folder: what inference needs, the report, and run.json last."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import core
from core.artifacts.files import atomic_path, read_json, sha256_file, write_json, write_text
from core.artifacts.finding import RUN
from core.models.inference.run import kept_weights
from core.policies.choose import calibration_rows, table_fingerprint
from core.spec import fingerprint
from core.stacking.data import StackData, StackMember
from core.stacking.feature_sets import STAGE3
from core.stacking.fit import SETTINGS, Fitted, Projector, Way
from core.stacking.member_identity import MemberIdentity, weights_fingerprint
from core.stacking.meta_model import feature_names, save_meta
from core.stacking.report import comparison, permutation
from core.stacking.spec import StackSpec

NOTES = {
    "frozen": [
        "The experts are frozen and were trained on `train` only; val_select and val_calib never moved their weights.",
        "val_select picked each expert's epoch and val_calib fitted each expert's temperature: their scores there are "
        "slightly better than on unseen data, and stage 3 learns from them. `test` was used for nothing.",
        "p_stack of a row that stage 3 was fitted on is out-of-fold (by group); stage 3's temperature was fitted on "
        "these same out-of-fold scores, one number over all folds. Rows of `test` are scored by the final model.",
    ],
    "refit": [
        "Every member was trained again in each fold by its own recipe; stage 3 learned from out-of-fold answers to "
        "all rows of `train`. The cascade keeps the members that were trained on all of `train`.",
        "A fold's networks picked their epoch on val_select and their temperature on val_calib; their embeddings were "
        "turned into the final networks' space on val_select, without labels. `test` was used for nothing.",
        "As in all stacking, the answers to one fold come from networks that trained on the others' labels. p_stack of "
        "val_calib is the final model's, whose temperature was fitted on these rows.",
    ],
}


def write_stack(
    spec: StackSpec,
    folder: Path,
    members: Sequence[StackMember],
    data: StackData,
    fitted: Fitted,
    leak: dict[str, Any] | None,
) -> None:
    """Write everything of the stack run; run.json last, so that a folder with it is whole.

    Args:
        spec: What was asked.
        folder: Folder of the run.
        members: Stage 1 and the experts.
        data: Data that stage 3 was fitted on.
        fitted: Stage 3 and its rivals.
        leak: `leak_report`, None where it was not measured.
    """
    (folder / RUN).unlink(missing_ok=True)
    for part in ("stack", "calibrators"):
        shutil.rmtree(folder / part, ignore_errors=True)
        (folder / part).mkdir(parents=True)
    weights = {member.name: sha256_file(member.weights) for member in members}
    _write_meta(spec, folder, members, data, fitted, weights)
    table = data.frame.assign(p_stack=fitted.p[STAGE3])
    own = [f"{kind}_{name}" for name in data.log_odds for kind in ("log_odds", "p")]
    columns = ["sample_id", "group", "dataset", "label", "split", "method", *own, "p_stack"]
    predictions = table.loc[table["split"].isin(["val_calib", "test"]), columns].reset_index(drop=True)
    with atomic_path(folder / "predictions.parquet") as temporary:
        predictions.to_parquet(temporary, index=False)
    report = report_of(spec, folder, data, fitted, leak)
    write_json(folder / "stack_report.json", report)
    write_text(folder / "spec.json", spec.to_json())
    _tidy(folder)
    rows = [
        {
            "member": described.model_dump(mode="json"),
            "run": member.run.name,
            "weights": kept_weights(member.weights, folder),
            "weights_sha256": weights[member.name],
        }
        for member, described in zip(members, data.members, strict=True)
    ]
    write_json(
        folder / RUN,
        {
            "format": 1,
            "kind": "stack",
            "experts_are": spec.experts_are,
            "dataset": members[0].run.dataset(spec.dataset),
            "test_auroc": next((row["auroc"] for row in report["comparison"] if row["method"] == STAGE3), None),
            "members": rows,
            "predictions_fingerprint": table_fingerprint(calibration_rows(predictions)),
            "code_version": core.__version__,
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )


def _write_meta(
    spec: StackSpec,
    folder: Path,
    members: Sequence[StackMember],
    data: StackData,
    fitted: Fitted,
    weights: dict[str, str],
) -> None:
    """stack/ and calibrators/: what inference reads, and what it must find again."""
    about = {
        "experts_are": spec.experts_are,
        "fit_splits": ["train"] if spec.experts_are == "refit" else spec.fit_splits,
        "data_fingerprint": table_fingerprint(data.frame.iloc[fitted.rows]),
        "weights_sha256": weights,
        "identity": [identity(member, data).model_dump() for member in members],
        "best_rounds": fitted.best_rounds,
        "rounds": fitted.rounds,
        "search": fitted.search[STAGE3],
        "folds": fitted.folds,
        "projection_asked": spec.projection,
    }
    calibrator = fitted.calibrator.to_json()
    save_meta(folder / "stack", list(data.log_odds), fitted.projections, fitted.text, calibrator, about)
    for member in members:
        shutil.copyfile(member.calibrator_file, folder / "calibrators" / f"{member.name}.json")


def identity(member: StackMember, data: StackData) -> MemberIdentity:
    """Identify a member by what it computes with.

    Args:
        member: The member.
        data: Its stack data.

    Returns:
        Name, detector, embedding size, fingerprints of weights and calibrator.
    """
    from safetensors.numpy import load_file

    document = member.run.document
    return MemberIdentity(
        name=member.name,
        detector=str(document["detector"]),
        embedding_size=int(document["embedding_size"]),
        weights=weights_fingerprint(load_file(member.weights)),
        calibrator=fingerprint(read_json(member.calibrator_file)),
    )


def report_of(
    spec: StackSpec, folder: Path, data: StackData, fitted: Fitted, leak: dict[str, Any] | None
) -> dict[str, Any]:
    """Build stack_report.json.

    Args:
        spec: What was asked.
        folder: Folder of the run.
        data: Data that stage 3 was fitted on.
        fitted: Stage 3 and its rivals.
        leak: `leak_report`, None where it was not measured.

    Returns:
        JSON.
    """
    names, specialists = list(data.log_odds), list(data.aside_log_odds)
    p = {name: data.frame[f"p_{name}"].to_numpy() for name in [*names, *specialists]}
    ways = {
        **p,
        "mean": 1 / (1 + np.exp(-np.mean([data.log_odds[name] for name in names], axis=0))),
        "logistic": fitted.p["logistic"],
        **{features.name: fitted.p[features.name] for features in fitted.sets},
    }
    titles = {member.name: f"{member.title} alone" for member in data.members}
    titles |= {name: f"{name} alone (specialist)" for name in specialists}
    titles |= {features.name: features.title for features in fitted.sets}
    limited = [
        f"{name}: {projection.size} of {spec.projection} dimensions, all that its embedding and the rows allow."
        for name, projection in fitted.projections.items()
        if projection.size < spec.projection
    ]
    left = []
    if spec.exclude_datasets:
        left.append(
            f"Stage 3 did not learn from {', '.join(spec.exclude_datasets)}; whether the experts did is in their own "
            "runs. Their temperatures were fitted on all of val_calib."
        )
    document = {
        "experts_are": spec.experts_are,
        "exclude_datasets": spec.exclude_datasets,
        "notes": [*NOTES[spec.experts_are], *left, *data.notes, *limited],
        "members": [member.model_dump(mode="json") for member in data.members],
        **comparison(
            data.frame,
            ways,
            fitted.rows,
            spec.seed,
            titles=titles,
            features={features.name: features.features for features in fitted.sets},
            left_out=spec.exclude_datasets,
        ),
        "importance": fitted.importance,
        "permutation": _permutation(spec, data, fitted),
        "leak": leak,
        "search": {"settings": list(SETTINGS[: spec.search]), "by_way": fitted.search},
        "best_rounds": fitted.best_rounds,
        "rounds": fitted.rounds,
        "folds": fitted.folds,
    }
    if spec.experts_are == "refit":
        from core.stacking.refit import fold_report

        document["fold_networks"] = fold_report(folder)
        document["notes"] += aligned_notes(document["fold_networks"])
    return document


def aligned_notes(networks: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say by expert how much of the final embedding the folds' embeddings explain once they are turned into its space.

    Args:
        networks: Entries of `fold_report`.

    Returns:
        One sentence an expert.
    """
    shares: dict[str, list[float]] = {}
    for row in networks:
        if row["aligned"] is not None:
            shares.setdefault(row["member"], []).append(row["aligned"])
    return [
        f"{name}: turned into the final network's space, the folds' embeddings explain {np.mean(found):.0%} of its "
        "variance on val_calib; the lower, the less its embedding columns mean the same at inference."
        for name, found in shares.items()
    ]


def _permutation(spec: StackSpec, data: StackData, fitted: Fitted) -> dict[str, dict[str, float]]:
    """Of the final stage 3, on test."""
    test = data.rows_of(["test"])
    stage3 = next(features for features in fitted.sets if features.name == STAGE3)
    way = Way(data, spec, stage3, Projector(data, spec.projection, spec.seed))
    names = feature_names(list(data.log_odds), fitted.projections)
    table = way.table(test, fitted.projections)
    labels = data.labels[test]
    return permutation(fitted.booster.predict, table, names, list(data.log_odds), labels, spec.seed)


def _tidy(folder: Path) -> None:
    """Drop what only a resumed training needs; the folds' answers and figures stay."""
    for left in folder.glob("folds/fold-*/*"):
        if left.is_dir():
            shutil.rmtree(left)
