"""Where a policy's scores come from, and whether it is this bundle's: thresholds mean nothing on another detector.

A policy records the SHA-256 of the table of scores that chose it. A bundle carries the table of its own stack, byte for
byte and under its seal, so the two are equal exactly when the scores are those of this bundle's own experts, with their
calibrators and their stage 3. Names of experts prove nothing: a foreign table may bear them.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from core.artifacts.files import read_json, sha256_file
from core.documents.bundle import BundleManifest, Member
from core.documents.policy import CascadePolicy
from core.policies.table import calibration_rows, table_fingerprint

PREDICTIONS = "predictions.parquet"


class OtherScores(ValueError):
    """A policy whose thresholds were chosen on scores of other detectors. The message says which, and what to do."""


def members_of(folder: Path) -> list[Member]:
    """Members of a bundle (bundle.json) or a stack run (run.json), stage 1 first; empty for another folder."""
    if (folder / "bundle.json").is_file():
        return list(BundleManifest.model_validate(read_json(folder / "bundle.json")).members)
    about = read_json(folder / "run.json") if (folder / "run.json").is_file() else {}
    return [Member.model_validate(row["member"]) for row in about.get("members", [])]


def scores_fingerprint(folder: Path) -> str:
    """SHA-256 (hex) of the folder's table of scores; empty where it has none."""
    path = folder / PREDICTIONS
    return sha256_file(path) if path.is_file() else ""


def check_origin(policy: CascadePolicy, folder: Path) -> None:
    """Whether `policy` may decide for the detectors of `folder`, a bundle or a stack run. Raises OtherScores.

    Its experts must be those of the folder, in the same order, and its scores the folder's own. A policy from before
    scores were recorded is held to its items instead; one that names neither and promises nothing (written by hand) to
    its experts alone.
    """
    there = [member.name for member in members_of(folder)][1:]
    named = [expert.name for expert in policy.experts]
    if named != there:
        raise OtherScores(
            f"policy {policy.name!r} sets exits for {', '.join(named) or 'no expert'}, and the experts of "
            f"{folder.name} are {', '.join(there) or 'none'}: choose a policy made from this stack"
        )
    if is_own(policy, folder):
        return
    if policy.scores_fingerprint:
        if policy.scores_fingerprint != scores_fingerprint(folder):
            raise _other(policy, folder, "scores of other detectors, though its experts bear the same names")
    elif (policy.data_fingerprint or policy.guarantees) and policy.data_fingerprint != _items(folder):
        raise _other(policy, folder, "other items than those of this bundle")


def is_own(policy: CascadePolicy, folder: Path) -> bool:
    """Whether it is the very policy that the folder ships."""
    own = folder / "policy.json"
    return own.is_file() and _content(CascadePolicy.model_validate(read_json(own))) == _content(policy)


def _content(policy: CascadePolicy) -> dict[str, object]:
    return policy.model_dump(mode="json", exclude={"version"})


def _items(folder: Path) -> str:
    path = folder / PREDICTIONS
    return table_fingerprint(calibration_rows(pd.read_parquet(path))) if path.is_file() else "no items"


def _other(policy: CascadePolicy, folder: Path, what: str) -> OtherScores:
    recorded = (policy.scores_fingerprint or policy.data_fingerprint)[:12] or "not recorded"
    return OtherScores(
        f"policy {policy.name!r} ({policy.policy_id[:12]}) was chosen on {what} ({recorded}): its thresholds and "
        f"promises do not hold for {folder.name}; choose one from the scores of {folder.name} (Cascade, or `aware "
        f"policy --source {folder.name}`)"
    )
