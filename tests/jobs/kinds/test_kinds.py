"""Kinds, references, policies, uploads: what the facade promises without a worker."""

import io
import subprocess
import sys

import pytest

from core.analysis.spec import AnalyzeSpec
from core.artifacts.files import write_json
from core.artifacts.finding import find_bundle, find_policy
from core.data.spec import PrepareSpec
from core.documents.policy import CascadePolicy, Exits
from core.policies.spec import PolicySpec
from core.spec import Spec
from jobs.client import SHIPPED_BUNDLE, Workbench
from jobs.kind import kinds
from jobs.kinds import load_kinds
from jobs.settings import Settings
from jobs.specs.references import settled
from jobs.worker import reporter
from jobs.worker.execution import on_device, sentence
from jobs.worker.foreground import run_here
from jobs.workspace.uploads import UploadTooLarge, safe_name
from tests.support.fake_kinds import FakeSpec
from tests.support.queueing import ROOT, open_workbench, supervised

NAMES = sorted(path.stem for path in (ROOT / "jobs/kinds").glob("*.py") if path.stem != "__init__")


@pytest.fixture
def workbench(tmp_path):
    workbench = open_workbench(tmp_path / "home", upload_mb=1)
    yield workbench
    workbench.close()


def policy(**changes) -> CascadePolicy:
    given = {"policy_id": "p1", "name": "mine", "created_at": "2026-01-01T00:00:00+00:00", "stage1": Exits()}
    return CascadePolicy(**{**given, "experts": [], "final": Exits(real_below=0.4, fake_above=0.6), **changes})


def test_every_file_is_a_kind_of_its_name_with_a_described_spec():
    assert {"analyze", "prepare", "train"} <= set(NAMES)
    assert [name for name in sorted(kinds.names()) if not name.startswith("fake")] == NAMES
    for name in NAMES:
        kind = kinds.get(name)
        assert (kind.name, kind.run.__module__) == (name, f"jobs.kinds.{name}")
        assert issubclass(kind.spec, Spec)
        assert [n for n, f in kind.spec.model_fields.items() if not f.description] == []
        assert kind.pool == ("analyze" if name == "analyze" else "work")


KIND = """
from core.spec import Spec
from jobs.kind import JobKind, kinds
kinds.add({name!r}, JobKind({name!r}, "Added", "A kind that one file adds.", Spec, lambda spec, context: None))
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A folder of kinds of its own; what it registers is forgotten afterwards."""
    folder = tmp_path / "more_kinds"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(kinds, "_items", dict(kinds._items))
    yield folder
    for name in [name for name in sys.modules if name.split(".")[0] == "more_kinds"]:
        del sys.modules[name]


def test_one_more_file_is_one_more_kind(package):
    (package / "added.py").write_text(KIND.format(name="added"))
    assert load_kinds([str(package)], "more_kinds") == ["added"]
    assert kinds.get("added").title == "Added"


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("import no_such_module", ModuleNotFoundError, "no_such_module"),
        ("x = 1", ImportError, r"broken\.py registers no job kind 'broken'"),
        (KIND.format(name="other"), ImportError, r"broken\.py registers no job kind 'broken'"),
        (KIND.format(name="train"), ValueError, "'train' is registered twice"),
    ],
)
def test_a_broken_file_of_a_kind_fails_loudly(package, text, error, said):
    (package / "broken.py").write_text(text)
    with pytest.raises(error, match=said):
        load_kinds([str(package)], "more_kinds")


