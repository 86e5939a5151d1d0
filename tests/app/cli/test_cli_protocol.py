"""`aware protocol`: pin what is left out, and use the set by the name that it prints."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from app.cli.main import app
from core.artifacts.workspace import Workspace
from core.data.manifest.manifest import read_manifest
from core.data.manifest.open import open_dataset


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A workspace with the data set `faces`: methods swap and gan, 16 pictures of each in four splits."""
    monkeypatch.setenv("AWARE_HOME", str(tmp_path / "home"))
    workspace = Workspace(tmp_path / "home").create()
    splits = ["train", "val_select", "val_calib", "test"]
    lines = ["path,label,dataset,split,group,method"]
    for i in range(64):
        method = ("", "", "swap", "gan")[i % 4]
        lines.append(f"{i}.png,{int(method != '')},s,{splits[i // 8 % 4]},g{i // 2},{method}")
        (tmp_path / f"{i}.png").touch()
    (tmp_path / "set.csv").write_text("\n".join(lines) + "\n")
    read_manifest(tmp_path / "set.csv").save(workspace.datasets / "faces")
    return workspace


def aware(*arguments, code=0):
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.output


def test_each_method_in_turn_is_pinned_and_opens_by_its_name(home):
    said = aware("protocol", "faces")
    for method in ("swap", "gan"):
        name = f"faces@leave-out-method-{method}"
        assert name in said
        frame = open_dataset(name, home).frame
        assert method not in set(frame.loc[frame["split"] != "test", "method"])


def test_what_cannot_be_left_out_ends_with_a_sentence(home):
    said = aware("protocol", "faces", "--left-out", "nope", code=2)
    assert "cannot leave out nope: the methods are gan, swap" in said
