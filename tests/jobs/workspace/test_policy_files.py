"""Policies as files: chosen again they stay, changed they are refused."""

from pathlib import Path

import pytest

from core.artifacts.workspace import Workspace
from core.documents.policy import CascadePolicy, Exits
from jobs.workspace.policies import write_policy


def policy(**changes) -> CascadePolicy:
    said = {"policy_id": "ab12", "name": "strict", "created_at": "2026-01-01T00:00:00+00:00", "experts": []}
    return CascadePolicy(**(said | {"stage1": Exits(real_below=0.2), "final": Exits()} | changes))


def test_the_same_policy_again_keeps_the_first(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.policies.mkdir(parents=True)
    first = write_policy(policy(), workspace)
    again = write_policy(policy(created_at="2026-02-02T00:00:00+00:00"), workspace)
    assert again == first
    assert first.summary["created_at"].startswith("2026-01-01")


def test_another_policy_under_its_id_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.policies.mkdir(parents=True)
    write_policy(policy(), workspace)
    before = (workspace.policies / "ab12.json").read_bytes()
    with pytest.raises(ValueError, match="never changed"):
        write_policy(policy(stage1=Exits(real_below=0.3)), workspace)
    assert (workspace.policies / "ab12.json").read_bytes() == before
