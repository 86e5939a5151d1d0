"""An analysis can be deleted from its page and from the command line, each asking first."""

from __future__ import annotations

import io
from pathlib import Path

from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from app.cli import main as cli
from core.analysis.spec import AnalyzeSpec

runner = CliRunner()


def ended(workbench) -> tuple[str, Path]:
    path = workbench.store_upload(io.BytesIO(b"x"), "x.png")
    job_id = workbench.submit("analyze", AnalyzeSpec(files=[str(path)]))
    workbench.cancel(job_id)
    return job_id, path


def test_the_button_deletes_once_it_is_confirmed(workbench):
    job_id, path = ended(workbench)
    test = AppTest.from_string(
        "from app.ui import session\nfrom app.analysis.delete_analysis import delete_button\n"
        f"w = session.workbench()\nids = [j.id for j in w.jobs()]\n"
        f"if {job_id!r} in ids:\n    delete_button(w.job({job_id!r}), w)\n",
        default_timeout=180,
    ).run()
    assert path.is_file()
    (button,) = test.button
    button.click().run()
    assert not test.exception
    assert workbench.jobs() == []
    assert not path.exists()


def test_what_keeps_it_from_being_deleted_is_said(workbench):
    job_id, path = ended(workbench)
    broken = workbench.workspace.datasets / "broken"
    broken.mkdir()
    (broken / "dataset.json").write_text("{")
    test = AppTest.from_string("from pages.analyze import render\nrender()\n", default_timeout=180)
    test.query_params["job"] = job_id
    test.run()
    next(b for b in test.button if b.key == f"delete-{job_id}").click().run()
    assert not test.exception
    assert "repair or remove" in test.error[0].value
    assert path.is_file()


def test_of_files_sent_together_only_the_deleted_one_goes(workbench):
    jobs = []
    for name in ("one.png", "two.png", "three.png"):
        path = workbench.store_upload(io.BytesIO(name.encode()), name)
        jobs.append(workbench.submit("analyze", AnalyzeSpec(files=[str(path)])))
        workbench.cancel(jobs[-1])
    test = AppTest.from_string("from pages.analyze import render\nrender()\n", default_timeout=180)
    test.session_state["batch"] = jobs
    test.query_params["job"] = jobs[0]
    test.run()
    workbench.delete_analysis(jobs[1])  # in another window
    test.run()
    assert not test.exception
    assert next(s for s in test.selectbox if s.label == "File").options == ["one.png", "three.png"]
    next(b for b in test.button if b.key == f"delete-{jobs[0]}").click().run()
    assert not test.exception
    assert test.session_state["batch"] == [jobs[2]]
    assert jobs[2] in test.query_params["job"]
    next(b for b in test.button if b.key == f"delete-{jobs[2]}").click().run()
    assert not test.exception
    assert "job" not in test.query_params


def test_the_command_asks_first(workbench):
    job_id, path = ended(workbench)
    assert runner.invoke(cli.app, ["jobs", "delete", job_id], input="n\n").exit_code == 1
    assert path.is_file()
    said = runner.invoke(cli.app, ["jobs", "delete", job_id, "--yes"])
    assert (said.exit_code, said.output.strip()) == (0, f"{job_id} and 1 upload are deleted")
    assert not path.exists()
    assert runner.invoke(cli.app, ["jobs", "delete", job_id, "--yes"]).exit_code == 2
