"""Foreign scores at the ends of their range, labels with a decimal point, numbers with a decimal comma."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from core.scores.imported_file import ScoresError, read_imported_table
from core.scores.imported_rows import checked_rows, log_odds_of
from core.scores.spec import ImportScoresSpec


def read(tmp_path, text, **changes):
    path = tmp_path / "s.csv"
    path.write_text(text)
    return checked_rows(read_imported_table(path), ImportScoresSpec(file=str(path), **changes), "mine")


@pytest.mark.parametrize("larger", ["fake", "real"])
def test_tiny_probabilities_keep_their_order(tmp_path, larger):
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    p = np.where(y == (larger == "fake"), 10.0 ** rng.uniform(-25, -18, 400), 10.0 ** rng.uniform(-32, -20, 400))
    rows, notes = read(
        tmp_path,
        "id,label,score,group\n" + "".join(f"a{i},{y[i]},{float(p[i])!r},g{i}\n" for i in range(400)),
        larger=larger,
    )
    truth = roc_auc_score(y, p if larger == "fake" else -p)
    assert 0.8 < truth < 1
    assert roc_auc_score(rows["label"], rows["log_odds"]) == pytest.approx(truth, abs=1e-12)
    assert rows["log_odds"].nunique() == 400
    assert not any("no log-odds" in note for note in notes)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_log_odds_are_finite_and_in_order(p):
    p, notes = np.array(p), []
    z = log_odds_of(p, notes)
    assert np.isfinite(z).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(z[order]) >= 0).all()
    assert (z[p == 0] < z[(p > 0) & (p < 1)].min(initial=np.inf)).all()
    assert (z[p == 1] > z[(p > 0) & (p < 1)].max(initial=-np.inf)).all()
    assert len(notes) == int(((p == 0) | (p == 1)).any())


def test_ends_are_put_beyond_all_others_and_said(tmp_path):
    text = "id,label,score,group\na,1,1,g1\nb,0,0,g2\nc,0,1e-300,g3\nd,1,0.5,g4\ne,1,1,g5\n"
    rows, notes = read(tmp_path, text)
    z = rows["log_odds"].to_numpy()
    assert z[1] < z[2] < z[3] == 0 < z[0] == z[4] == 37
    (said,) = [note for note in notes if "no log-odds" in note]
    assert "3 scores" in said
    assert "1 of exactly 0 at -691.8" in said
    assert "2 of exactly 1 at 37" in said


def test_labels_with_a_point_and_scores_with_a_comma(tmp_path):
    rows, _ = read(tmp_path, "id,label,score,group\na,1.0,.5,g\nb,0.0,.1,h\nc,1.00,.1,i\n")
    assert list(rows["label"]) == [1, 0, 1]
    with pytest.raises(ScoresError, match="neither"):
        read(tmp_path, "id,label,score,group\na,1.5,.5,g\n")
    with pytest.raises(ScoresError, match=r"decimal comma; write 0\.87, not 0,87.*row 2 \('0,5'\)"):
        read(tmp_path, "id;label;score;group\na;1;0,5;g\nb;0;0,1;g\n")
    with pytest.raises(ScoresError, match=r"row 2 has 5 cells.*a decimal comma parts a number in two cells"):
        read(tmp_path, "id,label,score,group\na,1,0,5,g\n")
