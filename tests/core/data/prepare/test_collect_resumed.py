"""Taking in many files: killed and resumed, stopped, paced, by several workers, in flat memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.data.prepare.collect import collect, workers_for
from core.data.prepare.journal import JOURNAL
from core.progress import Cancelled, Silent
from tests.core.data.prepare.test_worker_pool import children, needs_proc
from tests.support.clips import encode
from tests.support.raw_media import PLAIN, items_of


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Forty pictures that take some 20 ms each."""
    root = tmp_path / "raw/real"
    root.mkdir(parents=True)
    noise = np.random.default_rng(1).integers(0, 256, (700, 700, 3), dtype=np.uint8)
    for n in range(40):
        Image.fromarray(np.roll(noise, 17 * n, 0)).save(root / f"{n:02d}.bmp")
    return tmp_path / "raw"


PROGRAM = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from tests.support.raw_media import PLAIN, items_of
from core.data.prepare.collect import collect
from core.progress import Silent
collect(items_of(Path({root!r})), PLAIN.model_copy(update=dict(workers=2)), Path({folder!r}), Silent())
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@needs_proc
def test_killed_work_is_resumed_to_the_same_result(pictures: Path, tmp_path: Path) -> None:
    folder, whole = tmp_path / "made", tmp_path / "whole"
    folder.mkdir()
    whole.mkdir()
    program = PROGRAM.format(path=sys.path, root=str(pictures), folder=str(folder))
    victim = subprocess.Popen([sys.executable, "-c", program])
    journal = folder / JOURNAL
    end = time.monotonic() + 120
    while not (journal.exists() and journal.read_text().count("\n") >= 5):
        assert victim.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    workers = [int(pid) for f in Path(f"/proc/{victim.pid}/task").glob("*/children") for pid in f.read_text().split()]
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()
    while any(alive(pid) for pid in workers):
        assert time.monotonic() < end, "a worker outlived its parent"
        time.sleep(0.02)
    done = journal.read_text().count("\n")
    assert len(workers) >= 2
    assert 5 <= done < 40
    with open(journal, "a") as torn:
        torn.write('{"name": "real/39.b')
    first = json.loads(journal.read_text().splitlines()[0])["crops"][0]["path"]
    (folder / first).write_bytes(b"")  # as after a power cut: listed, and empty
    untouched = {path: path.stat().st_mtime_ns for path in (folder / "pictures").iterdir() if path.stat().st_size}
    rows = collect(items_of(pictures), PLAIN, folder, Silent())
    pd.testing.assert_frame_equal(rows, collect(items_of(pictures), PLAIN, whole, Silent()))
    assert (folder / "report.csv").read_bytes() == (whole / "report.csv").read_bytes()
    kept = [path for path, changed in untouched.items() if path.stat().st_mtime_ns == changed]
    assert len(kept) >= done - 2
    assert (folder / first).stat().st_size > 0


class Stop(Silent):
    """Cancels once `after` files are done, and hears what is said."""

    def __init__(self, after: int) -> None:
        self.after, self.said = after, []

    def progress(self, fraction: float, message: str) -> None:
        self.said.append(message)
        if fraction * 40 >= self.after:
            raise Cancelled


@needs_proc
def test_cancelled_work_stops_at_once_and_leaves_no_process(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    stop = Stop(after=4)
    with pytest.raises(Cancelled):
        collect(items_of(pictures), PLAIN.model_copy(update={"workers": 2}), folder, stop)
    assert not children()
    assert 4 <= (folder / JOURNAL).read_text().count("\n") <= 6
    assert stop.said[0].startswith("0 of 40 files")


def test_progress_says_how_far_and_how_long(monkeypatch) -> None:
    from core.data.prepare import collect as gathering

    now = iter([100.0, 110.0, 150.0])
    monkeypatch.setattr(gathering.time, "monotonic", lambda: next(now))
    pace = gathering._Pace(total=100, done=20)
    pace.done = 40
    assert pace.said("real/a.mp4") == "40 of 100 files, 2.0 files/s, 30 s left: real/a.mp4"
    assert pace.said() == "40 of 100 files, 2.5 s a file, 3 min left"


def test_workers_are_started_where_they_pay() -> None:
    one = workers_for(PLAIN, 7)
    assert one == 1
    assert workers_for(PLAIN.model_copy(update={"workers": 3}), 2) == 2
    assert workers_for(PLAIN, 10_000) >= 1


PEAK = """
import sys
sys.path[:0] = {path!r}
from tests.support.raw_media import PLAIN
from core.data.sources.base import SourceItem
from core.data.prepare.ingest import ingest
from pathlib import Path
spec = PLAIN.model_copy(update=dict(every_frames=1, max_faces=1000))
outcome = ingest(SourceItem(Path({file!r}), "clip", {{"label": 0}}), spec, Path({folder!r}))
status = Path("/proc/self/status").read_text()
print(len(outcome.crops), status.split("VmHWM:")[1].split()[0])
"""


@needs_proc
def test_memory_is_flat_over_a_long_clip(tmp_path: Path) -> None:
    """Four times the frames, the same peak: held, the 120 more would be 110 MB."""
    peaks = []
    for count in (40, 160):
        frames = [np.full((480, 640, 3), n % 250, np.uint8) for n in range(count)]
        file = encode(tmp_path / f"{count}.mp4", frames, options={"preset": "ultrafast"})
        program = PEAK.format(path=sys.path, file=str(file), folder=str(tmp_path / str(count)))
        said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        crops, kilobytes = map(int, said.split())
        assert crops == count
        peaks.append(kilobytes / 1024)
    assert peaks[1] == pytest.approx(peaks[0], abs=16)
