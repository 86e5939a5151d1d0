"""Throughput of `prepare`: decode + detect + crop beside its parts on the same files. Run with -m benchmark -s.

The peers are bare: PyAV over every frame of the clip, as most scripts do; our decoder for the wanted frames alone; the
detector alone on frames that lie in memory. Processor seconds, so that a busy machine matters little; with two workers
also wall seconds, and how many cores were kept busy. Real clips and photographs are used where `AWARE_MEDIA` (default:
the folder shared/data beside the checkout) holds them, and clips encoded here everywhere."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from core.data.faces.faces import find_faces
from core.data.prepare.ingest import SEEN_PX, ingest, plan_of
from core.data.prepare.worker_pool import unordered
from core.data.sources.base import SourceItem
from core.data.spec import PrepareSpec
from core.media import fork_server
from core.media.decode import stream
from core.media.limits import LIBRARY
from tests.support.clips import encode, people

pytestmark = pytest.mark.benchmark
SPEC = PrepareSpec(path="raw", detect_faces=True, frames="even", max_faces=8)
MEDIA = Path(os.environ.get("AWARE_MEDIA", Path(__file__).parents[3] / "shared/data"))


def cpu() -> float:
    """Processor seconds of this process and of its children that have ended."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)


def timed(work: Callable[[], object]) -> float:
    """Processor seconds, decoding processes included."""
    fork_server.close_idle()
    start = cpu()
    work()
    fork_server.close_idle()
    return cpu() - start


def family_cpu() -> float:
    """Processor seconds of this process and of all below it, the living and those that were waited for."""
    spent, children = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            spent[int(stat.parent.name)] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    todo, total = [os.getpid()], 0.0
    while todo:
        one = todo.pop()
        total += spent.get(one, 0.0)
        todo += children.get(one, [])
    return total


def at_work(items: list[SourceItem], folder: Path, workers: int, least: int = 24) -> tuple[float, float]:
    """(files a second of wall clock, cores kept busy) of workers that run; their start, a torch each, is not counted.

    The clock runs from the first results, one a worker, until the last but those of the other workers, so that no
    worker is without work meanwhile."""
    many = items * (-(-least // len(items)))
    results = unordered(partial(ingest, spec=SPEC, folder=folder), many, workers, modules=("torch",))
    for _ in range(workers):
        next(results)
    start, wall = family_cpu(), time.perf_counter()
    count = len(many) - 2 * workers
    for _ in range(count):
        next(results)
    used, passed = family_cpu() - start, time.perf_counter() - wall
    results.close()
    return count / passed, used / passed


def read_all(files: list[Path]) -> None:
    """The usual way: every frame of every clip as an array."""
    for file in files:
        with av.open(str(file)) as container:
            for frame in container.decode(video=0):
                frame.to_ndarray(format="rgb24")


def decode_wanted(files: list[Path]) -> list[np.ndarray]:
    found = []
    for file in files:
        with stream(file, plan_of(SPEC), limits=LIBRARY) as reading:
            found += [frame.rgb for frame in reading]
    return found


def measure(title: str, files: list[Path], seconds: float, folder: Path, clips: bool, repeats: int = 2) -> float:
    """Print the table; returns the share of the pipeline's processor time that decoder and detector take alone."""
    import torch

    torch.set_num_threads(1)
    frames = decode_wanted(files)
    find_faces(frames[0], SPEC.detector)
    items = [SourceItem(file, file.name, {"label": 0}) for file in files]
    works = {
        "every frame by PyAV": lambda: read_all(files),
        "decode what is wanted": lambda: decode_wanted(files),
        "detect, frames in memory": lambda: [find_faces(rgb, SPEC.detector, SEEN_PX) for rgb in frames],
        "decode + detect + crop": lambda: [ingest(item, SPEC, folder) for item in items],
    }
    if not clips:
        del works["every frame by PyAV"]
    rounds = [{name: timed(work) for name, work in works.items()} for _ in range(repeats)]
    spent = {name: float(np.median([one[name] for one in rounds])) for name in works}
    print(f"\n{title}: {len(files)} files, {len(frames)} frames" + (f", {seconds:.0f} s of video" if clips else ""))
    for name, cost in spent.items():
        video = f"{seconds / cost:9.1f} video-s/s" if clips else ""
        print(f"  {name:26s}{1000 * cost / len(frames):8.1f} ms/frame{len(frames) / cost:8.1f} images/s{video}")
    share = (spent["decode what is wanted"] + spent["detect, frames in memory"]) / spent["decode + detect + crop"]
    print(f"  decoder and detector take {share:.0%} of the pipeline")
    for workers in (1, 2):
        rate, busy = at_work(items, folder, workers)
        print(
            f"  {workers} worker{'s' * (workers > 1)}: {rate * len(frames) / len(files):.1f} images/s of wall clock, "
            f"{busy:.2f} cores busy (once all have started)"
        )
    return share


def duration(file: Path) -> float:
    with av.open(str(file)) as container:
        return (container.duration or 0) / 1e6


def test_clips_encoded_here(tmp_path: Path) -> None:
    files = []
    for n in range(3):
        walk = [people([(20 + k, 40, 150), (420, 130 - n, 90)], 960, 540) for k in range(100)]
        files.append(encode(tmp_path / f"{n}.mp4", walk, gop=50, options={"preset": "veryfast"}))
    assert measure("960 x 540, two people, drawn here", files, 3 * 4.0, tmp_path / "out", clips=True) > 0.7


def test_real_clips(tmp_path: Path) -> None:
    files = sorted((MEDIA / "videos").glob("*.mp4"))[:24:4]
    if not files:
        pytest.skip("no real clips: AWARE_MEDIA names no folder with videos/")
    seconds = sum(map(duration, files))
    assert measure("real clips of one or two people", files, seconds, tmp_path / "out", clips=True) > 0.7


def test_real_photographs(tmp_path: Path) -> None:
    files = sorted((MEDIA / "faces").glob("*/*.jpg"))[::100][:30]
    if not files:
        pytest.skip("no real photographs: AWARE_MEDIA names no folder with faces/")
    assert measure("photographs", files, 0.0, tmp_path / "out", clips=False) > 0.6


def test_a_picture_costs_a_fork_not_an_interpreter(tmp_path: Path) -> None:
    """Forked decoders against a new confined interpreter for each file, as it was before."""
    import subprocess
    import sys

    path = tmp_path / "a.png"
    Image.fromarray(people([(40, 40, 150)], 320, 320)).save(path)
    boot = "from core.media.child import load_decoders; load_decoders()"
    decode_wanted([path])
    ours = timed(lambda: [decode_wanted([path]) for _ in range(15)])
    peer = timed(lambda: [subprocess.run([sys.executable, "-I", "-c", boot], check=False) for _ in range(15)])
    print(
        f"\na picture: forked {1000 * ours / 15:.1f} ms, new interpreter {1000 * peer / 15:.1f} ms: {peer / ours:.1f} x"
    )
    assert peer / ours > 3
