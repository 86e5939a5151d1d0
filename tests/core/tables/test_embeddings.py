"""The columnar embedding file: what is written is read, in order, in pieces, and never with a row missing unsaid."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.tables.embeddings import (
    EmbeddingAbout,
    MissingRow,
    join_shards,
    read_about,
    read_embeddings,
    stream_embeddings,
    write_shard,
)

LOST = MissingRow(sample_id="s9", path="pictures/9.png", reason="OSError: image file is truncated")


def about(**changes):
    given = {"key": "k", "run": "r", "detector": "d", "weights_sha256": "w", "data_fingerprint": "f"}
    return EmbeddingAbout(**{**given, "parts": {"embedding": 3, "latent": 2}, "rows": 4, **changes})


def write(folder, sizes, missing=()):
    """Shards of the given sizes and what they hold: ids, log-odds, parts."""
    rng, first, files, kept = np.random.default_rng(0), 0, [], []
    for number, size in enumerate(sizes):
        ids = [f"s{first + i}" for i in range(size)]
        parts = {
            "embedding": rng.normal(size=(size, 3)).astype("f4"),
            "latent": rng.normal(size=(size, 2)).astype("f4"),
        }
        log_odds = rng.normal(size=size)
        lost = [row for place, row in missing if place == number]
        shard = about(first=first, rows=size + len(lost), missing=lost)
        files.append(folder / f"{number}.parquet")
        write_shard(files[-1], ids, log_odds, parts, shard)
        kept.append((ids, log_odds, parts))
        first += shard.rows
    return files, kept


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(0, 5), min_size=1, max_size=4).filter(any))
def test_what_is_written_is_read(tmp_path_factory, sizes):
    folder = tmp_path_factory.mktemp("shards")
    files, kept = write(folder, sizes)
    whole = join_shards(files, folder / "whole.parquet")
    assert whole.rows == sum(sizes)
    assert whole == read_about(folder / "whole.parquet")
    table = read_embeddings(folder / "whole.parquet")
    assert table.sample_id.tolist() == [name for ids, _, _ in kept for name in ids]
    assert np.array_equal(table.log_odds, np.concatenate([values for _, values, _ in kept]))
    for name in ("embedding", "latent"):
        assert table.parts[name].dtype == np.float32
        assert np.array_equal(table.parts[name], np.concatenate([parts[name] for _, _, parts in kept]))


def test_row_groups_stream_one_by_one_and_parts_can_be_chosen(tmp_path):
    files, kept = write(tmp_path, [3, 2])
    join_shards(files, tmp_path / "whole.parquet")
    pieces = list(stream_embeddings(tmp_path / "whole.parquet", ["latent"]))
    assert [len(piece) for piece in pieces] == [3, 2]
    assert list(pieces[0].parts) == ["latent"]
    assert np.array_equal(pieces[1].parts["latent"], kept[1][2]["latent"])
    with pytest.raises(ValueError, match="has no part image; it has: embedding, latent"):
        read_embeddings(tmp_path / "whole.parquet", ["image"])


def test_any_parquet_reader_can_read_it(tmp_path):
    files, kept = write(tmp_path, [3])
    join_shards(files, tmp_path / "whole.parquet")
    frame = pq.read_table(tmp_path / "whole.parquet").to_pandas()
    assert list(frame) == ["sample_id", "log_odds", "embedding", "latent"]
    assert np.array_equal(np.stack(frame["embedding"]), kept[0][2]["embedding"])


def test_a_missing_row_is_refused_unless_asked_for(tmp_path):
    files, _ = write(tmp_path, [2, 1], missing=[(0, LOST)])
    whole = join_shards(files, tmp_path / "whole.parquet")
    assert not whole.complete
    assert whole.missing == [LOST]
    with pytest.raises(ValueError, match=r"lacks 1 of 4 rows: s9 \(pictures/9.png\): OSError: image file is truncated"):
        read_embeddings(tmp_path / "whole.parquet")
    assert len(read_embeddings(tmp_path / "whole.parquet", incomplete=True)) == 3


def test_a_row_that_is_gone_without_a_word_is_damage(tmp_path):
    shard = tmp_path / "a.parquet"
    write_shard(shard, ["a"], np.zeros(1), {"embedding": np.zeros((1, 3)), "latent": np.zeros((1, 2))}, about(rows=2))
    with pytest.raises(ValueError, match="holds 1 of 2 rows and names no reason"):
        read_embeddings(shard)


def test_rows_in_another_order(tmp_path):
    files, kept = write(tmp_path, [3])
    join_shards(files, tmp_path / "whole.parquet")
    taken = read_embeddings(tmp_path / "whole.parquet").take(["s2", "s0"])
    assert taken.sample_id.tolist() == ["s2", "s0"]
    assert np.array_equal(taken.log_odds, kept[0][1][[2, 0]])
    assert np.array_equal(taken.parts["latent"], kept[0][2]["latent"][[2, 0]])
    with pytest.raises(ValueError, match=r"1 of 2 samples have no embedding in run 'r' \(first: s7\)"):
        taken.take(["s2", "s7"])


def test_shards_that_do_not_follow_each_other_are_refused(tmp_path):
    files, _ = write(tmp_path, [2, 2, 1])
    with pytest.raises(ValueError, match="does not follow"):
        join_shards([files[0], files[2]], tmp_path / "whole.parquet")
    assert not (tmp_path / "whole.parquet").exists()


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"no"])
def test_a_damaged_file_is_refused_by_name(tmp_path, damage):
    files, _ = write(tmp_path, [3])
    files[0].write_bytes(damage(files[0].read_bytes()))
    with pytest.raises(ValueError, match=r"0\.parquet is not a whole embedding file"):
        read_embeddings(files[0])


def test_a_part_of_another_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"part 'latent' has shape \(1, 4\), expected \(1, 2\)"):
        write_shard(
            tmp_path / "a.parquet",
            ["a"],
            np.zeros(1),
            {"embedding": np.zeros((1, 3)), "latent": np.zeros((1, 4))},
            about(),
        )
