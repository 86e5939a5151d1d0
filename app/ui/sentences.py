"""Small pieces of text for pages: a clause as a sentence, and the definitions of several terms for one help."""

from __future__ import annotations

from core.glossary import define


def sentence(clause: str) -> str:
    """Return a clause with a capital first letter and a full stop; an empty clause stays empty."""
    clause = clause.strip()
    if not clause:
        return ""
    return clause[0].upper() + clause[1:] + ("" if clause.endswith((".", "!", "?")) else ".")


def terms(*names: str) -> str:
    """Join the glossary's sentences for one help.

    Args:
        *names: Terms as they are written in assets/glossary.md.

    Returns:
        Markdown, one paragraph for each term.

    Raises:
        LookupError: The glossary has no such term.
    """
    return "\n\n".join(f"**{name}**: {define(name)}" for name in names)
