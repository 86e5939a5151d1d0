"""The web processes stay light: whatever pages and demo import, no torch, timm, lightgbm or cv2 comes with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "timm", "lightgbm", "cv2", "sklearn", "pytorch_grad_cam")

PAGES = """
import sys, json, pathlib
from app import main
from app.forms import fields, options, form as forms
from app.ui import navigation, session
from jobs.client import Workbench
from jobs.kind import kinds
modules = navigation.modules()
workbench = session.workbench()
for what in options.SOURCES:
    options.options(what, workbench)
for kind in kinds:
    fields.describe(kind.spec)
from streamlit.testing.v1 import AppTest
for module in modules:
    test = AppTest.from_string(f"from {module.__name__} import render\\nrender()\\n", default_timeout=180).run()
    assert not test.exception, test.exception
"""

DEMO = """
import sys, json, pathlib
from app import demo
from jobs.client import Workbench
from jobs.settings import Settings
workbench = Workbench.open(Settings.read())
demo.build(workbench)
picture = pathlib.Path(workbench.workspace.root) / "x.png"
picture.write_bytes(b"not a picture")
run = demo.answers(str(picture), False, workbench)
next(run)
"""


@pytest.mark.parametrize("script", [PAGES, DEMO], ids=["pages", "demo"])
def test_no_heavy_library_in_a_web_process(script, tmp_path):
    tail = f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    environment = {**os.environ, "AWARE_HOME": str(tmp_path / "home"), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", script + tail], capture_output=True, text=True, env=environment, timeout=500
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.strip().splitlines()[-1]) == []
