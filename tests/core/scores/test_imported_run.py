"""Foreign score files: what comes in is what is judged, and every fault is named with its row."""

import csv

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from core.artifacts.files import read_json
from core.artifacts.workspace import Workspace
from core.calibrate.fit import calibrate_run
from core.calibrate.restate import restate_scores
from core.calibrate.spec import CalibrateSpec
from core.data.manifest.tables import guard
from core.evaluate.spec import EvaluateSpec
from core.models.inference.run import Run
from core.models.inference.run_predictions import run_predictions
from core.progress import Cancelled, Silent
from core.scores import imported_file as foreign_table
from core.scores.csv_files import read_guarded_csv, write_guarded_csv
from core.scores.imported_file import ScoresError, read_imported_table
from core.scores.imported_rows import checked_rows
from core.scores.imported_run import import_scores, is_scores, kept_predictions
from core.scores.spec import ImportScoresSpec
from jobs.kinds.evaluate import evaluate

HEAD = "id,label,score,group\n"


def items(n=400, seed=0):
    rng = np.random.default_rng(seed)
    y, group = rng.integers(0, 2, n), rng.integers(0, n // 4, n)
    z = rng.normal(0, 2, n) + 2 * (y - 0.5)
    return pd.DataFrame(
        {"id": [f"c{g}_{i}" for i, g in enumerate(group)], "label": y, "score": z, "group": [f"c{g}" for g in group]}
    )


def read(tmp_path, text, **changes):
    path = tmp_path / "s.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    spec = ImportScoresSpec(file=str(path), **changes)
    return checked_rows(read_imported_table(path), spec, "mine")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            HEAD + "a,1,.5,g\nb,2,.1,g\n",
            r"neither 1, fake \(fake\) nor 0, real \(real\): '2' in 1 row \(first: row 3\)",
        ),
        (HEAD + "a,1,.5,g\na,0,.1,g\n", r"occurs in an earlier row: row 3 \('a'\)"),
        (HEAD + "a,1,.5,g\nb,0,1.5,g\n", r"outside \[0, 1\].*row 3 \('1.5'\)"),
        (HEAD + "a,1,half,g\n", r"no number .*row 2 \('half'\)"),
        (HEAD + "a,1,.5,g,9\nb,0\n", "row 2 has 5 cells, the header has 4; row 3 has 2 cells"),
        (HEAD + "a,1,.5,\n", "group is empty.*row 2"),
        (HEAD + ",1,.5,g\n", "id is empty: row 2"),
        (HEAD + "a,1,.5,g\n\nb,0,.5,g\n", r"empty line in its middle \(row 3\)"),
        (HEAD + "a,1,,g\nb,0,nan,g\n", "no usable score"),
        (HEAD + "a\x00b,1,.5,g\n", "control character.*row 2"),
        (HEAD + "a" * 5000 + ",1,.5,g\n", "id is longer than 4096 characters: row 2"),
        (HEAD + '"a\nb",1,.5,g\n', "id holds a control character: row 2"),
        (HEAD, "no row below its header"),
        ("", "no header"),
        ("x,y\n1,2\n", "lacks the column of id: 'id', label: 'label', score: 'score'; it has x, y"),
        ("id,ID,label,score\na,b,1,.5\n", "'id' occurs twice"),
        (b"id,label,score\n\xff\xfe,1,.5\n", "not UTF-8 text; save it as UTF-8: in Excel as"),
        ("id,label,score\na,1,.5\n".encode("utf-16"), "is UTF-16 text .* in LibreOffice with .*iconv -f utf-16"),
        ("id,label,score\nä,1,.5\n".encode("utf-16-be"), "UTF-8"),
        ("id,label,score,group,split\na,1,.5,g,test\nb,0,.5,g,val\n", r"two splits.*row 2 \('g'\), 3 \('g'\)"),
        ("id,label,score,split\na,1,.5,later\n", r"none of train.*'later' in 1 row \(first: row 2\)"),
        (",".join(f"c{i}" for i in range(99)) + "\n", "99 columns"),
    ],
)
def test_faults_name_their_rows(tmp_path, text, words):
    with pytest.raises(ScoresError, match=words):
        read(tmp_path, text)


