"""Pictures of the guide: `python tests/browser/guide_pictures.py HOME [FOLDER]` fills a workspace and takes one a page.

A HOME that exists already is used as it is, so that pictures can be taken again without training again."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
SHIPPED = ROOT / "assets/demo_bundle"
WIDTH = 1440
MOST_PX = 1500
"""Height at which a picture is cut: a guide shows the first screens of a page."""

STEPS = (
    ("prepare", "demo", "--name", "portraits", "--demo-identities", "60"),
    ("train", "--dataset", "portraits", "--recipe", "stage1_small", "--name", "first", "--epochs", "3",
     "--weights", str(SHIPPED / "stage1/weights.safetensors")),
    ("train", "--dataset", "portraits", "--recipe", "texture_small", "--name", "second", "--epochs", "2",
     "--weights", str(SHIPPED / "mobilenetv1_texture/weights.safetensors")),
    ("calibrate", "--run", "first"),
    ("calibrate", "--run", "second"),
    ("evaluate", "--run", "first"),
    ("experts", "--runs", "first", "--runs", "second"),
)  # fmt: skip
PAGES = {
    "datasets": "datasets?dataset=portraits",
    "train": "train",
    "calibrate": "calibrate?run=first",
    "evaluate": "evaluate",
    "compare": "compare",
    "experts": "experts",
    "cascade": "cascade",
    "models": "models",
    "jobs": "jobs",
}


def fill(home: Path) -> None:
    """Run the steps of a newcomer's first hour in a workspace.

    Args:
        home: Folder of the workspace; it is made.
    """
    for step in STEPS:
        print("aware", *step, flush=True)
        subprocess.run([sys.executable, "-m", "app.cli.main", *step], env=environment(home), cwd=ROOT, check=True)


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a command that works in a workspace.

    Args:
        home: Folder of the workspace.

    Returns:
        This process's environment, with the workspace and this checkout.
    """
    return {**os.environ, "AWARE_HOME": str(home), "PYTHONPATH": str(ROOT)}


@contextmanager
def worker(home: Path) -> Iterator[None]:
    """Run a worker, so that the pages show one.

    Args:
        home: Folder of the workspace.

    Yields:
        Nothing, once the worker has signed on.
    """
    from jobs.client import Workbench
    from jobs.settings import Settings

    process = subprocess.Popen([sys.executable, "-m", "app.cli.main", "worker"], env=environment(home), cwd=ROOT)
    workbench = Workbench.open(Settings(home=home))
    try:
        while not any(one.alive for one in workbench.workers()):
            if process.poll() is not None:
                raise RuntimeError(f"the worker ended with code {process.returncode}")
            time.sleep(0.5)
        yield
    finally:
        workbench.close()
        process.terminate()
        process.wait(60)


def judge_sample(home: Path) -> str:
    """Judge a drawn sample with the shipped bundle.

    Args:
        home: Folder of the workspace.

    Returns:
        Id of the analysis job.
    """
    from core.analysis.spec import AnalyzeSpec
    from jobs.client import Workbench
    from jobs.settings import Settings
    from jobs.worker.foreground import run_here

    workbench = Workbench.open(Settings(home=home))
    try:
        spec = AnalyzeSpec(files=[str(ROOT / "assets/samples/photograph.jpg")])
        return run_here(workbench, "analyze", spec)[0]
    finally:
        workbench.close()


def take(address: str, folder: Path, pages: dict[str, str]) -> None:
    """Take one picture a page.

    Args:
        address: Address of the running workbench.
        folder: Where `<name>.png` is written.
        pages: Path below the address by name.
    """
    from PIL import Image
    from shoot import chromium, settle

    folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        page = browser.new_page(viewport={"width": WIDTH, "height": 1000})
        for name, path in pages.items():
            page.goto(f"{address}/{path}")
            settle(page)
            page.wait_for_timeout(2500)
            main = page.query_selector("[data-testid=stMainBlockContainer]")
            height = int(main.bounding_box()["height"]) + 40 if main else 1000
            page.set_viewport_size({"width": WIDTH, "height": min(max(height, 700), MOST_PX)})
            settle(page)
            file = folder / f"{name}.png"
            page.screenshot(path=str(file))
            # 128 colours are enough for a page and take a third of the room.
            Image.open(file).convert("RGB").quantize(128).save(file, optimize=True)
            page.set_viewport_size({"width": WIDTH, "height": 1000})


def main() -> None:
    """Fill the workspace where it is new, then take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "assets/screenshots")
    parser.add_argument("--fill-only", action="store_true", help="take no pictures")
    arguments = parser.parse_args()
    if not arguments.home.exists():
        fill(arguments.home)
    if arguments.fill_only:
        return
    from shoot import free_port, streamlit

    job = judge_sample(arguments.home)
    with worker(arguments.home), streamlit(arguments.home, free_port()) as address:
        take(address, arguments.folder, {"analyze": f"analyze?job={job}", **PAGES})


if __name__ == "__main__":
    main()
