"""Read a policy file."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from core.artifacts.files import read_json
from core.documents.policy import CascadePolicy


class BundleError(ValueError):
    """A bundle that is refused. The message says which file, what is wrong, and what to do."""


def read_policy(path: Path) -> CascadePolicy:
    """Read a policy document.

    Args:
        path: A JSON file.

    Returns:
        The policy.

    Raises:
        BundleError: It is no policy; the message names the file and the first wrong field.
        FileNotFoundError: There is no such file.
    """
    try:
        return CascadePolicy.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"{path} is not a policy: {where}: {first['msg']}") from error