def test_a_message_names_few_rows_and_counts_the_rest(tmp_path):
    with pytest.raises(ScoresError, match=r"row 2 \('x'\), .*13 \('x'\) and 88 more$"):
        read(tmp_path, HEAD + "".join(f"a{i},1,x,g\n" for i in range(100)))


def test_a_strange_word_is_named_once_with_its_number(tmp_path):
    words = ["genuine"] * 50 + ["fake"] * 3 + ["spoof"] * 2 + ["Genuine"]
    with pytest.raises(ScoresError) as caught:
        read(tmp_path, HEAD + "".join(f"a{i},{word},.5,g\n" for i, word in enumerate(words)))
    assert str(caught.value).endswith(
        "'genuine' in 50 rows (first: row 2), 'spoof' in 2 rows (first: row 55), 'Genuine' in 1 row (first: row 57)"
    )
    with pytest.raises(ScoresError, match=r"'w0' in 1 row \(first: row 2\), .* and 28 other words$"):
        read(tmp_path, HEAD + "".join(f"a{i},w{i},.5,g\n" for i in range(40)))


def test_rows_bytes_and_row_length_are_bounded(tmp_path, monkeypatch):
    text = HEAD + "".join(f"a{i},1,.5,g\n" for i in range(50))
    monkeypatch.setattr(foreign_table, "MOST_ROWS", 49)
    with pytest.raises(ScoresError, match="more than 49 rows"):
        read(tmp_path, text)
    monkeypatch.setattr(foreign_table, "MOST_BYTES", 100)
    with pytest.raises(ScoresError, match="holds more than"):
        read(tmp_path, text)
    monkeypatch.undo()
    with pytest.raises(ScoresError, match="a row is longer than 4 MiB"):
        read(tmp_path, HEAD.encode() + b"b,1,.5,g\n" + b"a" * (9 << 20) + b",1,.5,g\n")


def test_parquet_is_read_and_bounded_alike(tmp_path, monkeypatch):
    frame = items().assign(score=lambda f: f["score"].astype("float32"), label=lambda f: f["label"].astype(float))
    path = tmp_path / "s.parquet"
    frame.to_parquet(path)
    rows, _ = checked_rows(read_imported_table(path), ImportScoresSpec(file=str(path), score="log_odds"), "mine")
    np.testing.assert_array_equal(rows["log_odds"], frame["score"].astype(float))
    np.testing.assert_array_equal(rows["label"], frame["label"])
    frame.assign(more=[[1, 2]] * len(frame)).to_parquet(path)
    rows, notes = checked_rows(read_imported_table(path), ImportScoresSpec(file=str(path), score="log_odds"), "mine")
    assert "more" not in rows
    assert any("'more' is left out: it holds list" in note for note in notes)
    monkeypatch.setattr(foreign_table, "MOST_ROWS", 10)
    with pytest.raises(ScoresError, match="more than 10 rows"):
        read_imported_table(path)
    path.write_bytes(b"PAR1" + b"\x00" * 100)
    with pytest.raises(ScoresError, match="cannot be read"):
        read_imported_table(path)


def test_what_a_score_means_is_what_was_said(tmp_path):
    text = "id;label;score\na;Fake;0.9\nb;REAL;0.1\nc;real;1\n"
    rows, notes = read(tmp_path, text)
    np.testing.assert_allclose(expit(rows["log_odds"]), [0.9, 0.1, 1.0], atol=1e-12)
    assert list(rows["label"]) == [1, 0, 0]
    assert np.isfinite(rows["log_odds"]).all()
    assert any("1 of exactly 1 at 37" in note for note in notes)
    turned, _ = read(tmp_path, text, larger="real")
    np.testing.assert_allclose(turned["log_odds"], -rows["log_odds"])
    words, _ = read(tmp_path, text, fake_words=["real"], real_words=["fake"])
    assert list(words["label"]) == [0, 1, 1]
    with pytest.raises(ValueError, match="cannot mean both"):
        ImportScoresSpec(file="x", fake_words=["1"], real_words=["1 "])


