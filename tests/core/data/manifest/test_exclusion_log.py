"""The log of exclusions: what is out now follows from its acts alone, nothing is lost, and damage is named."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.artifacts.workspace import Workspace
from core.data.manifest.exclusions import LOG, exclude, excluded, history, restore, undo_last
from core.data.manifest.open import open_dataset
from tests.support.face_set import write_face_set

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
IDS = [f"id{number:03d}" for number in range(6)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_face_set(Workspace(tmp_path).create())


def test_an_act_keeps_reason_author_and_time(folder: Path) -> None:
    assert exclude(folder, ["id001", "id001", "id002"], "  two\nfaces ", "Ada", at=AT) == 2
    assert exclude(folder, ["id002", "id003"], "blurred", "Ben", at=AT) == 1
    out = excluded(folder)
    assert (out["id002"].reason, out["id002"].author, out["id002"].at) == ("two faces", "Ada", AT.isoformat())
    assert out["id003"].reason == "blurred"
    assert restore(folder, ["id001", "id005"], "Cyn") == 1
    assert set(excluded(folder)) == {"id002", "id003"}
    assert [act.action for act in history(folder)] == ["exclude", "exclude", "restore"]


def test_no_reason_and_unknown_rows_are_refused_and_nothing_is_written(folder: Path) -> None:
    for ids, reason in ((["id001"], "  "), (["id001"], "x" * 501), (["nobody"], "gone")):
        with pytest.raises(ValueError, match=r"reason|no item"):
            exclude(folder, ids, reason, "me")
    assert not (folder / LOG).exists()


def test_a_data_set_is_opened_without_what_is_out_and_whole_when_asked(folder: Path) -> None:
    workspace = Workspace(folder.parents[1])
    whole = open_dataset("clips", workspace)
    exclude(folder, ["id001"], "blurred", "me")
    less = open_dataset("clips", workspace)
    assert set(whole.frame["sample_id"]) - set(less.frame["sample_id"]) == {"id001"}
    assert less.fingerprint() != whole.fingerprint()
    assert open_dataset("clips", workspace, with_excluded=True).fingerprint() == whole.fingerprint()
    undo_last(folder)
    assert open_dataset("clips", workspace).fingerprint() == whole.fingerprint()
    exclude(folder, list(whole.frame["sample_id"]), "all", "me")
    with pytest.raises(ValueError, match="every item"):
        open_dataset("clips", workspace)


def test_a_torn_last_line_is_no_act_and_other_damage_is_named(folder: Path) -> None:
    exclude(folder, ["id001"], "blurred", "me")
    whole = (folder / LOG).read_text()
    (folder / LOG).write_text(whole + whole[:40])
    assert set(excluded(folder)) == {"id001"}
    exclude(folder, ["id002"], "mirror", "me")
    assert set(excluded(folder)) == {"id001", "id002"}
    (folder / LOG).write_text("{}\n" + whole)
    with pytest.raises(ValueError, match="line 1"):
        excluded(folder)


acts = st.lists(
    st.one_of(
        st.tuples(st.just("exclude"), st.sets(st.sampled_from(IDS), min_size=1)),
        st.tuples(st.just("restore"), st.sets(st.sampled_from(IDS), min_size=1)),
        st.tuples(st.just("undo"), st.just(frozenset())),
    ),
    max_size=12,
)


@given(acts=acts)
@settings(max_examples=40, deadline=None)
def test_what_is_out_is_what_a_plain_stack_of_sets_says(tmp_path_factory, acts) -> None:
    """The model: a list of states; undo drops the last one that an act made."""
    room = Workspace(tmp_path_factory.getbasetemp() / "stack")
    folder = room.datasets / "clips"
    if not folder.is_dir():
        write_face_set(room.create())
    (folder / LOG).unlink(missing_ok=True)
    states: list[set[str]] = [set()]
    for action, ids in acts:
        if action == "undo":
            undo_last(folder)
            states = states[:-1] or states
        elif action == "exclude":
            if exclude(folder, sorted(ids), "why", "me"):
                states.append(states[-1] | ids)
        elif restore(folder, sorted(ids), "me"):
            states.append(states[-1] - ids)
        assert set(excluded(folder)) == states[-1]
