"""How moments, lengths of time and p-values are written: one way on every page and in every list."""

from __future__ import annotations

from datetime import UTC, datetime


def when(moment: datetime | str | float | None) -> str:
    """A moment to the minute in UTC, `2026-11-22 04:54 UTC`; a time without a zone is UTC."""
    if moment is None or moment == "":
        return ""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    if isinstance(moment, int | float):
        moment = datetime.fromtimestamp(moment, UTC)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def span(seconds: float | None) -> str:
    """A length of time as a person says it."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def p_text(p: float | None) -> str:
    """A p-value, `.035`; `< .001` below that, `–` where there is none. No p-value is 0."""
    if p is None:
        return "–"
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")
