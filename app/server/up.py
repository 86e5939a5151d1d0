"""`aware up`: starts and stops web server, worker and demo together. Ctrl-C ends all of them; kill -9 does too."""

from __future__ import annotations

import fcntl
import http.client
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.console import DONE, FAILED, err, out
from core.artifacts.files import read_tail
from core.artifacts.workspace import Workspace
from jobs.client import Workbench
from jobs.process import kill_group
from jobs.settings import Settings

log = logging.getLogger(__name__)
MAIN = Path(__file__).with_name("asgi.py")
STOP_SECONDS = 12.0
READY_SECONDS = 120.0
MAX_RESTARTS = 4
STABLE_SECONDS = 60.0
"""A service that has run so long gets its restarts back."""
MAX_PORTS_TRIED = 50
SERVICES = ("worker", "workbench", "demo")


@dataclass
class Service:
    """One process of `aware up`; it is restarted a few times when it ends by itself.

    Attributes:
        name: One of SERVICES.
        command: Its command line.
        log: File of its output.
        url: Address for people; empty: it has none.
        health: host:port/path that answers when it is ready; empty: it has none.
        process: The running process; None before `start`.
        started: Monotonic second of its last start.
        restarts: How often it was started again.
        environment: Variables besides this process's own.
    """

    name: str
    command: list[str]
    log: Path
    url: str = ""
    health: str = ""
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    restarts: int = 0
    environment: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start it in a session of its own; it dies with this process, and its output goes to its log."""
        with open(self.log, "ab") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.server.die_with_parent", str(os.getpid()), *self.command],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started = time.monotonic()

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ready(self) -> bool:
        """Return True once its address answers; a service without an address is ready when it is alive."""
        if not self.health:
            return self.alive
        host, _, rest = self.health.partition(":")
        port, _, path = rest.partition("/")
        connection = http.client.HTTPConnection(host, int(port), timeout=2)
        try:
            connection.request("GET", f"/{path}")
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the process, if it runs."""
        if self.process is not None and self.alive:
            self.process.terminate()

    def kill(self) -> None:
        """Kill what is left of its session (SIGKILL)."""
        if self.process is not None:
            kill_group(self.process.pid)


def free_port(host: str, first: int, taken: set[int]) -> int:
    """Find a port that can be listened on.

    Args:
        host: Address to listen on.
        first: The first port to try; 0: any free port.
        taken: Ports not to use.

    Returns:
        The first free port from `first` upward.

    Raises:
        OSError: MAX_PORTS_TRIED ports are taken.
    """
    if first == 0:
        with socket.socket() as probe:
            probe.bind((host, 0))
            return probe.getsockname()[1]
    for port in range(first, min(first + MAX_PORTS_TRIED, 65536)):
        if port in taken:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise OSError(
        f"no port from {first} to {first + MAX_PORTS_TRIED - 1} is free on {host}; set AWARE_PORT or AWARE_DEMO_PORT"
    )


def streamlit_command(settings: Settings, port: int) -> list[str]:
    """Return the command that starts Streamlit.

    postScriptGC is off: with it, every rerun of every session walks the whole heap.

    Args:
        settings: Address and bound of uploads.
        port: Port to listen on.

    Returns:
        A command line.
    """
    flags = {
        "server.port": port,
        "server.address": settings.host,
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "server.maxUploadSize": settings.upload_mb,
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "viewer",
        "runner.postScriptGC": "false",
    }
    return [
        sys.executable, "-m", "streamlit", "run", str(MAIN), *(f"--{name}={value}" for name, value in flags.items())
    ]  # fmt: skip


def services(settings: Settings, wanted: Collection[str] = SERVICES) -> list[Service]:
    """Return the services that `up` runs, with ports chosen and logs named.

    Args:
        settings: Workspace, addresses, ports.
        wanted: Some of SERVICES.

    Returns:
        Services that are not started yet.
    """
    logs = settings.workspace.root / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    offline = {**settings.environ(), "HF_HUB_OFFLINE": "1", "GRADIO_ANALYTICS_ENABLED": "False"}
    reach = "127.0.0.1" if settings.host == "0.0.0.0" else settings.host
    made: list[Service] = []
    taken: set[int] = set()
    if "worker" in wanted:
        command = [sys.executable, "-m", "app.cli.main", "worker"]
        made.append(Service("worker", command, logs / "worker.log", environment=settings.environ()))
    if "workbench" in wanted:
        port = free_port(settings.host, settings.port, taken)
        taken.add(port)
        health = f"{reach}:{port}/_stcore/health"
        command, url = streamlit_command(settings, port), f"http://{reach}:{port}"
        made.append(Service("workbench", command, logs / "workbench.log", url, health, environment=offline))
    if "demo" in wanted:
        port = free_port(settings.host, settings.demo_port, taken)
        command = [sys.executable, "-m", "app.demo", "--port", str(port)]
        url = f"http://{reach}:{port}"
        made.append(Service("demo", command, logs / "demo.log", url, f"{reach}:{port}/", environment=offline))
    return made


