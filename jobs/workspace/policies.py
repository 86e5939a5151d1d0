"""Policies as files: one document for each id in the workspace's `policies`, never changed."""

from __future__ import annotations

from pathlib import Path

from core.artifacts.files import write_text
from core.artifacts.workspace import Workspace
from core.documents.policy import CascadePolicy
from core.documents.read import read_policy
from jobs.kind import Produced


def write_policy(policy: CascadePolicy, workspace: Workspace) -> Produced:
    """Store a policy as `policies/<policy_id>.json`, with the next version number of its name.

    The same policy, chosen again later, is no error; the first file stays.

    Args:
        policy: The policy.
        workspace: Where it is stored.

    Returns:
        The artefact.

    Raises:
        ValueError: Another policy has this id, or the id is no file name.
    """
    stored = [read_policy(path) for path in workspace.policies.glob("[!.]*.json")]
    path = workspace.policies / f"{policy.policy_id}.json"
    if not policy.policy_id or path.parent != workspace.policies or path.name.startswith("."):
        raise ValueError(f"policy id {policy.policy_id!r} is not a file name")
    if not path.exists():
        version = 1 + max((p.version or 1 for p in stored if p.name == policy.name), default=0)
        policy = policy.model_copy(update={"version": version})
        write_text(path, policy.to_json())
    elif _content(read_policy(path)) != _content(policy):
        raise ValueError(f"policy {policy.policy_id} exists already with another content: policies are never changed")
    return produced_policy(path)


def produced_policy(path: Path) -> Produced:
    """Return the artefact of a policy file.

    Args:
        path: The file.

    Returns:
        The artefact.

    Raises:
        ValueError: The file is no policy, or is not named by the policy's id.
    """
    policy = read_policy(path)
    if policy.policy_id != path.stem:
        raise ValueError(f"{path} holds the policy {policy.policy_id!r}; name the file by its id")
    return Produced("policy", policy.policy_id, str(path), summary(policy))


def _content(policy: CascadePolicy) -> dict[str, object]:
    return policy.model_dump(mode="json", exclude={"version", "created_at"})


def summary(policy: CascadePolicy) -> dict[str, object]:
    """Return what a list of policies shows.

    Args:
        policy: The policy.

    Returns:
        Name, version, author, reason, time, methods, and whether every guarantee is feasible.
    """
    return {
        "name": policy.name,
        "version": policy.version,
        "author": policy.author,
        "reason": policy.reason,
        "created_at": policy.created_at,
        "feasible": all(item.feasible for item in policy.guarantees),
        "methods": sorted({item.method for item in policy.guarantees}),
    }
