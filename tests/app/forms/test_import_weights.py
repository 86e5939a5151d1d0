"""Published weights through the Train page: a file on the server becomes a job, one elsewhere is refused."""

from __future__ import annotations

from tests.support.page_text import texts


def choose(test, path: str):
    box = next(b for b in test.selectbox if b.key == "weights-on-server")
    box.set_value(path).run()
    assert not test.exception
    return test


def test_a_file_in_incoming_becomes_a_job(open_page, workbench):
    workbench.workspace.incoming.mkdir(parents=True, exist_ok=True)
    file = workbench.workspace.incoming / "genconvit_ed_inference.pth"
    file.write_bytes(b"x" * 2048)
    (workbench.workspace.incoming / "note.txt").write_text("no weights")
    test = open_page("train")
    box = next(b for b in test.selectbox if b.key == "weights-on-server")
    assert box.options == [str(file)]
    test = choose(test, str(file))
    assert "genconvit_ed_inference.pth" in texts(test)
    next(b for b in test.selectbox if b.key == "import.layout").set_value("genconvit-ed")
    next(b for b in test.button if b.label == "Import").click().run()
    (job,) = workbench.jobs(kind="import_detector")
    assert job.spec["file"] == str(file)
    assert job.spec["layout"] == "genconvit-ed"


def test_a_link_that_leads_elsewhere_is_refused(open_page, workbench, tmp_path):
    (tmp_path / "a.pth").write_bytes(b"x")
    workbench.workspace.incoming.mkdir(parents=True, exist_ok=True)
    link = workbench.workspace.incoming / "a.pth"
    link.symlink_to(tmp_path / "a.pth")
    test = choose(open_page("train"), str(link))
    assert "is not in a folder that the server may read" in texts(test)
    assert not [b for b in test.button if b.label == "Import"]


def test_published_figures_are_said_to_be_published(open_page, workbench):
    said = texts(open_page("train"))
    assert "Published accuracy / AUROC" in said
    assert "none of these figures was measured here" in said
