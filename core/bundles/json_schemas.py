"""JSON schemas of the documents that leave the workbench. To write them anew: `python -m core.bundles.json_schemas`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.artifacts.files import write_json
from core.documents.analysis import Analysis
from core.documents.bundle import BundleManifest
from core.documents.policy import CascadePolicy
from core.policies.thresholds_document import ThresholdsDocument
from core.spec import Spec

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "schemas"

DOCUMENTS: dict[str, type[Spec]] = {
    "bundle": BundleManifest,
    "thresholds": ThresholdsDocument,
    "policy": CascadePolicy,
    "analysis": Analysis,
}


def schema(name: str) -> dict[str, Any]:
    """Make the JSON Schema 2020-12 of one document, as it is written.

    Args:
        name: A key of DOCUMENTS.

    Returns:
        The schema.

    Raises:
        KeyError: There is no such document.
    """
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return head | DOCUMENTS[name].model_json_schema(mode="serialization")


def write_schemas(folder: Path = FOLDER) -> list[Path]:
    """Write `<name>.schema.json` for every document.

    Args:
        folder: Where to.

    Returns:
        The written files.
    """
    paths = [folder / f"{name}.schema.json" for name in DOCUMENTS]
    for name, path in zip(DOCUMENTS, paths, strict=True):
        write_json(path, schema(name))
    return paths


if __name__ == "__main__":
    for written in write_schemas():
        print(written)
