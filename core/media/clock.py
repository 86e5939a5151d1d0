"""Count which share of the time for a clip is used. The decoding child imports it: standard library only."""

from __future__ import annotations

import time

from core.media.limits import Limits


class Clock:
    """Which share of the time for a clip is used: at 1 reading should stop, well before the limits end the process.

    `waited` counts the seconds in which the receiver of the frames was busy with them; they are not part of the share.
    """

    def __init__(self, limits: Limits) -> None:
        self.start, self.wall, self.cpu = time.monotonic(), limits.video_wall * 2 / 3, limits.video_cpu / 2
        self.waited = 0.0

    @property
    def spent(self) -> float:
        return max((time.monotonic() - self.start - self.waited) / self.wall, time.process_time() / self.cpu)
