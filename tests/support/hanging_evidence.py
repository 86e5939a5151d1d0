"""A plugin: in a worker's child, the evidence of every member but the first hangs. Elsewhere it does nothing."""

from __future__ import annotations

import sys
import time

if sys.argv[0].endswith("child.py"):
    import core.analysis.evidence as evidence

    draw = evidence.explain

    def hang(detector, crop, member, *rest):
        if member != "stage1":
            time.sleep(3600)
        return draw(detector, crop, member, *rest)

    evidence.explain = hang
