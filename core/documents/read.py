"""Read a policy file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from core.artifacts.files import read_json
from core.documents.policy import CascadePolicy

if TYPE_CHECKING:
    pass


class BundleError(ValueError):
    """A bundle that is refused. The message says which file, what is wrong, and what to do."""


def read_policy(path: Path) -> CascadePolicy:
    """Read a policy document. Raises BundleError naming the file and the first field that is wrong."""
    try:
        return CascadePolicy.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"{path} is not a policy: {where}: {first['msg']}") from error
