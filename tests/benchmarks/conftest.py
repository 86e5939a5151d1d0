"""One table of all ratios, printed when the run ends: what, peer, times, ratio, goal, reached."""

from collections.abc import Callable

import pytest

ROWS = pytest.StashKey[list]()


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[..., None]:
    """record(what, peer, ours, theirs, goal): times in seconds; or a ready ratio as record(..., ratio=, note=)."""
    rows = request.config.stash.setdefault(ROWS, [])

    def add(what: str, peer: str, ours: float, theirs: float, goal: float) -> None:
        rows.append((what, peer, f"{ours * 1e3:.3f}", f"{theirs * 1e3:.1f}", theirs / ours, goal))

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash.get(ROWS, [])
    if not rows:
        return
    terminalreporter.section("ratios against named peers, process-CPU medians of alternating runs")
    heads = ("what", "peer", "ours ms", "peer ms", "ratio", "goal", "reached")
    table = [heads]
    for what, peer, ours, theirs, ratio, goal in rows:
        table.append((what, peer, ours, theirs, f"{ratio:.1f}x", f"{goal:g}x", "yes" if ratio >= goal else "no"))
    widths = [max(len(row[i]) for row in table) for i in range(len(heads))]
    for row in table:
        cells = [cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))]
        terminalreporter.write_line("  ".join(cells).rstrip())
