"""The command line: built from the specs, silent about stack traces, exact about exit codes."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
import typer
from typer.testing import CliRunner

import core
from app import console
from app.cli import main as cli
from app.cli.examples import EXAMPLES
from app.cli.job_commands import POSITIONAL
from app.server.up import alone, free_port, services
from core.data.spec import PrepareSpec
from core.media.types import MediaRejected
from jobs.kind import kinds
from jobs.process import start_time
from jobs.settings import Settings
from tests.support.queueing import ROOT, until

runner = CliRunner()
NAMES = ["analyze", "calibrate", "evaluate", "export", "policy", "prepare", "stack", "train"]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AWARE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TERMINAL_WIDTH", "200")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(console.options, "debug", False)
    return tmp_path / "home"


def aware(*arguments: str, code: int = 0) -> str:
    result = runner.invoke(cli.app, list(arguments))
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.parametrize("name", NAMES)
def test_every_field_of_every_spec_is_in_the_help(name):
    text = aware(name, "--help")
    for field in kinds.get(name).spec.model_fields:
        shown = field.upper() if (name, field) in POSITIONAL else f"--{field.replace('_', '-')}"
        assert shown in text, field
    assert "--queue" in text
    assert "--spec" in text


def test_the_help_lists_every_command():
    text = aware("--help")
    for name in [*NAMES, "demo", "up", "worker", "doctor", "jobs", "bundles"]:
        assert f"  {name} " in text


def test_the_help_of_a_kind_lists_the_words_of_its_fields_and_an_example():
    text = aware("calibrate", "--help")
    assert re.search(r"One of: temperature, .*venn_abers", text, re.S)
    assert "aware calibrate --run first" in text
    assert re.search(r"One of: minimal, guide,\s+robust", aware("train", "--help"))
    assert "import_scores" not in aware("--help")
    assert "--score-column" in aware("import_scores", "--help"), "out of the list, and still there"


@pytest.mark.parametrize("name", [name for name in kinds.names() if not name.startswith("fake")])
def test_every_kind_has_an_example_that_is_a_command(name):
    words = EXAMPLES[name].split()[1:]
    group = next((g for g in cli.app.registered_groups if g.name == words[0]), None)
    command = typer.main.get_command(cli.app).commands[words[0]]
    if group is not None:
        command, words = command.commands[words[1]], words[1:]
    parsed = command.make_context(words[0], words[1:]).params
    assert any(value not in (None, False, [], ()) for value in parsed.values())


def test_the_version_is_printed():
    assert aware("--version").split() == ["aware", core.__version__]


def test_a_wrong_word_is_told_with_the_right_ones():
    text = aware("stack", "--stage1", "a", "--experts", "b", "--experts-are", "frozn", code=2)
    assert "--experts-are: choose one of frozen, refit. Did you mean 'frozen'?" in text


def test_the_queue_gets_the_spec_that_was_typed(tmp_path):
    job_id = aware("prepare", "demo", "--demo-identities", "20", "--no-keep-splits", "--queue").split()[0]
    spec = json.loads(aware("jobs", "show", job_id))["spec"]
    assert spec == PrepareSpec(path="demo", demo_identities=20, keep_splits=False).model_dump(mode="json")
    assert job_id in aware("jobs", "list")
    assert "cancelled" in aware("jobs", "cancel", job_id)
    assert "queued" in aware("jobs", "retry", job_id)
    aware("jobs", "retry", job_id, code=2)
    aware("jobs", "show", "nope", code=2)


def test_lists_are_repeated_or_separated_by_commas_and_options_win_over_a_file(tmp_path):
    file = tmp_path / "spec.json"
    file.write_text(json.dumps({"dataset": str(tmp_path), "seed": 3, "exclude_datasets": ["a"]}))
    arguments = ("--exclude-datasets", "x,y", "--exclude-datasets", "z", "--seed", "4", "--queue")
    job_id = aware("train", "--spec", str(file), *arguments).split()[0]
    spec = json.loads(aware("jobs", "show", job_id))["spec"]
    assert (spec["dataset"], spec["seed"], spec["exclude_datasets"]) == (str(tmp_path), 4, ["x", "y", "z"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train"], "--dataset: Field required"),
        (["train", "--dataset", "d", "--epochs", "0"], "greater than or equal to 1 (given: 0)"),
        (["train", "--dataset", "d", "--epochs", "many"], "Invalid value for '--epochs'"),
        (["train", "--colour", "red"], "No such option"),
        (["paint"], "No such command"),
        (["analyze", "/nowhere.jpg", "--bundle", "/nowhere"], "/nowhere.jpg is not a file"),
        (["train", "--spec", "/nowhere.json"], "nowhere.json"),
        (["bundles", "use", "nowhere"], "no bundle 'nowhere'"),
        (["policy", "nothing"], ""),
    ],
)
def test_bad_use_ends_with_2_and_a_sentence(arguments, words):
    text = aware(*arguments, code=2)
    assert words in text
    assert "Traceback" not in text


def test_what_is_not_the_users_fault_ends_with_1(monkeypatch):
    monkeypatch.setattr("app.server.doctor.examine", lambda settings, only: 1 / 0)
    text = aware("doctor", code=1)
    assert "ZeroDivisionError" in text
    assert "Traceback" not in text
    assert "Traceback" in aware("--debug", "doctor", code=1)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MediaRejected("damaged", "The file is damaged."), 2),
        (ValueError("x"), 2),
        (FileNotFoundError("x"), 2),
        (LookupError("x"), 2),
        (KeyError("x"), 1),
        (RuntimeError("x"), 1),
        (OSError("x"), 1),
    ],
)
def test_exit_codes(error, code):
    assert console.exit_code(error) == code


def test_stdout_holds_json_alone():
    code = (
        "import os; from app.console import json_only\n"
        "with json_only(True) as say:\n"
        "    print('a library'); os.write(1, b'its C code\\n'); say({'x': 1})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == '{"x": 1}\n'
    assert "a library" in done.stderr
    assert "its C code" in done.stderr


def test_a_wrong_setting_is_a_sentence(monkeypatch):
    done = subprocess.run(
        [sys.executable, "-m", "app.cli.main", "jobs", "list"],
        cwd=ROOT, capture_output=True, text=True, env={**os.environ, "AWARE_PORT": "many"},
    )  # fmt: skip
    assert done.returncode == 2
    assert "AWARE_PORT is set to 'many'" in done.stderr
    assert "Traceback" not in done.stderr


def test_taken_ports_are_stepped_over():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port("127.0.0.1", port, {port + 1}) > port + 1


def test_the_doctor_says_a_line_a_check(monkeypatch):
    import app.server.doctor as doctor

    def broken(settings):
        raise OSError("no space left on device")

    monkeypatch.setattr(doctor, "_devices", broken)
    for name in ("_faces", "_decoding", "_weights", "_bundle"):  # they load networks: looked at elsewhere
        monkeypatch.setattr(doctor, name, lambda settings: [])
    lines = aware("doctor", code=1).splitlines()
    assert all(line.split()[0] in ("OK", "WARN", "FAIL") for line in lines)
    assert "FAIL  devices       OSError: no space left on device" in lines
    assert any(line.startswith("OK    database") for line in lines)


def test_the_doctor_answers_one_question():
    (line,) = aware("doctor", "--only", "disk").splitlines()
    assert line.split()[1] == "disk"
    assert "no check 'weather'; the checks are: python, " in aware("doctor", "--only", "weather", code=2)


def test_containers_ask_only_for_what_the_command_has():
    """Every `aware ...` of compose.yaml, and every folder of the image that the program reads."""
    commands = re.findall(r"\[(?:CMD, )?aware, ([^\]]+)\]", (ROOT / "compose.yaml").read_text())
    assert len(commands) == 4
    for command in commands:
        name, *words = command.split(", ")
        flags = [word for word in words if word.startswith("--")]
        help_text = aware(name, "--help")
        assert [flag for flag in flags if flag not in help_text] == []
    copied = re.findall(r"^COPY (\S+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert {"core", "jobs", "app", "pages", "assets", ".streamlit"} <= set(copied)


def test_services_of_one_workspace_can_live_apart(home):
    """Workbench and demo in containers of their own share a folder; two of the same kind do not."""
    settings = Settings(home=home, port=0, demo_port=0)
    assert [service.name for service in services(settings, ["demo"])] == ["demo"]
    assert [service.name for service in services(settings)] == ["worker", "workbench", "demo"]
    here = settings.workspace
    with (
        alone(here, "workbench"),
        alone(here, "demo"),
        pytest.raises(ValueError, match=r"the demo of .* runs already"),
        alone(here, "demo"),
    ):
        raise AssertionError
    assert "nothing is left to start" in aware("up", "--no-web", "--no-worker", "--no-demo", code=2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_up_leaves_no_orphan(home, number):
    """SIGINT ends all in good order; after SIGKILL the kernel ends what hangs on it."""
    arguments = [sys.executable, "-m", "app.cli.main", "up", "--no-demo"]
    environment = {**os.environ, "AWARE_PORT": "0", "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen(
        arguments, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: _warm_process(home), 240, "the worker has started its analysis process")
        tree = descendants(parent.pid)
        assert len(tree) >= 3
        parent.send_signal(number)
        assert parent.wait(240) == (0 if number == signal.SIGINT else -9)
        until(lambda: not any(start_time(pid) for pid in tree), 240, "every process has ended")
    finally:
        parent.kill()
        parent.wait()


def _warm_process(home) -> bool:
    return (home / "logs" / "analysis.log").exists()


def descendants(pid: int) -> list[int]:
    """Process numbers below `pid`."""
    deadline = time.monotonic() + 120
    found: list[int] = []
    while len(found) < 3 and time.monotonic() < deadline:
        rows = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout.split(
            "\n"
        )
        parents = {int(a): int(b) for a, b in (row.split() for row in rows if row.strip())}
        found, level = [], [pid]
        while level:
            level = [child for child, parent in parents.items() if parent in level]
            found += level
    return found
