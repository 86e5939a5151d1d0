"""Make the sample media: `python -m assets.samples.make`. Drawn by this project, but for two photographs.

The photographs ship inside scikit-image: `astronaut` (NASA, public domain) and `coffee` (CC0).
"""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image
from skimage import data

from core.artifacts.files import write_text
from core.data.synth.clip import make_clip
from core.data.synth.portraits import draw_item, plan

FOLDER = Path(__file__).resolve().parent
SEED, SIDE, THUMB = 7, 512, 240
UNSEEN = "The shipped bundle has never seen drawings: it may well be wrong."


def main() -> None:
    """Write every sample, its thumbnail, and samples.json."""
    rows = [photograph(), drawn("none", "Drawn"), drawn("face_swap", "Swap")]
    rows += [clip(), nobody()]
    write_text(FOLDER / "samples.json", json.dumps(rows, indent=2, ensure_ascii=False) + "\n")


def row(name: str, title: str, about: str, file: str, picture: Image.Image) -> dict[str, str]:
    """One line of samples.json; makes the square thumbnail."""
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    small = picture.convert("RGB").crop((left, top, left + side, top + side)).resize((THUMB, THUMB))
    small.save(FOLDER / f"{name}.thumb.jpg", quality=85)
    return {"name": name, "title": title, "about": about, "file": file, "thumbnail": f"{name}.thumb.jpg"}


def photograph() -> dict[str, str]:
    picture = Image.fromarray(data.astronaut())
    picture.save(FOLDER / "photograph.jpg", quality=92)
    return row("photograph", "Photo", "A real photograph: NASA, public domain.", "photograph.jpg", picture)


def drawn(method: str, title: str) -> dict[str, str]:
    """The first portrait of the demo set that was made by `method`."""
    item = next(item for item in plan(10) if item.method == method)
    name = f"drawn_{method.replace('none', 'real')}"
    (FOLDER / f"{name}.jpg").write_bytes(draw_item(SEED, item, SIDE)[0])
    about = "A portrait drawn by code" + ("." if method == "none" else ", with another drawn person's face on it.")
    about += f" {UNSEEN}"
    return row(name, title, about, f"{name}.jpg", Image.open(FOLDER / f"{name}.jpg"))


def clip() -> dict[str, str]:
    """Six seconds of a drawn person wearing another's face."""
    path = make_clip(FOLDER / "clip.mp4", SEED, 3, 4, seconds=6.0, width=960, height=540)
    about = f"Six seconds of a drawn person with another drawn person's face. {UNSEEN}"
    return row("clip", "Clip", about, path.name, first_frame(path))


def first_frame(path: Path) -> Image.Image:
    import av

    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_image()


def nobody() -> dict[str, str]:
    picture = Image.fromarray(data.coffee())
    picture.save(FOLDER / "coffee.jpg", quality=88)
    return row("coffee", "No face", "A photograph without a face (CC0): nothing to judge.", "coffee.jpg", picture)


if __name__ == "__main__":
    main()
