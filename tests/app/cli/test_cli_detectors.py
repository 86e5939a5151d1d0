"""`aware detectors`: the list, and the import of a published file through a job."""

import json

import pytest
import torch
from typer.testing import CliRunner

from app import console
from app.cli import main as cli
from core.artifacts.files import read_json
from core.models.genconvit.published import PublishedED
from core.models.inference import import_weights as importing

runner = CliRunner()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AWARE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(console.options, "debug", False)
    return tmp_path / "home"


def test_list_says_what_each_costs():
    shown = runner.invoke(cli.app, ["detectors", "list", "--scale", "tiny"])
    assert shown.exit_code == 0, shown.output
    assert "genconvit_vae_tiny" in shown.output
    assert "mobilenetv4" not in shown.output
    rows = json.loads(runner.invoke(cli.app, ["detectors", "list", "--json"]).stdout)
    assert {row["name"]: row["recipes"] for row in rows}["efficientnetv2_b3"] == ["efficientnetv2_b3"]


def test_import_makes_a_registered_run(home, tmp_path, monkeypatch):
    torch.manual_seed(0)
    torch.save(PublishedED().state_dict(), tmp_path / "ed.pth")
    arguments = ["detectors", "import", "genconvit-ed", str(tmp_path / "ed.pth"), "--name", "ed"]
    done = runner.invoke(cli.app, arguments)
    assert done.exit_code == 0, done.output
    assert read_json(home / "runs" / "ed" / "run.json")["detector"] == "genconvit_ed_published"
    monkeypatch.setattr(importing, "read_imported_weights", lambda *_: pytest.fail("the file was opened again"))
    again = runner.invoke(cli.app, arguments)
    assert again.exit_code == 2
    assert "run 'ed' exists already" in again.output


def test_a_wrong_layout_is_bad_use(tmp_path):
    shown = runner.invoke(cli.app, ["detectors", "import", "resnet", str(tmp_path / "a.pth")])
    assert shown.exit_code == 2
    assert "genconvit-ed" in shown.output
