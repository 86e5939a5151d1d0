"""The terms of the field, each with one sentence. Page helps, reports and the guide read the same file."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "assets" / "glossary.md"
_ENTRY = re.compile(r"^- \*\*(?P<term>.+?)\*\*: (?P<sentence>.+)$", re.MULTILINE)


@cache
def glossary() -> dict[str, str]:
    """Read every term of assets/glossary.md with its sentence, in the order of the file."""
    return {entry["term"]: entry["sentence"] for entry in _ENTRY.finditer(FILE.read_text(encoding="utf-8"))}


def define(term: str) -> str:
    """Explain a term in one sentence.

    Args:
        term: A term as it is written in assets/glossary.md.

    Returns:
        Its sentence.

    Raises:
        LookupError: The glossary has no such term.
    """
    sentences = glossary()
    if term not in sentences:
        raise LookupError(f"{term!r} is not in {FILE.name}; add it there, with one sentence")
    return sentences[term]
