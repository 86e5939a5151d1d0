"""Tiny copies of the layouts that data sources know, with real encoded clips and pictures, for tests."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image


def picture(path: Path) -> None:
    """A 64 x 64 picture that no other path has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(_noise(path)).resize((64, 64)).save(path)


def clip(path: Path, frames: int = 3) -> None:
    """A clip of 64 x 64 and a few frames that no other path has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    base = Image.fromarray(_noise(path)).resize((64, 64))
    with av.open(str(path), "w", format="mp4") as container:
        track = container.add_stream("mpeg4", rate=Fraction(4))
        track.width, track.height, track.pix_fmt = 64, 64, "yuv420p"
        for number in range(frames):
            container.mux(track.encode(av.VideoFrame.from_image(base.rotate(4 * number))))
        container.mux(track.encode())


def _noise(path: Path) -> np.ndarray:
    seed = sum(ord(letter) * 31**place for place, letter in enumerate(path.as_posix()[-40:])) % 2**32
    return np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)


def ffpp(root: Path) -> dict[str, Any]:
    """Two official pairs in c23, one clip in c40 too, an actor's clip, a mask, and a name that means nothing."""
    real, fake = root / "original_sequences", root / "manipulated_sequences"
    for name in ("033", "097", "200", "201"):
        clip(real / f"youtube/c23/videos/{name}.mp4")
    clip(real / "youtube/c40/videos/033.mp4")
    clip(real / "actors/c23/videos/01__exit_phone_room.mp4")
    clip(fake / "DeepFakeDetection/c23/videos/01_02__exit_phone_room__YVGY8LOK.mp4")
    for name in ("033_097", "097_033"):
        clip(fake / f"Deepfakes/c23/videos/{name}.mp4")
    clip(fake / "NeuralTextures/c40/videos/200_201.mp4")
    picture(fake / "FaceShifter/c23/frames/201_200/0000.png")
    clip(fake / "Deepfakes/masks/videos/033_097.mp4")
    clip(fake / "Deepfakes/c23/videos/final_cut.mp4")
    (root / "splits").mkdir()
    for word, pairs in {"train": [["033", "097"]], "val": [["300", "301"]], "test": [["200", "201"]]}.items():
        (root / f"splits/{word}.json").write_text(json.dumps(pairs))
    return {"path": str(root)}


def celebdf(root: Path) -> dict[str, Any]:
    """Two celebrities; the official list tests one YouTube clip and one fake, and names a clip that is not there."""
    for name in ("Celeb-real/id0_0000", "Celeb-real/id0_0001", "Celeb-real/id1_0000", "YouTube-real/00000"):
        clip(root / f"{name}.mp4")
    for name in ("YouTube-real/00170", "Celeb-synthesis/id0_id1_0000", "Celeb-synthesis/id0_id1_0001"):
        clip(root / f"{name}.mp4")
    clip(root / "Celeb-synthesis/id1_id0_0000.mp4")
    lines = ["1 YouTube-real/00170.mp4", "0 Celeb-synthesis/id0_id1_0000.mp4", "1 Celeb-real/id9_0009.mp4"]
    (root / "List_of_testing_videos.txt").write_text("\n".join(lines) + "\n")
    return {"path": str(root)}


def dfdc(root: Path) -> dict[str, Any]:
    """Two chunks; a fake whose original lies in the other one, one that is listed only, one that lies there only."""
    for name in ("part_0/aaa", "part_0/bbb", "part_1/ccc", "part_1/ddd", "part_1/stray"):
        clip(root / f"dfdc_train_{name}.mp4")
    real, fake = {"label": "REAL", "split": "train"}, {"label": "FAKE", "split": "train", "original": "aaa.mp4"}
    write(root / "dfdc_train_part_0/metadata.json", {"aaa.mp4": real, "bbb.mp4": fake, "gone.mp4": real})
    write(root / "dfdc_train_part_1/metadata.json", {"ccc.mp4": fake, "ddd.mp4": real})
    return {"path": str(root)}


def df40(root: Path) -> dict[str, Any]:
    """Two methods bound to an FF++ root beside them, and a fake whose real clip is not there."""
    ffpp(root.with_name("reals"))
    for place in ("simswap/frames/033_097", "simswap/frames/200_201", "blendface/ff/frames/097_033"):
        for number in range(3):
            picture(root / place / f"{number:03d}.png")
    picture(root / "simswap/frames/500_501/000.png")
    (root / "README.md").write_text("about")
    return {"path": str(root), "reals": str(root.with_name("reals")), "max_faces": 2}


def roadwork(root: Path) -> dict[str, Any]:
    """A list without a header, labels in words."""
    rows = []
    for number in range(12):
        picture(root / f"images/{number:02d}.jpg")
        rows.append(f"images/{number:02d}.jpg,{'roadwork' if number % 3 == 0 else 'no_roadwork'}")
    (root / "labels.csv").write_text("\n".join(rows) + "\n")
    return {"path": str(root / "labels.csv")}


def folder(root: Path) -> dict[str, Any]:
    for name in ("real/a.png", "real/b.png", "fake/a.png", "fake/swap/c.jpg"):
        picture(root / name)
    clip(root / "real/d.mp4")
    (root / "notes.txt").write_text("about")
    return {"path": str(root)}


def manifest(root: Path) -> dict[str, Any]:
    rows = ["filepath,label,label_name,dataset,video"]
    for number in range(10):
        picture(root / f"p/{number}.png")
        rows.append(f"p/{number}.png,{number % 2},{('real', 'fake')[number % 2]},web,v{number // 2}")
    (root / "list.csv").write_text("\n".join(rows) + "\n")
    return {"path": str(root / "list.csv")}


def write(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


LAYOUTS = {
    "ffpp": ffpp,
    "celebdf": celebdf,
    "dfdc": dfdc,
    "df40": df40,
    "roadwork": roadwork,
    "folder": folder,
    "manifest": manifest,
}
