"""The base of every input document. A spec is a form, a command and a JSON file at once."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """A frozen document with no unknown fields. Dump whole (never `exclude_defaults`, which loses union tags)."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    def to_json(self) -> str:
        """Return the document as JSON: sorted keys, two spaces of indent, a final newline; equal specs, equal bytes."""
        return json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    def fingerprint(self) -> str:
        """Return the SHA-256 of the document in canonical form, hex."""
        return fingerprint(self.model_dump(mode="json"))


def fingerprint(document: Any) -> str:
    """Compute the SHA-256 of a JSON document in canonical form (sorted keys, no spaces).

    Args:
        document: JSON.

    Returns:
        64 hexadecimal digits.
    """
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def choose(what: str) -> dict[str, Any]:
    """Mark a string field as a reference that a form offers as a list.

    Args:
        what: One of dataset, run (with a network), scored_run (imported scores too), expert_runs (one network: no
            stack), bundle, policy, recipe, calibrator, exit_policy, face_detector, data_source, pooling.

    Returns:
        The value of the field's `json_schema_extra`.
    """
    return {"choose": what}
