"""Workbenches, supervisors and a throw-away PostgreSQL for tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jobs.client import Workbench
from jobs.settings import Settings
from jobs.worker.worker import Supervisor

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = "tests.support.fake_kinds"


def open_workbench(home: Path, **settings: object) -> Workbench:
    """A workbench in `home` that knows the fake kinds."""
    os.environ["PYTHONPATH"] = str(ROOT)  # children import the plugin
    return Workbench.open(Settings(home=home, plugins=PLUGIN, **settings))  # type: ignore[arg-type]


def without_bundle(workbench: Workbench) -> None:
    """Put a bundle in force that is gone: the analysis process of a test of fake kinds loads no network."""
    folder = workbench.workspace.root / "gone"
    folder.mkdir()
    (folder / "bundle.json").touch()
    workbench.set_active(bundle=folder)
    shutil.rmtree(folder)


@contextmanager
def supervised(workbench: Workbench, *, analyses: bool = False, **times: float) -> Iterator[Supervisor]:
    """A supervisor in a thread of this process, shut down in the end. Its children are tied to that thread."""
    supervisor = Supervisor(workbench, analyses=analyses, **times)  # type: ignore[arg-type]
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    try:
        yield supervisor
    finally:
        supervisor.stopping.set()
        thread.join(30)
        assert not thread.is_alive()


def worker_process(workbench: Workbench, *arguments: str) -> subprocess.Popen[bytes]:
    """`aware worker` as a process of its own, tied to this one, its output in the workspace's worker.log."""
    with open(workbench.workspace.root / "worker.log", "ab") as stream:
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "app.server.die_with_parent",
                str(os.getpid()),
                sys.executable,
                "-m",
                "app.cli.main",
                "worker",
                *arguments,
            ],
            env={**os.environ, **workbench.settings.environ(), "PYTHONPATH": str(ROOT)},
            stdout=stream,
            stderr=subprocess.STDOUT,
        )


def until(condition: Callable[[], object], seconds: float = 30.0, what: str = "") -> None:
    """Wait for a condition. Raises AssertionError when it does not come true in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what or condition}"
        time.sleep(0.05)


@contextmanager
def postgres() -> Iterator[str]:
    """URL of an empty PostgreSQL database: AWARE_TEST_POSTGRES, or a server started for the occasion.

    Raises LookupError with the reason when there is none."""
    given = os.environ.get("AWARE_TEST_POSTGRES")
    if given:
        yield given
        return
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise LookupError("psycopg is not installed (the extra `postgres`)") from error
    binaries = [shutil.which("initdb"), shutil.which("postgres"), *Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    found = next((Path(b).parent for b in binaries if b), None)
    if found is None:
        raise LookupError("no PostgreSQL server here, and AWARE_TEST_POSTGRES is not set")
    folder = Path(tempfile.mkdtemp(prefix="aware-pg-"))
    as_nobody: list[str] = []
    if os.getuid() == 0:  # the server refuses to run as root
        if not shutil.which("setpriv"):
            raise LookupError("PostgreSQL does not run as root, and setpriv is missing")
        os.chown(folder, 65534, 65534)
        as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "HOME": str(folder), "TMPDIR": str(folder)}
    data = str(folder / "data")
    subprocess.run(
        [*as_nobody, str(found / "initdb"), "-D", data, "-A", "trust", "-U", "aware", "--no-sync"],
        env=environment, cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    server = subprocess.Popen(
        [*as_nobody, str(found / "postgres"), "-D", data, "-p", str(port), "-k", str(folder), "-F", "-c",
         "listen_addresses=127.0.0.1"],
        env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: _accepts(port), 20, "PostgreSQL accepts connections")
        yield f"postgresql+psycopg://aware@127.0.0.1:{port}/postgres"
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _accepts(port: int) -> bool:
    import psycopg

    try:
        psycopg.connect(host="127.0.0.1", port=port, user="aware", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True