@contextmanager
def alone(workspace: Workspace, service: str) -> Iterator[None]:
    """Hold the workspace's lock of one service: containers that share a workspace run one of each.

    Args:
        workspace: Its folder holds the lock.
        service: One of SERVICES.

    Yields:
        Nothing; the lock is held inside the block.

    Raises:
        ValueError: Another `aware up` holds the lock.
    """
    workspace.create()
    place = workspace.root / f"up-{service}.lock"
    with open(place, "a+", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            handle.seek(0)
            raise ValueError(
                f"the {service} of {workspace.root} runs already ({handle.read().strip()}); "
                "stop it, or choose another AWARE_HOME"
            ) from error
        handle.truncate(0)
        handle.write(f"process {os.getpid()}")
        handle.flush()
        yield


def prepare_workspace(settings: Settings) -> None:
    """Queue the drawing of a demo data set for a workspace without any, in the background."""
    from core.data.spec import PrepareSpec

    workbench = Workbench.open(settings)
    try:
        if not workbench.artifacts("dataset", limit=1):
            demo = PrepareSpec(path="demo", name="demo")
            workbench.submit("prepare", demo, key="first-demo-dataset", background=True)
    finally:
        workbench.close()


def run_all(settings: Settings, wanted: Collection[str] = SERVICES) -> int:
    """Start services, print their addresses, wait for SIGINT or SIGTERM, and stop them.

    Args:
        settings: Settings in force.
        wanted: Some of SERVICES.

    Returns:
        An exit code.

    Raises:
        ValueError: Nothing is wanted, or a service of this workspace runs already.
        RuntimeError: The database is newer than this program.
    """
    if not wanted:
        raise ValueError("nothing is left to start; keep one of --web, --worker and --demo")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as held:
        for name in wanted:
            held.enter_context(alone(settings.workspace, name))
        Workbench.open(settings).close()  # one process brings the schema up to date before three want to
        running = services(settings, wanted)
        try:
            for service in running:
                service.start()
            announce(settings, running, stop)
            return watch(running, stop)
        finally:
            stop_all(running)


def announce(settings: Settings, running: list[Service], stop: threading.Event) -> None:
    """Print the address of each service when it answers.

    Args:
        settings: Name the workspace.
        running: Services that are started.
        stop: Set when everything is to end.
    """
    out.print(f"workspace  {settings.workspace.root}", markup=False, soft_wrap=True)
    waiting = [service for service in running if service.url]
    end = time.monotonic() + READY_SECONDS
    while waiting and not stop.is_set() and time.monotonic() < end:
        for service in [s for s in waiting if s.ready()]:
            waiting.remove(service)
            out.print(f"{service.name:<10} {service.url}", markup=False, soft_wrap=True)
        if any(not service.alive for service in waiting):
            return
        stop.wait(0.2)
    for service in [] if stop.is_set() else waiting:
        err.print(f"{service.name} does not answer yet. Its log: {service.log}", markup=False, soft_wrap=True)
    if not stop.is_set():
        out.print("Ctrl-C stops everything.")


def watch(running: list[Service], stop: threading.Event) -> int:
    """Restart services that end by themselves, until `stop` is set or one keeps ending.

    Args:
        running: Services that are started; the demo is removed when it keeps ending.
        stop: Set when everything is to end.

    Returns:
        An exit code: FAILED when worker or workbench keep ending.
    """
    while not stop.wait(0.5):
        for service in [s for s in running if not s.alive]:
            code = service.process.returncode if service.process is not None else None
            service.kill()
            if time.monotonic() - service.started > STABLE_SECONDS:
                service.restarts = 0
            if service.restarts < MAX_RESTARTS:
                service.restarts += 1
                err.print(f"{service.name} ended (exit code {code}) and is started again.", markup=False)
                stop.wait(service.restarts)
                if not stop.is_set():
                    service.start()
                continue
            last = read_tail(service.log, 2000) if service.log.is_file() else ""
            err.print(
                f"{service.name} ends again and again. The end of {service.log}:\n{last}", markup=False, soft_wrap=True
            )
            running.remove(service)
            if service.name != "demo" or not running:
                return FAILED
    return DONE


def stop_all(running: list[Service]) -> None:
    """Send SIGTERM to each service, wait STOP_SECONDS at most, and kill what is left of their sessions."""
    for service in running:
        service.ask_to_stop()
    end = time.monotonic() + STOP_SECONDS
    while any(service.alive for service in running) and time.monotonic() < end:
        time.sleep(0.05)
    for service in running:
        service.kill()
        if service.process is not None:
            service.process.wait()
