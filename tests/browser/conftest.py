"""The whole product as it runs for a visitor: web process, worker, demo, over the tiny bundle; and a real Chromium."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from shoot import ROOT, browser_path, chromium, free_port, streamlit, wait_for

from jobs.client import Workbench
from jobs.settings import Settings


@pytest.fixture(scope="session")
def browser():
    if browser_path() is None:
        pytest.skip("no chromium, chromium-browser or google-chrome on the path")
    pytest.importorskip("playwright")
    with chromium() as opened:
        for name in ("new_page", "new_context"):  # a click on a busy machine waits longer than Playwright's half minute
            setattr(opened, name, patient(getattr(opened, name)))
        yield opened


def patient(make: Callable[..., Any]) -> Callable[..., Any]:
    """The same maker of pages or contexts, whose every step waits up to three minutes for its state."""

    def made(*args: Any, **kwargs: Any) -> Any:
        result = make(*args, **kwargs)
        result.set_default_timeout(180_000)
        return result

    return made


@pytest.fixture(scope="session")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A workspace whose active bundle is the tiny one."""
    from tests.support.tiny_bundle import build_tiny_bundle

    opened = Workbench.open(Settings(home=tmp_path_factory.mktemp("home")))
    opened.set_active(bundle=build_tiny_bundle(opened.workspace.bundles / "tiny"))
    yield opened
    opened.close()


def process(arguments: list[str], home: Path, log: Path) -> subprocess.Popen:
    environment = {**os.environ, "AWARE_HOME": str(home), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, env=environment, stdout=open(log, "w"), stderr=subprocess.STDOUT
    )


@pytest.fixture(scope="session")
def worker(workbench: Workbench) -> Iterator[None]:
    started = process(
        ["-m", "app.cli.main", "worker"], workbench.workspace.root, workbench.workspace.root / "worker.log"
    )
    try:
        end = time.monotonic() + 300
        while not any(item.alive for item in workbench.workers()):
            assert started.poll() is None, (workbench.workspace.root / "worker.log").read_text()[-2000:]
            assert time.monotonic() < end, "the worker did not sign on within five minutes"
            time.sleep(0.5)
        yield
    finally:
        started.terminate()
        started.wait(180)


@pytest.fixture(scope="session")
def site(workbench: Workbench, worker: None) -> Iterator[str]:
    """Address of the running workbench."""
    with streamlit(workbench.workspace.root, free_port()) as address:
        yield address


@pytest.fixture(scope="session")
def demo_site(workbench: Workbench, worker: None) -> Iterator[str]:
    """Address of the running demo."""
    port = free_port()
    home = workbench.workspace.root
    started = process(["-m", "app.demo", "--port", str(port)], home, home / "demo.log")
    try:
        wait_for(f"http://127.0.0.1:{port}/", started, 120)
        yield f"http://127.0.0.1:{port}"
    finally:
        started.terminate()
        started.wait(180)
