"""The scores that a policy comes from: its thresholds mean nothing for another detector.

A policy records the SHA-256 of the table of scores that chose it. A bundle carries the table of its own stack, byte for
byte and under its seal, so the two are equal exactly when the scores are those of this bundle's own experts, with their
calibrators and their stage 3. Names of experts prove nothing: an imported table may have the same names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from core.artifacts.files import read_json, sha256_file
from core.documents.bundle import BundleManifest, Member
from core.documents.policy import CascadePolicy
from core.documents.read import read_policy
from core.policies.table import calibration_rows, table_fingerprint

PREDICTIONS = "predictions.parquet"


class OtherScores(ValueError):
    """A policy whose thresholds were chosen on the scores of other detectors. The message says what to do."""


@dataclass(frozen=True)
class Origin:
    """The detectors and scores of one bundle or stack run, to which a policy is held.

    `core.bundles.bundle.Bundle.origin` gives that of an opened bundle, `read_origin` that of a folder.

    Attributes:
        name: Name of the folder, for messages.
        members: Stage 1 first, then the experts in the order they are asked.
        scores_sha256: SHA-256 (hex) of its predictions.parquet; empty without one.
        own_policy: The policy that it ships; None without one.
        read_table: Reads its predictions.parquet; called only for a policy that records no scores.
    """

    name: str
    members: tuple[Member, ...]
    scores_sha256: str
    own_policy: CascadePolicy | None
    read_table: Callable[[], pd.DataFrame]

    @cached_property
    def items_fingerprint(self) -> str:
        """Fingerprint of its calibration items."""
        # Without a table no policy fits: a word that is no fingerprint equals none, not even an empty one.
        return table_fingerprint(calibration_rows(self.read_table())) if self.scores_sha256 else "no items"

    def ships(self, policy: CascadePolicy) -> bool:
        """Tell whether a policy is the very one that the bundle or stack run ships.

        Args:
            policy: Any policy; its version does not count, because each workspace counts its own.

        Returns:
            True when all else is equal.
        """
        return self.own_policy is not None and _content(self.own_policy) == _content(policy)


def read_origin(folder: Path) -> Origin:
    """Read the origin of a bundle folder or a stack run, without opening a bundle: no weights are hashed.

    Args:
        folder: With bundle.json (the hash of the table is then the one that it names), or with run.json.

    Returns:
        Its origin; without members when the folder has neither file.

    Raises:
        BundleError: Its policy.json is no policy.
    """
    policy, table = folder / "policy.json", folder / PREDICTIONS
    manifest = _manifest(folder)
    return Origin(
        name=folder.name,
        members=tuple(members_of(folder)),
        scores_sha256=scores_fingerprint(folder) if manifest is None else manifest.files.get(PREDICTIONS, ""),
        own_policy=read_policy(policy) if policy.is_file() else None,
        read_table=lambda: pd.read_parquet(table),
    )


def members_of(folder: Path) -> list[Member]:
    """Read the members of a bundle (bundle.json) or a stack run (run.json).

    Args:
        folder: Any folder.

    Returns:
        Stage 1 first; empty for a folder of another kind.
    """
    manifest = _manifest(folder)
    if manifest is not None:
        return list(manifest.members)
    about = read_json(folder / "run.json") if (folder / "run.json").is_file() else {}
    return [Member.model_validate(row["member"]) for row in about.get("members", [])]


def scores_fingerprint(folder: Path) -> str:
    """Hash the table of scores of a folder.

    Args:
        folder: Any folder.

    Returns:
        SHA-256 (hex) of its predictions.parquet; empty without one.
    """
    path = folder / PREDICTIONS
    return sha256_file(path) if path.is_file() else ""


def check_origin(policy: CascadePolicy, origin: Origin) -> None:
    """Check that a policy may decide for the detectors of a bundle or stack run.

    Its experts must be those of the origin, in the same order, and its scores the origin's own. A policy that records
    no scores (older ones) is held to its calibration items instead. One that records neither and guarantees nothing
    (written by hand) is held to its experts alone.

    Args:
        policy: The policy to be used.
        origin: Of the bundle or stack run.

    Raises:
        OtherScores: The policy belongs to other experts, scores or items.
    """
    experts = [member.name for member in origin.members][1:]
    named = [expert.name for expert in policy.experts]
    if named != experts:
        raise OtherScores(
            f"policy {policy.name!r} sets exits for {', '.join(named) or 'no expert'}, and the experts of "
            f"{origin.name} are {', '.join(experts) or 'none'}: choose a policy made from this stack"
        )
    if origin.ships(policy):
        return
    if policy.scores_fingerprint:
        if policy.scores_fingerprint != origin.scores_sha256:
            raise _other(policy, origin, "scores of other detectors, although its experts have the same names")
    elif (policy.data_fingerprint or policy.guarantees) and policy.data_fingerprint != origin.items_fingerprint:
        raise _other(policy, origin, "other items than those of this bundle")


def _manifest(folder: Path) -> BundleManifest | None:
    """bundle.json of a folder; None when it is no bundle."""
    path = folder / "bundle.json"
    return BundleManifest.model_validate(read_json(path)) if path.is_file() else None


def _content(policy: CascadePolicy) -> dict[str, object]:
    """All of a policy but its version."""
    return policy.model_dump(mode="json", exclude={"version"})


def _other(policy: CascadePolicy, origin: Origin, chosen_on: str) -> OtherScores:
    recorded = (policy.scores_fingerprint or policy.data_fingerprint)[:12] or "not recorded"
    return OtherScores(
        f"policy {policy.name!r} ({policy.policy_id[:12]}) was chosen on {chosen_on} ({recorded}): its thresholds and "
        f"guarantees do not hold for {origin.name}; choose one from the scores of {origin.name} (Cascade page, or "
        f"`aware policy --source {origin.name}`)"
    )
