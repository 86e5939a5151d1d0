"""Workbenches, supervisors and a throw-away PostgreSQL for tests."""

from __future__ import annotations

import os
import secrets
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
from typing import Any

from jobs.client import Workbench
from jobs.settings import Settings
from jobs.worker.worker import Supervisor

ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 180.0
"""Longest wait for anything that comes soon on a quiet machine: a busy one starts a process in tens of seconds."""
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
        thread.join(LIMIT_SECONDS)
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


def until(condition: Callable[[], object], seconds: float = LIMIT_SECONDS, what: str = "") -> None:
    """Wait for a condition. Raises AssertionError when it does not come true in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what or condition}"
        time.sleep(0.05)


LOOPBACK = {"host": "127.0.0.1", "port": 5432, "user": "postgres"}
"""The PostgreSQL server that a development machine runs, open to everybody on the machine itself."""


@contextmanager
def postgres() -> Iterator[str]:
    """URL of an empty PostgreSQL database, made for the occasion where that is possible.

    On the server at LOOPBACK where it answers; else the database that AWARE_TEST_POSTGRES names; else one on a server
    that is started here. Raises LookupError with the reason when there is none of them.
    """
    try:
        import psycopg
    except ImportError as error:
        raise LookupError("psycopg is not installed (the extra `postgres`)") from error
    try:
        psycopg.connect(**LOOPBACK, dbname="postgres", connect_timeout=5).close()
    except psycopg.OperationalError:
        if given := os.environ.get("AWARE_TEST_POSTGRES"):
            yield given
            return
        with _started_server() as address, _new_database(**address) as url:
            yield url
        return
    with _new_database(**LOOPBACK) as url:
        yield url


@contextmanager
def _new_database(host: str, port: int, user: str) -> Iterator[str]:
    """A database of a name of its own, dropped in the end with whoever is still connected."""
    import psycopg

    name = f"aware_test_{secrets.token_hex(6)}"
    with psycopg.connect(host=host, port=port, user=user, dbname="postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield f"postgresql+psycopg://{user}@{host}:{port}/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def _started_server() -> Iterator[dict[str, Any]]:
    """Address of a server in a scratch folder. Raises LookupError where no PostgreSQL is installed."""
    binaries = [shutil.which("initdb"), shutil.which("postgres"), *Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    folder_of = next((Path(b).parent for b in binaries if b), None)
    if folder_of is None:
        raise LookupError(
            f"no PostgreSQL answers at {LOOPBACK['host']}:{LOOPBACK['port']}, AWARE_TEST_POSTGRES is not set, and none "
            "is installed to be started"
        )
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
        [*as_nobody, str(folder_of / "initdb"), "-D", data, "-A", "trust", "-U", "aware", "--no-sync"],
        env=environment, cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    server = subprocess.Popen(
        [*as_nobody, str(folder_of / "postgres"), "-D", data, "-p", str(port), "-k", str(folder), "-F", "-c",
         "listen_addresses=127.0.0.1"],
        env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: _accepts(port), 120, "PostgreSQL accepts connections")
        yield {"host": "127.0.0.1", "port": port, "user": "aware"}
    finally:
        server.terminate()
        server.wait(120)
        shutil.rmtree(folder, ignore_errors=True)


def _accepts(port: int) -> bool:
    import psycopg

    try:
        psycopg.connect(host="127.0.0.1", port=port, user="aware", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True