@pytest.mark.parametrize("larger", ["fake", "real"])
def test_a_number_keeps_its_order_whatever_its_size(tmp_path, larger):
    frame = items()
    frame["score"] = 1e7 + 1e5 * frame["score"] * (1 if larger == "fake" else -1)
    rows, notes = read(tmp_path, frame.to_csv(index=False), score="number", larger=larger)
    assert roc_auc_score(rows["label"], expit(rows["log_odds"])) == pytest.approx(
        roc_auc_score(frame["label"], frame["score"] if larger == "fake" else -frame["score"]), abs=1e-12
    )
    assert expit(rows["log_odds"]).nunique() == frame["score"].nunique()
    assert any("calibrate it" in note for note in notes)


def test_groups_and_splits_fall_back_as_the_notes_say(tmp_path):
    rows, notes = read(tmp_path, "id,label,score\n" + "".join(f"a{i},{i % 2},.5\n" for i in range(200)))
    assert list(rows["group"]) == list(rows["sample_id"])
    assert any("every item counts as independent" in n for n in notes)
    clips, notes = read(tmp_path, "id,label,score,video\na,1,.5,v1\nb,0,.5,v1\nc,0,.4,\n")
    assert list(clips["group"]) == ["v1", "v1", "item c"]
    assert any("each video is its own group" in note for note in notes)


def rows_of(n: int, per_group: int = 1) -> str:
    return HEAD + "".join(f"a{i},{i % 2},.5,g{i // per_group}\n" for i in range(n))


