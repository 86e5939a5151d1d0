"""`aware promote` and `aware policies`: what changes is shown, asked for, done, and undone, in the page's words."""

import pytest
from typer.testing import CliRunner

from app.cli.main import app
from app.policies.changes import exit_changes, exits_note
from app.policies.exits import active_policy
from app.scores.sources import predictions_of, score_sources, stages_of
from core.documents.policy import Exits
from core.policies.manual import manual_policy
from core.policies.origin import scores_fingerprint
from jobs.client import Workbench
from jobs.settings import Settings
from tests.support.tiny_bundle import build_tiny_bundle


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    bundle = build_tiny_bundle(folder / "bundles" / "tiny")
    workbench = Workbench.open(Settings(home=folder))
    workbench.set_active(bundle=bundle)
    workbench.close()
    return folder


@pytest.fixture
def workbench(home, monkeypatch):
    monkeypatch.setenv("AWARE_HOME", str(home))
    opened = Workbench.open(Settings.read())
    yield opened
    opened.set_active(policy="")
    opened.close()


def by_hand(workbench, real_below, **more):
    source = score_sources(workbench)[0]
    table = predictions_of(source)
    members = [name for name in stages_of(table) if name != "stack"]
    exits = {m: Exits() for m in stages_of(table)} | {members[0]: Exits(real_below=real_below)}
    policy = manual_policy(table, members, exits, "by hand", "Ada", "less work", scores_fingerprint(source.folder))
    return policy.model_copy(update=more)


def aware(*words, said=None):
    """(exit code, all that was said, on one line)."""
    done = CliRunner().invoke(app, list(words), input=said)
    return done.exit_code, " ".join(done.output.split())


def test_promote_shows_what_changes_asks_and_says_how_to_go_back(workbench):
    item = workbench.save_policy(by_hand(workbench, 0.3))
    assert "Nothing is changed" in aware("promote", item.name, said="n\n")[1]
    assert workbench.active().policy is None
    code, said = aware("promote", item.name, "--author", "Bo", "--reason", "a try", said="y\n")
    assert code == 0, said
    for words in ("Now: tiny. Then: by hand v1.", "Stage 1:", "0.02", "0.3", "95 % intervals",
                  f"in force: by hand v1 ({item.name})",
                  "back to the bundle's own policy: aware promote --back"):  # fmt: skip
        assert words in said, (words, said)
    assert str(item.path) not in said
    assert workbench.active().policy == item.path
    change = workbench.active_history()[0]
    assert (change.author, change.reason) == ("Bo", "a try")
    assert f"* by hand v1 ({item.name})" in aware("policies", "list")[1]
    assert "policy in force: by hand v1" in aware("bundles", "list")[1]
    code, said = aware("promote", "--back", "--yes")
    assert code == 0, said
    assert "Now: by hand v1. Then: tiny." in said
    assert workbench.active().policy is None
    assert workbench.active_history()[0].reason == "back to the bundle's own policy"


def test_the_page_and_the_command_say_the_same(workbench):
    then = by_hand(workbench, 0.25)
    item = workbench.save_policy(then)
    note = exits_note(exit_changes(active_policy(workbench), then))
    assert note in aware("promote", item.name, said="n\n")[1]


def test_promote_refuses_foreign_scores_and_unclear_wishes(workbench):
    foreign = workbench.save_policy(by_hand(workbench, 0.3, policy_id="foreign", scores_fingerprint="f" * 64))
    code, said = aware("promote", foreign.name, "--yes")
    assert (code, "scores of other detectors" in said) == (2, True)
    assert "cannot be put in force" in aware("policies", "list")[1]
    assert workbench.active().policy is None
    assert aware("promote")[0] == 2
    assert aware("promote", "nothing", "--yes")[0] == 2
    code, said = aware("bundles", "use", "tiny", "--policy", foreign.name)
    assert (code, "scores of other detectors" in said) == (2, True)