def test_kinds_client_and_worker_load_without_torch():
    code = (
        "import sys, jobs.kinds, jobs.client, jobs.worker.worker, jobs.worker.child, app.cli.main, app.server.up; "
        "print([m for m in ('torch', 'timm', 'lightgbm', 'cv2', 'scipy', 'pandas', 'streamlit') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_settings_survive_the_way_through_the_environment(tmp_path):
    settings = Settings(home=tmp_path, work_slots=3, memory_gb=1.5, plugins="a,b")
    assert Settings.read(settings.environ()) == settings
    with pytest.raises(ValueError, match=r"AWARE_PORT is set to .99999.: "):
        Settings.read({"AWARE_PORT": "99999"})


def test_a_spec_of_another_kind_is_refused(workbench):
    with pytest.raises(ValueError, match="takes a TrainSpec"):
        workbench.submit("train", PrepareSpec(path="demo"))
    with pytest.raises(LookupError, match="unknown job kind"):
        workbench.submit("paint", PrepareSpec(path="demo"))


def test_references_become_absolute_and_names_stay(workbench, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.csv").write_text("path,label\n")
    (workbench.workspace.bundles / "b").mkdir()
    (workbench.workspace.bundles / "b" / "bundle.json").write_text("{}")
    assert settled(PrepareSpec(path="table.csv"), workbench.workspace).path == str(tmp_path / "table.csv")
    assert settled(PrepareSpec(path="demo"), workbench.workspace).path == "demo"
    named = settled(AnalyzeSpec(files=["x.jpg"], bundle="b"), workbench.workspace, workbench.active())
    assert (named.files, named.bundle, named.policy) == ([str(tmp_path / "x.jpg")], "b", "")
    assert find_bundle("b", workbench.workspace) == workbench.workspace.bundles / "b"
    with pytest.raises(FileNotFoundError, match=r"no bundle 'c'.*b"):
        find_bundle("c", workbench.workspace)


def test_an_analysis_records_what_was_in_force_when_it_was_asked_for(workbench, tmp_path):
    assert workbench.active().bundle == SHIPPED_BUNDLE
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    manifest = {"name": "none", "version": "1", "created_at": "", "code_version": "", "members": [], "stacked": False}
    write_json(bundle / "bundle.json", manifest | {"files": {}})
    saved = workbench.save_policy(policy())
    workbench.set_active(bundle=bundle, policy=saved.path, author="Ada", reason="safer")
    spec = workbench.job(workbench.submit("analyze", AnalyzeSpec(files=[__file__]))).spec
    assert (spec["bundle"], spec["policy"]) == (str(bundle), str(saved.path))
    other = workbench.job(workbench.submit("analyze", AnalyzeSpec(files=[__file__], bundle=str(tmp_path)))).spec
    assert (other["bundle"], other["policy"]) == (str(tmp_path), "")
    workbench.set_active(bundle=bundle)
    assert workbench.active().policy is None
    assert [(c.what, c.author) for c in workbench.active_history()][-1] == ("bundle", "Ada")
    with pytest.raises(FileNotFoundError):
        workbench.set_active(bundle=tmp_path / "nowhere")


def test_a_policy_is_never_changed(workbench):
    first = workbench.save_policy(policy())
    assert workbench.save_policy(policy()).path == first.path
    with pytest.raises(ValueError, match="never changed"):
        workbench.save_policy(policy(reason="another"))
    with pytest.raises(ValueError, match="not a file name"):
        workbench.save_policy(policy(policy_id="../p"))
    assert find_policy("p1", workbench.workspace) == first.path
    assert first.summary["name"] == "mine"


def test_uploads_are_capped_and_named_by_content(workbench):
    path = workbench.store_upload(io.BytesIO(b"abc"), "../../etc/x y.JPG")
    assert path.name == "x_y.JPG"
    assert path.parent.name == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert path.read_bytes() == b"abc"
    with pytest.raises(UploadTooLarge, match="1 MiB"):
        workbench.store_upload(io.BytesIO(b"x" * (1 << 20) + b"y"), "big.png")
    with pytest.raises(ValueError, match="empty"):
        workbench.store_upload(io.BytesIO(), "nothing.png")
    assert [p for p in workbench.workspace.uploads.iterdir() if p.is_file()] == []


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("..", "file"),
        ("", "file"),
        (".bashrc", "bashrc"),
        ("C:\\x\\a<b>.png", "a_b_.png"),
        ("=cmd|x.csv", "_cmd_x.csv"),
        ("é.jpg", "é.jpg"),
        ("a" * 300 + ".jpeg", "a" * 64 + ".jpeg"),
        ("\u5b57" * 300 + ".jpeg", "\u5b57" * 60 + ".jpeg"),
        ("\U00020000" * 300 + ".\U00020000" * 1, "\U00020000" * 45 + ".\U00020000"),
    ],
)
def test_file_names_from_visitors_are_made_harmless(given, safe):
    assert safe_name(given) == safe


