"""Job kinds for tests: they crash, hang, allocate and resume on demand. Loaded by children through AWARE_PLUGINS."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from core.spec import Spec
from jobs.kind import JobContext, JobKind, JobResult, Produced, kinds


class FakeSpec(Spec):
    """What a fake job does."""

    act: str = Field("steps", description="Which of the acts below.")
    steps: int = Field(3, description="Steps of `steps`.")
    seconds: float = Field(0.0, description="Pause after each step.")
    path: str = Field("", description="Any place.")
    says: str = Field("", description="What `half_then_die` says of its part: alone, broken, or nothing.")


def run(spec: FakeSpec, context: JobContext) -> JobResult:
    return ACTS[spec.act](spec, context)


def _done(context: JobContext, **values: object) -> JobResult:
    item = Produced("run", context.folder.name, str(context.folder), {"attempt": context.attempt})
    return JobResult("done", {"attempt": context.attempt, **values}, [item])


def steps(spec: FakeSpec, context: JobContext) -> JobResult:
    """Count in a file, one line a step with the attempt that did it; a later attempt goes on where it stopped."""
    track = context.folder / "steps.txt"
    begun = len(track.read_text().splitlines()) if track.exists() else 0
    for step in range(begun, spec.steps):
        with open(track, "a") as stream:
            stream.write(f"{context.attempt} {step}\n")
        context.report.progress((step + 1) / spec.steps, f"step {step}")
        context.report.metric(step, {"loss": 1.0 / (step + 1), "bad": float("nan")})
        time.sleep(spec.seconds)
    context.report.part({"half": True})
    print("counted", flush=True)
    return _done(context, begun=begun)


def stubborn(spec: FakeSpec, context: JobContext) -> JobResult:
    """Ignore SIGTERM, start a grandchild, never report."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (context.folder / "grandchild").write_text(str(grandchild.pid))
    while True:
        time.sleep(0.1)


def segfault(spec: FakeSpec, context: JobContext) -> JobResult:
    ctypes.string_at(0)
    raise AssertionError


def allocate(spec: FakeSpec, context: JobContext) -> JobResult:
    held = []
    while True:
        held.append(bytearray(os.urandom(1 << 20)) * 8)
        time.sleep(0.01)


def loop(spec: FakeSpec, context: JobContext) -> JobResult:
    while True:
        pass


def wrong(spec: FakeSpec, context: JobContext) -> JobResult:
    raise ValueError("manifest.csv row 17: label 'Fake' is neither 0 nor 1")


def vanish(spec: FakeSpec, context: JobContext) -> JobResult:
    print("last words", flush=True)
    os._exit(7)


def die_once(spec: FakeSpec, context: JobContext) -> JobResult:
    """SIGKILL itself in the first attempt, as the machine's owner might."""
    if context.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return _done(context)


def half_then_die(spec: FakeSpec, context: JobContext) -> JobResult:
    """Send a partial result, then be killed from outside; `says` tells whether that part stands alone."""
    context.report.part({"stands": spec.says})
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def surroundings(spec: FakeSpec, context: JobContext) -> JobResult:
    names = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")
    return _done(context, pid=os.getpid(),
        session=os.getsid(0) == os.getpid(), torch="torch" in sys.modules,
                 environment={name: os.environ[name] for name in names}, cwd=str(Path.cwd()))  # fmt: skip


ACTS = {f.__name__: f for f in (steps, stubborn, segfault, allocate, loop, wrong, vanish, die_once, half_then_die,
                             surroundings)}  # fmt: skip


def result_of_part(spec: FakeSpec, part: Mapping[str, Any], context: JobContext) -> JobResult | None:
    """A part stands alone when it says so; one that says "broken" breaks."""
    if part.get("stands") == "broken":
        raise RuntimeError("this part breaks its own kind")
    return JobResult("done, but for the rest", {"part": dict(part)}, []) if part.get("stands") == "alone" else None


kinds.add("fake", JobKind("fake", "Fake", "For tests.", FakeSpec, run, result_of_part=result_of_part))
kinds.add("fake_analysis", JobKind("fake_analysis", "Fake analysis", "For tests.", FakeSpec, run, pool="analyze"))
