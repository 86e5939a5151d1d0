"""Policies as files: one immutable document an id, in the workspace's `policies`."""

from __future__ import annotations

from core.artifacts.files import read_json, write_text
from core.artifacts.workspace import Workspace
from core.cascade.types import CascadePolicy
from jobs.kind import Produced


def write_policy(policy: CascadePolicy, workspace: Workspace) -> Produced:
    """Store `policies/<policy_id>.json`. The same policy again is no error; another under its id is (ValueError)."""
    path = workspace.policies / f"{policy.policy_id}.json"
    if not policy.policy_id or path.parent != workspace.policies or path.name.startswith("."):
        raise ValueError(f"policy id {policy.policy_id!r} is not a file name")
    if not path.exists():
        write_text(path, policy.to_json())
    elif read_json(path) != policy.model_dump(mode="json"):
        raise ValueError(f"policy {policy.policy_id} exists already and is another one: policies are never changed")
    return Produced("policy", policy.policy_id, str(path), summary(policy))


def summary(policy: CascadePolicy) -> dict[str, object]:
    """What a list of policies shows."""
    return {
        "name": policy.name,
        "author": policy.author,
        "reason": policy.reason,
        "created_at": policy.created_at,
        "feasible": all(item.feasible for item in policy.guarantees),
        "methods": sorted({item.method for item in policy.guarantees}),
    }
