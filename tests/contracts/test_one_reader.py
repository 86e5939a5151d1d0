"""One conversion of files to pixels: whatever opens pictures or clips stands in this list, with its reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from core.data.loading.dataset import load_square
from core.media.decode import decode
from core.media.pictures import read_picture

ROOT = Path(__file__).resolve().parents[2]
OWNERS = {
    "core/media/image.py": "the one reader of still pictures",
    "core/media/container.py": "the one reader of clips: pictures",
    "core/media/sound.py": "the one reader of clips: sound",
}
EXCEPTIONS = {
    "core/data/synth/camera.py": "reads back the JPEG that it has just written to memory",
    "core/data/synth/clip.py": "writes the clips that are drawn here",
    "core/explain/spectrum.py": "reads back the JPEG that it has just written to memory",
    "assets/samples/make.py": "makes the shipped samples, by hand, from files of known origin",
}
# (module or class, function) that turn files or encoded bytes into pixels.
READERS = {
    *(("Image", "open"), ("ImageFile", "Parser"), ("ImageOps", "exif_transpose"), ("av", "open")),
    *(("cv2", name) for name in ("imread", "imreadmulti", "imdecode", "VideoCapture")),
    *((name, "imread") for name in ("io", "iio", "imageio", "plt", "image", "mpimg", "skimage")),
    *(("pi_heif", name) for name in ("open_heif", "read_heif", "register_heif_opener")),
    *(
        (name, one)
        for name in ("io", "torchvision")
        for one in ("read_image", "decode_image", "decode_jpeg", "read_video")
    ),
}
MODES = {"RGB", "L", "RGBA", "CMYK", "I", "F", "P"}


def calls(tree: ast.AST) -> Iterator[tuple[str, str, ast.Call]]:
    """(last name before the dot, function, call) of the calls of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
            yield name, node.func.attr, node
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield "", node.func.id, node


def reads(text: str) -> list[str]:
    """What a module's source does to turn files into pixels, or foreign pictures into other modes."""
    found = []
    for owner, name, call in calls(ast.parse(text)):
        if (owner, name) in READERS or name.endswith("ImageFile"):
            found.append(f"{owner}.{name}")
        elif name == "convert" and call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value in MODES:
            made_here = isinstance(call.func, ast.Attribute) and "fromarray" in ast.unparse(call.func.value)
            if not made_here:
                found.append(f"{ast.unparse(call.func)}({call.args[0].value!r})")
    return found


def test_only_the_owner_turns_files_into_pixels():
    files = [p for room in ("core", "jobs", "app", "pages", "assets") for p in sorted((ROOT / room).rglob("*.py"))]
    found = {p.relative_to(ROOT).as_posix(): reads(p.read_text()) for p in files}
    found = {name: what for name, what in found.items() if what}
    assert {name: what for name, what in found.items() if name not in OWNERS | EXCEPTIONS} == {}
    assert set(found) == set(OWNERS) | set(EXCEPTIONS), "a row of the list that nothing uses is taken out"


def test_the_walk_sees_every_way():
    ways = [
        "Image.open(path)",
        "PIL.Image.open(path)",
        "cv2.imread(name)",
        "plt.imread(name)",
        "torchvision.io.read_image(name)",
        "av.open(name)",
        "ImageOps.exif_transpose(picture)",
        "np.asarray(picture.convert('RGB'))",
        "PngImageFile(stream)",
    ]
    assert [bool(reads(way)) for way in ways] == [True] * len(ways)
    assert reads("Image.fromarray(rgb).convert('L')") == []


PORTRAIT = np.ascontiguousarray(data.astronaut()[:160, 140:300])
RGBA = np.dstack([PORTRAIT, np.linspace(0, 255, 160 * 160).reshape(160, 160).astype(np.uint8)])


def palette_with_transparency() -> Image.Image:
    picture = Image.fromarray(PORTRAIT).quantize(64)
    picture.info["transparency"] = bytes(range(0, 256, 4))
    return picture


PICTURES = {
    "16 bits": ("png", Image.fromarray(PORTRAIT[..., 0].astype(np.uint16) * 257), {}),
    "16 bits, dark": ("tiff", Image.fromarray(PORTRAIT[..., 0].astype(np.uint16) * 40), {}),
    "alpha": ("png", Image.fromarray(RGBA), {}),
    "grey and alpha": ("png", Image.fromarray(RGBA).convert("LA"), {}),
    "palette": ("png", Image.fromarray(PORTRAIT).quantize(64), {}),
    "palette with transparency": ("png", palette_with_transparency(), {"transparency": bytes(range(0, 256, 4))}),
    "a transparent colour": ("png", Image.fromarray(PORTRAIT), {"transparency": tuple(map(int, PORTRAIT[0, 0]))}),
    "a transparent grey": ("png", Image.fromarray(PORTRAIT[..., 0]), {"transparency": int(PORTRAIT[0, 0, 0])}),
    "CMYK": ("jpg", Image.fromarray(PORTRAIT).convert("CMYK"), {"quality": 95}),
    "lossy": ("webp", Image.fromarray(RGBA), {}),
    "black and white": ("png", Image.fromarray(PORTRAIT).convert("1"), {}),
}


@pytest.mark.parametrize("name", PICTURES)
def test_training_and_analysis_see_the_same_pixels(tmp_path: Path, name: str) -> None:
    suffix, picture, options = PICTURES[name]
    path = tmp_path / f"a.{suffix}"
    picture.save(path, **options)
    analysed = decode(path).frames[0].rgb
    assert np.array_equal(read_picture(path).rgb, analysed)
    assert np.array_equal(load_square(path, 160), analysed)