def test_every_item_is_judged_unless_a_share_is_asked_for(tmp_path):
    rows, notes = read(tmp_path, rows_of(200))
    assert set(rows["split"]) == {"test"}
    assert any("all items are judged" in note and "calibration share" in note for note in notes)
    half, notes = read(tmp_path, rows_of(200, 4), calib_share=0.5)
    assert half.groupby("group")["split"].nunique().max() == 1
    aside = int((half["split"] == "val_calib").sum())
    assert any(f"50% of the groups, {aside} items, are set aside" in note for note in notes)
    more, _ = read(tmp_path, rows_of(200), calib_share=0.8)
    assert 0.3 < aside / 200 < 0.7 < (more["split"] == "val_calib").mean() < 0.9


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_few_groups_never_land_wholly_on_one_side(tmp_path, share, groups):
    rows, notes = read(tmp_path, rows_of(12, 12 // groups), calib_share=share)
    both = rows.groupby("split")["label"].nunique()
    assert "test" in both
    assert (both == 2).all()
    if len(both) == 1:
        assert any("too few to set" in note for note in notes)
    if groups == 1:
        assert set(rows["split"]) == {"test"}


def test_the_files_own_split_stands(tmp_path):
    text = "id,label,score,split\n" + "".join(f"a{i},{i % 2},.5,{'dev' if i < 4 else 'test'}\n" for i in range(8))
    for share in (0.0, 0.9):
        rows, _ = read(tmp_path, text, calib_share=share)
        assert rows["split"].value_counts().to_dict() == {"val_calib": 4, "test": 4}


def test_progress_moves_on_and_a_stop_is_heeded(tmp_path, monkeypatch):
    monkeypatch.setattr(foreign_table, "CSV_BLOCK", 1 << 12)
    items(2000).assign(score=0.5).to_csv(tmp_path / "s.csv", index=False)
    heard: list[float] = []

    class Listener(Silent):
        def progress(self, fraction: float, message: str) -> None:
            heard.append(fraction)
            if len(heard) > 100:
                raise Cancelled

    import_scores(ImportScoresSpec(file=str(tmp_path / "s.csv")), tmp_path / "run", Listener())
    assert heard == sorted(heard)
    assert len([at for at in heard if at < 0.3]) >= 5
    assert len([at for at in heard if 0.3 <= at < 1]) >= 4
    assert heard[-1] == 1.0
    heard += [0.0] * 100
    with pytest.raises(Cancelled):
        import_scores(ImportScoresSpec(file=str(tmp_path / "s.csv")), tmp_path / "again", Listener())
    assert not (tmp_path / "again").exists()


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """A workspace with scores of 800 items, one without a score and one infinite."""
    home = tmp_path_factory.mktemp("home")
    frame = items(800)
    frame["score"] = expit(frame["score"])
    frame["method"] = np.where(frame["label"] == 1, "swap", "")
    frame.loc[[1, 7], "score"] = [np.nan, np.inf]
    frame.to_csv(home / "theirs.csv", index=False)
    workspace = Workspace(home / "ws").create()
    folder = workspace.runs / "theirs"
    import_scores(ImportScoresSpec(file=str(home / "theirs.csv"), calib_share=0.5), folder, Silent())
    return workspace, folder, frame


def test_the_run_holds_what_the_file_said(imported):
    workspace, folder, frame = imported
    about = read_json(folder / "run.json")
    assert is_scores(folder)
    assert (about["items"], about["failed"], about["groups"]) == (798, 2, frame["group"].nunique())
    table = pd.read_parquet(folder / "predictions.parquet").set_index("sample_id")
    kept = frame[np.isfinite(frame["score"])].set_index("id")
    np.testing.assert_allclose(table.loc[kept.index, "p_scores"], kept["score"], atol=1e-12)
    assert "the score is infinite" in (folder / "failed.csv").read_text()
    with pytest.raises(ValueError, match="no scores of split 'train'; there are: test, val_calib"):
        kept_predictions(folder, "train")
    with pytest.raises(ValueError, match="cannot score another data set"):
        run_predictions(Run(folder), "demo", "test", workspace, batch_size=1, device="cpu", report=Silent())
    with pytest.raises(ValueError, match="no network"):
        Run(folder).dataset()
    with pytest.raises(FileExistsError):
        import_scores(ImportScoresSpec(file=str(folder.parent.parent.parent / "theirs.csv")), folder, Silent())


def test_evaluate_and_calibrate_take_it_like_any_run(imported):
    workspace, folder, frame = imported
    report = evaluate(EvaluateSpec(run="theirs", n_bootstrap=50), workspace, Silent())
    test = frame[frame["id"].isin(kept_predictions(folder, "test").frame["sample_id"])]
    assert report["metrics"]["auroc"]["value"] == pytest.approx(roc_auc_score(test["label"], test["score"]))
    lost = sum(len(kept_predictions(folder, split).failed) for split in ("val_calib", "test"))
    assert lost == 2
    assert report["coverage"]["failed"] == len(kept_predictions(folder, "test").failed)
    before = pd.read_parquet(folder / "predictions.parquet")
    spec = CalibrateSpec(run="theirs", method="platt", compare=False)
    calibrate_run(spec, folder, kept_predictions(folder, "val_calib"), Silent())
    restate_scores(folder)
    after = pd.read_parquet(folder / "predictions.parquet")
    assert not np.allclose(before["p_scores"], after["p_scores"])
    assert roc_auc_score(after["label"], after["p_scores"]) == pytest.approx(
        roc_auc_score(before["label"], before["p_scores"])
    )


HARMLESS = [
    ("-video7", "plain", "a caption"),
    ("@user/clip", "with\nbreaks\r\nand\ttabs", "a caption"),
    ("=SUM(A1)", "long " * 50, "a caption"),
    ("+1", "c", "/".join(["a long path"] * 40)),
    ("'=quoted", "c", "'plain quote"),
    ("-5", "-3 of a kind", "@home"),
]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_harmless_cells_are_taken_and_quoted_where_they_are_written(tmp_path, end):
    file = tmp_path / "theirs.csv"
    with open(file, "w", newline="") as stream:
        writer = csv.writer(stream, lineterminator=end)
        writer.writerow(["id", "label", "score", "group", "caption", "place", ""])
        for i, (name, caption, place) in enumerate(HARMLESS):
            writer.writerow(
                [guard(name) if i == 4 else name, i % 2, "" if i == 0 else (i + 1) / 9, name, caption, place, i]
            )
    folder = tmp_path / "run"
    document = import_scores(ImportScoresSpec(file=str(file)), folder, Silent())
    table = kept_predictions(folder, "test")
    assert list(table.frame["sample_id"]) == [name for name, *_ in HARMLESS[1:]]
    assert table.frame["caption"].tolist() == ["with breaks and tabs", ("long " * 50).strip(), "c", "c", "-3 of a kind"]
    assert table.frame["place"].tolist() == [place for *_, place in HARMLESS[1:]]
    assert table.failed["sample_id"].tolist() == ["-video7"]
    assert (folder / "failed.csv").read_text().splitlines()[1].startswith("'-video7,'-video7,")
    assert "unnamed: 6" not in document["columns"]


def test_a_run_writes_no_formula_and_reads_every_name_back(tmp_path):
    names = [name for name, *_ in HARMLESS] + ["007", "plain"]
    frame = pd.DataFrame({"sample_id": names, "label": 0, "p_fake": 0.5, "method": [None, *names[1:]], "group": "1"})
    write_guarded_csv(frame, tmp_path / "t.csv")
    for row in csv.reader((tmp_path / "t.csv").read_text().splitlines()):
        assert not [cell for cell in row if cell[:1] in "=+-@" and cell]
    pd.testing.assert_frame_equal(read_guarded_csv(tmp_path / "t.csv"), frame, check_dtype=False)


def test_further_columns_that_cannot_be_used_are_left_out_and_said(tmp_path):
    text = "id,label,score,group,blob,method\na,1,.9,g,x\x00y,swap\nb,0,.1,h,z,none\n"
    rows, notes = read(tmp_path, text)
    assert "blob" not in rows
    assert rows["method"].tolist() == ["swap", "none"]
    assert any("the column 'blob' is left out" in note for note in notes)
    frame = pd.DataFrame({"id": ["a", "b"], "label": [1, 0], "score": [0.9, 0.1], "group": ["g", "h"]})
    frame["box"], frame["day"] = [[1, 2], [3, 4]], pd.Timestamp("2024-05-01")
    frame.to_parquet(tmp_path / "s.parquet")
    rows, notes = checked_rows(
        read_imported_table(tmp_path / "s.parquet"), ImportScoresSpec(file=str(tmp_path / "s.parquet")), "mine"
    )
    assert "box" not in rows
    assert rows["day"].str.startswith("2024-05-01").all()
    assert any("'box' is left out: it holds list" in note for note in notes)
    frame.assign(score=frame["box"]).to_parquet(tmp_path / "s.parquet")
    with pytest.raises(ScoresError, match=r"lacks the column of score.*'score' cannot be used: it holds list"):
        checked_rows(read_imported_table(tmp_path / "s.parquet"), ImportScoresSpec(file="s"), "mine")


def test_clips_of_two_data_sets_are_two_groups(tmp_path):
    text = "id,label,score,video,dataset\na,1,.9,001,x\nb,1,.8,001,x\nc,0,.1,001,y\n"
    rows, _ = read(tmp_path, text)
    assert rows["group"].tolist() == ["x/001", "x/001", "y/001"]
    assert read(tmp_path, text.replace(",y\n", ",x\n"))[0]["group"].nunique() == 1