def test_foreground_and_queue_give_the_same(workbench):
    here_id, outcome = run_here(workbench, "fake", FakeSpec(steps=2))
    queued = workbench.submit("fake", FakeSpec(steps=2))
    with supervised(workbench):
        there = workbench.wait(queued, 120)
    here = workbench.job(here_id)
    assert outcome.error is None
    assert (here.state, here.fraction, here.attempt) == (there.state, there.fraction, there.attempt) == ("done", 1.0, 1)
    assert here.result["values"] == there.result["values"]
    assert workbench.metrics(here_id) == workbench.metrics(queued)
    assert {a.name for a in workbench.artifacts("run")} == {here_id, queued}
    for job_id in (here_id, queued):
        assert "step 1: loss 0.5, bad nan" in workbench.log_tail(job_id)


def test_a_log_names_every_kind_of_step_once_and_no_control_character(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(reporter.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    log = reporter.JobLog(stream)
    for step in range(4):
        log.progress(step / 10, f"epoch 1 of 2, step {step} of 4")
        now[0] += 4.0
    log.progress(0.5, "reading \x1b[2Jface.png")
    log.metric(1, {"val_auroc": 0.75})
    said = [line.split(" ", 1)[1] for line in stream.getvalue().splitlines()]
    assert said == [
        "  0 %  epoch 1 of 2, step 0 of 4",
        " 30 %  epoch 1 of 2, step 3 of 4",
        " 50 %  reading ?[2Jface.png",
        "step 1: val_auroc 0.75",
    ]


def test_a_foreground_failure_is_told_and_logged(workbench, capsys):
    job_id, outcome = run_here(workbench, "fake", FakeSpec(act="wrong"))
    assert isinstance(outcome.error, ValueError)
    assert workbench.job(job_id).error == str(outcome.error)
    assert "Traceback" in workbench.log_tail(job_id)
    assert "Traceback" not in capsys.readouterr().err
    workbench.retry(job_id)
    assert workbench.job(job_id).state == "queued"


def test_cancelled_elsewhere_stops_the_foreground(workbench):
    """The row is the one place of truth: another process's cancel reaches a job in the caller."""

    def listener(fraction: float, message: str) -> None:
        for job in workbench.jobs(state="running"):
            workbench.cancel(job.id)

    job_id, outcome = run_here(workbench, "fake", FakeSpec(steps=400, seconds=0.05), listener=listener)
    assert (outcome.result, outcome.error) == (None, None)
    assert workbench.job(job_id).state == "cancelled"


def test_the_facade_can_be_opened_twice(workbench):
    again = Workbench.open(workbench.settings)
    job_id = again.submit("fake", FakeSpec(), key="once")
    assert workbench.submit("fake", FakeSpec(), key="once") == job_id
    again.close()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "Out of memory: use a smaller batch or smaller inputs, then retry."),
        (
            MemoryError("9 GiB asked\nfor"),
            "Out of memory: use a smaller batch or smaller inputs, then retry. (9 GiB asked)",
        ),
        (ValueError("label 2"), "label 2"),
        (KeyError("x"), "KeyError: 'x'; the job's log says where."),
    ],
)
def test_an_exception_becomes_a_sentence(error, said):
    assert sentence(error) == said


def test_auto_becomes_the_machines_device_and_a_named_one_stays():
    assert on_device(AnalyzeSpec(files=["a.jpg"]), "cpu").device == "cpu"
    assert on_device(AnalyzeSpec(files=["a.jpg"], device="cuda:1"), "cpu").device == "cuda:1"
    without = PolicySpec(source="x")
    assert on_device(without, "cpu") is without
