"""DF40: fakes take group and split of their real clip; alone, or beside strangers, they are refused with the reason."""

import shutil

import pytest

from core.data.sources import find, recognised
from core.data.spec import PrepareSpec
from tests.support import layouts


@pytest.fixture
def fields(tmp_path):
    return layouts.df40(tmp_path / "df40")


def test_fakes_are_bound_to_their_real_clip(fields):
    listing = find(PrepareSpec(**fields))
    rows = {item.row["video"]: item.row for item in listing.items}
    fake, real = rows["simswap/033_097"], rows["youtube/033"]
    assert (fake["label"], real["label"]) == (1, 0)
    assert fake["group"] == real["group"] == rows["youtube/097"]["group"] == rows["blendface/097_033"]["group"]
    assert (fake["split"], fake["dataset"], fake["original"]) == ("train", "ffpp", "youtube/033")
    assert rows["simswap/200_201"]["split"] == "test"
    assert {row["dataset"] for row in rows.values() if row["label"]} == {"ffpp"}
    assert {row["method"] for row in rows.values()} == {"none", "simswap", "blendface"}
    assert all(item.name.startswith("reals/") == (item.row["label"] == 0) for item in listing.items)


def test_what_cannot_be_bound_or_is_too_much_is_named(fields):
    listing = find(PrepareSpec(**fields))
    unbound = [(name, why) for name, why in listing.refusals if name.startswith("simswap")]
    assert len(unbound) == 1
    assert "simswap/500_501: its real clip 500 is not below --reals" in unbound[0][1]
    assert "3 files left out: frames beyond the 2 of a clip." in listing.notes
    assert "README.md" in listing.unlisted
    assert any("crops made elsewhere" in note for note in listing.notes)
    assert "reals/splits/train.json" in listing.lists


def test_alone_it_is_refused_as_an_auc_set(fields):
    with pytest.raises(ValueError, match=r"fakes only: alone it has no AUROC.*--reals"):
        find(PrepareSpec(path=fields["path"]))


def test_strangers_as_reals_are_refused(fields, tmp_path):
    layouts.folder(tmp_path / "web")
    with pytest.raises(ValueError, match="is no real source that DF40 was made from"):
        find(PrepareSpec(path=fields["path"], reals=str(tmp_path / "web")))


def test_a_fake_of_two_official_splits_is_refused(fields, tmp_path):
    layouts.picture(tmp_path / "df40/simswap/frames/033_200/000.png")
    listing = find(PrepareSpec(**fields))
    said = [why for name, why in listing.refusals if "033_200" in name]
    assert said == ["simswap/033_200: it joins 033 and 200, which are in two official splits."]


def test_pairs_of_the_fakes_join_reals_without_official_lists(fields, tmp_path):
    shutil.rmtree(tmp_path / "reals/splits")
    shutil.rmtree(tmp_path / "reals/manipulated_sequences")
    rows = {item.row["video"]: item.row for item in find(PrepareSpec(**fields)).items}
    assert rows["youtube/033"]["group"] == rows["youtube/097"]["group"] == rows["simswap/033_097"]["group"]
    assert rows["youtube/200"]["group"] != rows["youtube/033"]["group"]


def test_celeb_df_reals_bind_the_other_domain(tmp_path):
    layouts.celebdf(tmp_path / "celeb")
    for place in ("uniface/cdf/frames/id0_id1_0001", "uniface/cdf/frames/id5_id1_0001"):
        layouts.picture(tmp_path / "df40" / place / "0.png")
    listing = find(PrepareSpec(path=str(tmp_path / "df40"), reals=str(tmp_path / "celeb")))
    fake = next(item.row for item in listing.items if item.row["label"])
    assert (fake["original"], fake["dataset"], fake["identity"]) == ("Celeb-real/id0_0001", "celebdf", "id0")
    assert any("id5_0001" in why for _, why in listing.refusals)


def test_parts_of_the_download_are_one_set(fields, tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "df40").rename(tmp_path / "whole/train")
    assert recognised(tmp_path / "whole") == ("df40", "recognised by train/simswap/frames/")
    listing = find(PrepareSpec(**fields | {"path": str(tmp_path / "whole")}))
    rows = {item.row["video"]: item.row for item in listing.items if item.row["label"]}
    assert {video: row["split"] for video, row in rows.items()} == {
        "blendface/097_033": "train",
        "simswap/033_097": "train",
        "simswap/200_201": "test",
    }


def test_an_upload_takes_no_reals_from_elsewhere(fields):
    with pytest.raises(ValueError, match="leads out of the upload"):
        find(PrepareSpec(**fields), confined=True)
