"""Write moments, lengths of time, shares and p-values: one way on every page and in every list."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

UTC_NAMES = ("UTC", "Etc/UTC", "GMT", "Etc/GMT")
"""Names under which a browser reports UTC."""


def moment_of(moment: datetime | str | float) -> datetime:
    """Return a moment as an aware time in UTC.

    Args:
        moment: A time, ISO 8601 text, or seconds since the epoch; without a zone it is UTC.

    Returns:
        The same moment in UTC.

    Raises:
        ValueError: The text is not ISO 8601.
    """
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    if isinstance(moment, int | float):
        moment = datetime.fromtimestamp(moment, UTC)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def when(moment: datetime | str | float | None) -> str:
    """Write a moment to the minute in UTC, `2026-11-22 04:54 UTC`; empty when there is none."""
    if moment is None or moment == "":
        return ""
    return moment_of(moment).strftime("%Y-%m-%d %H:%M UTC")


def zone_of(name: str | None) -> tzinfo:
    """Return the time zone of a browser.

    Args:
        name: Its IANA name, for example `Europe/Berlin`; None or a name that this machine does not know gives UTC.

    Returns:
        The zone.
    """
    if not name or name in UTC_NAMES:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def local_time(moment: datetime | str | float | None, zone: tzinfo) -> str:
    """Write a moment to the minute in a reader's own time zone, `2026-11-22 05:54`.

    Args:
        moment: A time, ISO 8601 text, or seconds since the epoch; None or empty text gives an empty text.
        zone: The reader's time zone. Where it is UTC, the text says so.

    Returns:
        The local time.
    """
    if moment is None or moment == "":
        return ""
    if zone is UTC:
        return when(moment)
    return moment_of(moment).astimezone(zone).strftime("%Y-%m-%d %H:%M")


def span(seconds: float | None) -> str:
    """Write a length of time in its two largest units, `2 min 05 s`; empty when there is none."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def p_text(p: float | None) -> str:
    """Write a p-value, `.035`; `< .001` below that, `–` where there is none. No p-value is 0."""
    if p is None:
        return "–"
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")
