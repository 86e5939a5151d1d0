"""Screenshots of every page at three widths: `python tests/browser/shoot.py FOLDER [--seed] [--pages analyze,jobs]`."""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WIDTHS = (1440, 800, 390)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def streamlit(home: Path, port: int):
    """The workbench as `aware up` serves it over one workspace; stopped, with its children, at the end."""
    sys.path.insert(0, str(ROOT))
    from app.server.up import streamlit_command
    from jobs.settings import Settings

    command = streamlit_command(Settings(home=home), port)
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "AWARE_HOME": str(home)}, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=None,
    )  # fmt: skip
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(120)


def wait_for(url: str, process: subprocess.Popen, seconds: float = 120) -> None:
    """Return once `url` answers. Raises RuntimeError when the process ends or the time is up."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with code {process.returncode}")
        with suppress(OSError):
            return urllib.request.urlopen(url, timeout=2).close()
        time.sleep(0.3)
    raise RuntimeError(f"{url} did not answer within {seconds:.0f} s")


AT_REST = """(quiet) => {
  const app = document.querySelector('[data-testid=stApp]')
  const busy = app === null || app.getAttribute('data-test-script-state') !== 'notRunning'
    || document.querySelector('[data-testid=stSkeleton]') !== null
  if (busy || window.restsSince === undefined) window.restsSince = performance.now()
  return !busy && performance.now() - window.restsSince >= quiet
}"""


def at_rest(page, quiet: float = 700) -> None:
    """Return once the page has run nothing for `quiet` milliseconds: what was asked for before is drawn."""
    page.evaluate("() => { delete window.restsSince }")
    page.wait_for_function(AT_REST, arg=quiet, timeout=180_000)


def browser_path() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=browser_path(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def settle(page) -> None:
    """Wait until Streamlit has drawn and is idle."""
    page.wait_for_selector("h1", timeout=180_000)
    at_rest(page)


def shoot(browser, address: str, views: dict[str, str], folder: Path) -> None:
    """views: file stem -> path below the address."""
    folder.mkdir(parents=True, exist_ok=True)
    for width in WIDTHS:
        page = browser.new_page(viewport={"width": width, "height": 1000})
        for name, path in views.items():
            page.goto(f"{address}/{path}")
            settle(page)
            main = page.query_selector("[data-testid=stMain] .block-container, [data-testid=stMainBlockContainer]")
            height = int(main.bounding_box()["height"]) + 40 if main else 1000
            page.set_viewport_size({"width": width, "height": min(max(height, 700), 4000)})
            page.wait_for_timeout(500)
            page.screenshot(path=str(folder / f"{name}-{width}.png"))
            page.set_viewport_size({"width": width, "height": 1000})
        page.close()


def views(seeded: dict[str, str]) -> dict[str, str]:
    from app.ui.navigation import modules

    found = {module.PAGE.url: ("" if i == 0 else module.PAGE.url) for i, module in enumerate(modules())}
    for what in ("fake", "group", "clip", "none"):
        if what in seeded:
            found[f"analyze-{what}"] = f"?job={seeded[what]}"
    for what in ("train", "failed"):
        if what in seeded:
            found[f"jobs-{what}"] = f"jobs?job={seeded[what]}"
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--home", type=Path, help="workspace; without it a new one")
    parser.add_argument("--seed", action="store_true", help="fill the new workspace with one of everything")
    parser.add_argument("--pages", default="", help="comma-separated name prefixes")
    parser.add_argument("--view", action="append", default=[], help="NAME=PATH, a further view below the address")
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as scratch:
        home = args.home or Path(scratch)
        seeded = {}
        if args.seed:
            from jobs.client import Workbench
            from jobs.settings import Settings
            from tests.support.seed_workspace import seed

            workbench = Workbench.open(Settings(home=home))
            seeded = seed(workbench, time.time())
            workbench.close()
        wanted = [p for p in args.pages.split(",") if p]
        chosen = {n: p for n, p in views(seeded).items() if not wanted or any(n.startswith(w) for w in wanted)}
        chosen |= dict(view.split("=", 1) for view in args.view)
        with streamlit(home, free_port()) as address, chromium() as browser:
            shoot(browser, address, chosen, args.folder)


if __name__ == "__main__":
    main()
