"""Every job kind; importing this package registers them. None of it loads torch: what is heavy is imported in `run`."""

from __future__ import annotations

import importlib

from jobs.kinds import (
    analyze,
    calibrate,
    embed,
    evaluate,
    evidence,
    experts,
    export,
    import_detector,
    import_scores,
    policy,
    prepare,
    protocol,
    search,
    stack,
    train,
)

__all__ = [
    "analyze",
    "calibrate",
    "embed",
    "evaluate",
    "evidence",
    "experts",
    "export",
    "import_detector",
    "import_scores",
    "load_plugins",
    "policy",
    "prepare",
    "protocol",
    "search",
    "stack",
    "train",
]


def load_plugins(names: str) -> None:
    """Import the modules (comma-separated) that register further kinds. Raises ImportError naming the one missing."""
    for name in filter(None, (part.strip() for part in names.split(","))):
        importlib.import_module(name)
