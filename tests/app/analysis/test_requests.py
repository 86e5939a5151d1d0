"""Asking for an analysis twice: the same answer, unless what it left on disk is gone."""

from pathlib import Path
from types import SimpleNamespace

from app.analysis import requests as analyses
from core.analysis.spec import AnalyzeSpec


class Desk:
    """A workbench with one finished analyze job."""

    def __init__(self, folder):
        produced = [{"kind": "analysis", "name": "a", "path": str(folder)}]
        self.done = SimpleNamespace(id="first", state="done", part=None, result={"produced": produced})
        self.sent: list[str | None] = []

    def active(self):
        return SimpleNamespace(bundle=Path("none"), policy=None)

    def submit(self, kind, spec, key=None):
        self.sent.append(key)
        return "first" if key else "second"

    def job(self, job_id):
        return self.done


def test_a_finished_analysis_is_shown_again(tmp_path):
    (tmp_path / "analysis.json").write_text("{}")
    desk = Desk(tmp_path)
    assert analyses.submit(AnalyzeSpec(files=["a.jpg"]), desk) == "first"
    assert len(desk.sent) == 1


def test_one_whose_folder_was_cleared_is_judged_again_and_breaks_no_page(tmp_path):
    desk = Desk(tmp_path / "gone")
    assert analyses.documents(desk.done, desk) == []
    assert analyses.submit(AnalyzeSpec(files=["a.jpg"]), desk) == "second"
    assert desk.sent[0] != desk.sent[1]
