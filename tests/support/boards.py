"""The boards in a real Chromium: a page of all three over drawn items, and how to read and move them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from app.ui.components import board_files
from tests.browser.shoot import ROOT, free_port, wait_for

MEMBERS = ("filter", "texture", "genconvit", "stack")
COSTS = [2.5, 4.2, 18.4, 0.0]
NAMES = ("cascade", "thresholds", "calibration")
"""The boards of that page, from its top."""

FIND = """
  const walk = (node) =>
    [...node.querySelectorAll('*')].flatMap((e) => [e, ...(e.shadowRoot ? walk(e.shadowRoot) : [])]);
  const boards = walk(document).filter((e) => e.classList?.contains('board') && e.dataset.ms);
"""
CARDS = """
  const words = (card) => [...card.children].map((child) => child.textContent);
  const cards = (board) => Object.fromEntries([...board.querySelectorAll('.figure')].map(words).map(
    ([name, value, note]) => [name, value + ' | ' + note]));
"""
READ = f"([which]) => {{ {FIND} {CARDS} return cards(boards[which]); }}"
MOVE = f"""([which, slider, value]) => {{ {FIND} {CARDS}
  const input = boards[which].querySelectorAll('input[type=range]')[slider];
  input.value = value;
  input.dispatchEvent(new Event('input', {{ bubbles: true }}));
  return cards(boards[which]);
}}"""
LET_GO = f"""([which, slider]) => {{ {FIND}
  boards[which].querySelectorAll('input[type=range]')[slider].dispatchEvent(new Event('change', {{ bubbles: true }}));
}}"""
STANDS = f"""([which]) => {{ {FIND}
  return [...boards[which].querySelectorAll('input[type=range]')].map((i) => Number(i.value));
}}"""
SAID = f"""([which]) => {{ {FIND}
  return [...boards[which].querySelectorAll('.plot p')].map((p) => p.textContent.replaceAll('\\u00a0', ' '));
}}"""


def drawn(n: int, members: int = 4) -> tuple[list[np.ndarray], np.ndarray]:
    """(members columns of p_fake, labels): items of a common difficulty, members better and better."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n)
    shared = rng.normal(0, 1, n)
    skill = [2.0, 3.0, 4.0, 6.0][:members]
    return [1 / (1 + np.exp(-(rng.normal(0, 1.5, n) + shared + s * (y - 0.5)))) for s in skill], y


def overconfident(n: int, digits: int | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(log-odds about twice too far from 0, p_fake of a calibrator that undoes it, labels). digits: log-odds are
    rounded to so many, so that few distinct ones are left."""
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, n)
    z = rng.normal(2.5 * (2 * y - 1), 3)
    z = z if digits is None else np.round(z, digits)
    return z, expit(z / 1.9), y


def draw(browser: Any, name: str, data: Mapping[str, Any], width: int = 1440) -> Any:
    """A page of one board without a server, as Streamlit would call it; `window.sent` keeps what it tells the server
    and `page.broken` what went wrong."""
    script, style = board_files(name)
    page = browser.new_page(viewport={"width": width, "height": 1000}, accept_downloads=True)
    page.broken = []
    page.on("pageerror", lambda error: page.broken.append(str(error)))
    page.on("console", lambda said: page.broken.append(said.text) if said.type == "error" else None)
    page.set_content(
        f"""<style>{style}</style><div id=place><div class=board></div></div><script type=module>
        const made = URL.createObjectURL(new Blob([{json.dumps(script)}], {{ type: "text/javascript" }}));
        const told = (name, value) => window.sent.push([name, value]);
        window.sent = [];
        (await import(made)).default({{ parentElement: document.getElementById("place"), data: {json.dumps(data)},
          setStateValue: told, setTriggerValue: told }});
        </script>"""
    )
    wait_for_boards(page)
    return page


def saved(page: Any, way: str, which: int) -> bytes:
    """The file that the chart `which` hands out as SVG, PNG or CSV."""
    with page.expect_download(timeout=180_000) as download:
        page.get_by_label(f"Save this chart as {way}").nth(which).click()
    return Path(download.value.path()).read_bytes()


@contextmanager
def boards_page(items: int) -> Iterator[str]:
    """Address of `boards_app.py` over so many drawn items."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "tests" / "support" / "boards_app.py")]
    server = subprocess.Popen(
        [*command, "--server.port", str(port), "--server.headless", "true"], cwd=ROOT,
        env={**os.environ, "AWARE_BOARD_ITEMS": str(items), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


def wait_for_boards(page: Any, count: int = 1) -> None:
    """Return once so many boards are drawn."""
    page.wait_for_function(f"() => {{ {FIND} return boards.length === {count}; }}", timeout=300_000)


def percent(value: float | None) -> str:
    """A share as the boards write it."""
    if value is None:
        return "unknown"
    return f"{100 * value:.2f} %" if value < 0.1 else f"{100 * value:.1f} %"
