"""The demo portraits: the same bytes for the same seed, honest boxes and groups, and no label in the file's history."""

import hashlib
import io
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from core.artifacts.workspace import Workspace
from core.data.manifest.open import open_dataset
from core.data.prepare.prepare import prepare
from core.data.spec import PrepareSpec
from core.data.synth import camera, portraits
from core.data.synth.fields import linear, srgb, stream
from core.data.synth.forge import Plate, box_of, face_mask, makers
from core.data.synth.people import draw_identity, draw_shot
from core.data.synth.render import render
from core.progress import Cancelled, Silent

DIGEST = """
import hashlib
from core.data.synth.portraits import draw_item, plan
items = plan(10)
print([hashlib.sha256(draw_item(5, item, 96)[0]).hexdigest() for item in (items[0], items[2], items[7])])
"""


@pytest.fixture(scope="module")
def small():
    """Twenty identities at 96 pixels: (items, files, boxes)."""
    items = portraits.plan(20)
    drawn = [portraits.draw_item(1, item, 96) for item in items]
    return items, [data for data, _ in drawn], [box for _, box in drawn]


def test_two_processes_draw_the_same_bytes():
    first, second = (
        subprocess.run([sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True, timeout=500).stdout
        for _ in range(2)
    )
    assert first == second
    assert len(set(first.strip("[]\n").split(", "))) == 3


def test_seed_and_picture_change_the_picture():
    item = portraits.plan(3)[0]
    files = {portraits.draw_item(seed, replace(item, picture=p), 64)[0] for seed in (0, 1) for p in (0, 1)}
    assert len(files) == 4


@pytest.mark.parametrize("identities", [8, 150])
def test_plan_is_balanced_and_groups_hold_swap_pairs(identities):
    items = portraits.plan(identities)
    assert len(items) == 4 * identities
    assert sum(item.label for item in items) == 2 * identities
    group_of = {item.identity: item.group for item in items}
    for item in items:
        assert item.group == group_of[item.identity]
        assert (item.donor is not None) == (item.method == "face_swap")
        if item.donor is not None:
            assert item.donor != item.identity
            assert item.donor < identities
            assert group_of[item.donor] == item.group
    counts = {name: sum(item.method == name for item in items) for name in makers.names()}
    rest = [count for name, count in counts.items() if name != "face_swap"]
    assert max(rest) - min(rest) <= 1
    assert counts["face_swap"] > 0
    assert len({item.path for item in items}) == len(items)


def test_every_file_is_a_picture_of_its_size(small):
    for data in small[1]:
        with Image.open(io.BytesIO(data)) as picture:
            assert (picture.format, picture.size) == ("JPEG", (96, 96))


def test_boxes_lie_in_the_picture_and_only_on_fakes(small):
    for item, _, (x, y, w, h) in zip(*small, strict=True):
        assert (w > 0 and h > 0) == bool(item.label)
        assert x >= 0
        assert y >= 0
        assert x + w <= 96
        assert y + h <= 96


def plate_of(number, size=128):
    portrait = render(draw_identity(0, number), draw_shot(0, number, 0), size)
    return Plate(camera.to_uint8(portrait.rgb), portrait.landmarks, portrait.face, portrait.height)


@pytest.mark.parametrize("name", makers.names())
def test_a_maker_touches_the_face_and_nothing_else(name):
    plate, donor = plate_of(3), plate_of(4)
    fake, mask = makers.get(name)(plate, donor, stream(0, name))
    changed = np.abs(fake.astype(int) - plate.rgb).max(axis=2)
    assert fake.dtype == np.uint8
    assert changed[mask < 1e-3].max() <= 1
    assert changed[mask > 0.5].mean() > 1
    assert 0.03 < mask.mean() < 0.5
    x, y, w, h = box_of(mask)
    nose = plate.landmarks["nose"]
    assert x < nose[0] < x + w
    assert y < nose[1] < y + h


def test_the_box_of_an_empty_mask_is_empty():
    assert box_of(np.zeros((8, 8), np.float32)) == (0, 0, 0, 0)


def test_landmarks_follow_the_head():
    """A turn to the right moves the nose further than the eyes, which lie deeper."""
    who, shot = draw_identity(0, 1), replace(draw_shot(0, 1, 0), yaw=0.0, roll=0.0, pitch=0.0)
    straight = render(who, shot, 64).landmarks
    turned = render(who, replace(shot, yaw=0.3), 64).landmarks
    nose = turned["nose"][0] - straight["nose"][0]
    eyes = np.mean([turned[name][0] - straight[name][0] for name in ("eye_left", "eye_right")])
    assert nose > eyes > 0


def test_light_from_the_right_brightens_the_right():
    who, shot = draw_identity(0, 40), replace(draw_shot(0, 40, 0), yaw=0.0, roll=0.0, pitch=0.0, shift=(0.0, 0.0))
    sides = []
    for x in (0.9, -0.9):
        light = np.array([x, -0.1, 0.42], np.float32)
        rgb = render(who, replace(shot, light=light / np.linalg.norm(light)), 64).rgb.mean(axis=2)
        sides.append(rgb[24:40, 36:44].mean() - rgb[24:40, 20:28].mean())
    assert sides[0] > 0.05
    assert sides[1] < -0.05


def test_skin_tones_span_dark_to_light():
    tones = [draw_identity(0, i).skin.mean() for i in range(60)]
    assert min(tones) < 0.06
    assert max(tones) > 0.45


def test_srgb_curve_against_scikit_image():
    from skimage.color import rgb2xyz

    values = np.linspace(0, 1, 9, dtype=np.float32)
    grey = rgb2xyz(np.repeat(values[:, None], 3, axis=1))[:, 1]
    np.testing.assert_allclose(linear(values * 255), grey, atol=2e-4)
    np.testing.assert_allclose(srgb(linear(values * 255)), values, atol=1e-5)


def test_size_and_jpeg_tables_do_not_give_the_label_away(small):
    items, files, _ = small
    labels = np.array([item.label for item in items])
    sizes = np.array([len(data) for data in files])
    tables = []
    for data in files:
        with Image.open(io.BytesIO(data)) as picture:
            tables.append(sum(map(sum, picture.quantization.values())))
    # 40 against 40: one standard deviation of a chance AUC is 0.065
    assert abs(roc_auc_score(labels, sizes) - 0.5) < 0.2
    assert abs(roc_auc_score(labels, tables) - 0.5) < 0.2


def test_a_thumbnail_does_not_give_the_label_away(small):
    items, files, _ = small
    labels = np.array([item.label for item in items])
    thumbs = [np.asarray(Image.open(io.BytesIO(data)).resize((12, 12))).ravel() / 255 for data in files]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    groups = [item.group for item in items]
    p_fake = cross_val_predict(model, np.array(thumbs), labels, groups=groups, cv=GroupKFold(4), method="predict_proba")
    assert roc_auc_score(labels, p_fake[:, 1]) < 0.75


def test_demo_is_prepared_resumed_and_carries_its_boxes(tmp_path, monkeypatch):
    class Stop(Silent):
        def progress(self, fraction, message):
            if message.startswith("Drawing portrait 8 "):
                raise Cancelled

    workspace = Workspace(tmp_path).create()
    spec = PrepareSpec(path="demo", demo_identities=8, demo_size=64, seed=2)
    with pytest.raises(Cancelled):
        prepare(spec, workspace, Stop())
    drawn = []
    original = portraits.draw_item
    monkeypatch.setattr(portraits, "draw_item", lambda s, i, n: (drawn.append(i.path), original(s, i, n))[1])
    folder = prepare(spec, workspace, Silent())
    assert len(drawn) == 32 - 7
    manifest = open_dataset("demo", workspace)
    fakes = manifest.frame[manifest.frame["label"] == 1]
    assert len(fakes) == 16
    assert (fakes[["plant_w", "plant_h"]] > 0).all(axis=None)
    assert set(fakes["method"]) == set(makers.names())
    assert (manifest.frame.groupby("group")["split"].nunique() == 1).all()
    row = manifest.frame.iloc[0]
    expected = original(2, portraits.plan(8)[0], 64)[0]
    assert hashlib.sha256(manifest.file(row["path"]).read_bytes()).digest() == hashlib.sha256(expected).digest()
    assert "nobody in them exists" in (folder / "dataset.json").read_text()


def test_face_masks_are_soft_and_vary():
    plate = plate_of(5)
    masks = [face_mask(plate, stream(0, "mask", i)) for i in range(3)]
    for mask in masks:
        assert mask.max() > 0.9
        assert ((mask > 0.1) & (mask < 0.9)).sum() > 50
    assert np.abs(masks[0] - masks[1]).max() > 0.3
