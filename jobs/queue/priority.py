"""Which queued job runs first: of a pool's jobs the one of the highest priority, then the oldest."""

from __future__ import annotations

ANALYZE_PRIORITY = 10
WORK_PRIORITY = 0
BACKGROUND_PRIORITY = -10
"""Of jobs that the program starts by itself; one that runs is paused when a job that somebody asked for waits."""
