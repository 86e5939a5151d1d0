"""Policies as files: one immutable document an id, in the workspace's `policies`."""

from __future__ import annotations

from pathlib import Path

from core.artifacts.files import read_json, write_text
from core.artifacts.workspace import Workspace
from core.documents.policy import CascadePolicy
from jobs.kind import Produced


def write_policy(policy: CascadePolicy, workspace: Workspace) -> Produced:
    """Store `policies/<policy_id>.json` with the next version of its name.

    The same policy chosen again later is no error, and the first stays; another under its id is (ValueError).
    """
    kept = [_read(path) for path in workspace.policies.glob("[!.]*.json")]
    path = workspace.policies / f"{policy.policy_id}.json"
    if not policy.policy_id or path.parent != workspace.policies or path.name.startswith("."):
        raise ValueError(f"policy id {policy.policy_id!r} is not a file name")
    if not path.exists():
        version = 1 + max((p.version or 1 for p in kept if p.name == policy.name), default=0)
        policy = policy.model_copy(update={"version": version})
        write_text(path, policy.to_json())
    elif _content(_read(path)) != _content(policy):
        raise ValueError(f"policy {policy.policy_id} exists already and is another one: policies are never changed")
    return produced_policy(path)


def produced_policy(path: Path) -> Produced:
    """The artefact of a policy file. Raises ValueError when it is none, or another's under its name."""
    policy = _read(path)
    if policy.policy_id != path.stem:
        raise ValueError(f"{path} holds policy {policy.policy_id!r}; name the file by its id")
    return Produced("policy", policy.policy_id, str(path), summary(policy))


def _read(path: Path) -> CascadePolicy:
    return CascadePolicy.model_validate(read_json(path))


def _content(policy: CascadePolicy) -> dict[str, object]:
    return policy.model_dump(mode="json", exclude={"version", "created_at"})


def summary(policy: CascadePolicy) -> dict[str, object]:
    """What a list of policies shows."""
    return {
        "name": policy.name,
        "version": policy.version,
        "author": policy.author,
        "reason": policy.reason,
        "created_at": policy.created_at,
        "feasible": all(item.feasible for item in policy.guarantees),
        "methods": sorted({item.method for item in policy.guarantees}),
    }
