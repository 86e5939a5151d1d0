"""The decoding child: what it cannot do any more, what it does not load, and that its parent believes it nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from core.media import fork_server
from core.media.decode import decode, stream
from core.media.limits import Limits
from core.media.plan import FramePlan
from core.media.types import MediaRejected

ROOT = Path(__file__).parents[3]


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    return done.stdout.strip() or done.stderr


@pytest.mark.parametrize(
    "act",
    [
        "open('/etc/hostname')",
        "socket.socket()",
        "os.pipe()",
        "bytearray(3 << 30)",
    ],
)
def test_a_confined_child_can_open_and_take_nothing(act: str) -> None:
    program = f"""
import os, socket
from core.media.child import confine
confine(1 << 30, 5)
try:
    {act}
    print("done")
except (OSError, MemoryError) as error:
    print("refused")
"""
    assert run(program) == "refused"


def test_the_fork_server_loads_no_heavy_library() -> None:
    program = """
import sys
import core.media.child, core.media.fork_server
core.media.child.load_decoders()
print(sorted({"numpy", "torch", "cv2", "pydantic", "timm"} & set(sys.modules)))
"""
    assert run(program) == "[]"


@pytest.fixture
def astronaut(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    Image.fromarray(data.astronaut()).save(path)
    return path


@pytest.fixture
def hijacked(monkeypatch):
    """`hijacked(program)`: from now on the decoding children run that instead of decoding."""

    def turn(program: str) -> None:
        escaped = repr(program).replace("{", "{{").replace("}", "}}")
        boot = (
            "import sys; sys.path[:] = {path!r}\n"
            "from core.media import child, fork_server\n"
            f"child.main = lambda request: exec({escaped})\n"
            "fork_server.serve()"
        )
        fork_server.close_idle()
        monkeypatch.setattr(fork_server, "BOOT", boot)

    yield turn
    fork_server.close_idle()


def test_a_child_that_spins_is_stopped(astronaut: Path, hijacked) -> None:
    hijacked("from core.media.child import confine; confine(1 << 30, 1)\nwhile 1: pass")
    with pytest.raises(MediaRejected) as refused:
        decode(astronaut)
    assert refused.value.code == "timeout"
    assert "processor time" in refused.value.sentence


def test_a_child_that_sleeps_is_stopped_by_the_clock(astronaut: Path, hijacked) -> None:
    hijacked("import time; time.sleep(600)")
    start = time.monotonic()
    with pytest.raises(MediaRejected) as refused:
        decode(astronaut, limits=Limits(image_wall=0.6))
    assert refused.value.code == "timeout"
    assert time.monotonic() - start < 300, "it has slept to its end"


@pytest.mark.parametrize(
    "program",
    [
        "import os; os.abort()",
        "import sys; sys.stdout.buffer.write(b'\\xff' * 100)",
        "import sys; sys.stdout.buffer.write((5).to_bytes(4, 'big') + b'hello')",
        'import sys; b = b\'{"time": 0, "index": 0, "width": 99999, "height": 99999}\'; '
        "sys.stdout.buffer.write(len(b).to_bytes(4, 'big') + b)",
        'import sys; b = b\'{"samples": 9}\'; sys.stdout.buffer.write(len(b).to_bytes(4, "big") + b + bytes(18))',
        "pass",
    ],
)
def test_a_child_that_dies_or_lies_is_a_refusal(astronaut: Path, hijacked, program: str) -> None:
    hijacked(program)
    with pytest.raises(MediaRejected) as refused:
        decode(astronaut)
    assert refused.value.code == "damaged"


def test_a_fork_server_serves_many_files_and_ends_with_its_owner(astronaut: Path) -> None:
    fork_server.close_idle()
    decode(astronaut)
    first = fork_server.lend()
    fork_server.give_back(first)
    decode(astronaut)
    assert fork_server.lend() is first
    first.socket.close()
    assert first.process.wait(5) == 0
    fork_server.give_back(first)
    assert decode(astronaut).width == 512  # one that has ended is replaced
    fork_server.close_idle()


def children() -> set[str]:
    """Process ids of this process's children: other tests may keep some of their own."""
    return {pid for file in Path("/proc/self/task").glob("*/children") for pid in file.read_text().split()}


def test_taking_no_further_frame_leaves_no_child(clip, numbered_frames) -> None:
    path = clip("long.mp4", numbered_frames(200))
    fork_server.close_idle()
    before = children()
    with stream(path, FramePlan("nth", 200, 1)) as reading:
        assert next(iter(reading)).index == 0
        assert children() - before
    fork_server.close_idle()
    assert children() == before


def test_the_owner_s_own_time_does_not_count(clip, numbered_frames) -> None:
    path = clip("patient.mp4", [np.full((480, 640, 3), n, np.uint8) for n in range(12)])
    with stream(path, FramePlan("nth", 12, 1), limits=Limits(video_wall=1.5)) as reading:
        seen = sum(1 for _ in reading if time.sleep(0.25) is None)
    assert seen == 12
    assert reading.warnings == []
