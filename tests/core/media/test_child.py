"""The decoding child: what it cannot do any more, what it does not load, and that its parent believes it nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from core.media import decode as door
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


def test_the_child_loads_no_heavy_library() -> None:
    program = """
import sys
import core.media.child, core.media.image, core.media.video
print(sorted({"numpy", "torch", "cv2", "pydantic", "timm"} & set(sys.modules)))
"""
    assert run(program) == "[]"


def test_a_child_that_spins_is_stopped(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(data.astronaut()).save(path)
    spin = (
        "import sys; sys.path[:] = {path!r}; from core.media.child import confine; confine(1 << 30, 1)\nwhile 1: pass"
    )
    monkeypatch.setattr(door, "_BOOT", spin)
    with pytest.raises(MediaRejected) as refused:
        door.decode(path)
    assert refused.value.code == "timeout"


@pytest.mark.parametrize(
    "program",
    [
        "import os; os.abort()",
        "import sys; sys.stdout.buffer.write(b'\\xff' * 100)",
        "import sys; sys.stdout.buffer.write((5).to_bytes(4, 'big') + b'hello')",
        'import sys; b = b\'{"time": 0, "index": 0, "width": 99999, "height": 99999}\'; '
        "sys.stdout.buffer.write(len(b).to_bytes(4, 'big') + b)",
        "pass",
    ],
)
def test_a_child_that_dies_or_lies_is_a_refusal(tmp_path: Path, monkeypatch, program: str) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(data.astronaut()).save(path)
    monkeypatch.setattr(door, "_BOOT", program.replace("{", "{{").replace("}", "}}"))
    with pytest.raises(MediaRejected) as refused:
        door.decode(path)
    assert refused.value.code == "damaged"
