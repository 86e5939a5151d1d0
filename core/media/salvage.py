"""Keep what a still picture holds before its end is missing, and measure which part is lost. Runs inside the child.

The lost part is found by decoding twice with different fillings behind the end: pixels that depend on what is missing
differ, the others cannot. No knowledge of how a format stores its rows is needed for that.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable

from PIL import Image, ImageChops, ImageFile

Opener = Callable[[io.BytesIO], Image.Image]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom in shares of width and height."""

MAX_FILLING = 20
"""At most so many times the bytes that are there are filled in for those that are missing."""
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
_END = b"\xff\xd9"
_JUNK = bytes((37 * n + 11 * (n // 7)) % 251 for n in range(4096))  # entropy-coded nonsense without a marker
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_COMPARABLE = ("L", "RGB", "RGBA", "CMYK")


def salvage(open_picture: Opener, name: str, data: bytes) -> tuple[Image.Image, Box | None, bool]:
    """Decode a picture whose end is missing.

    Args:
        open_picture: Opens bytes of the format, without decoding.
        name: Name of the format.
        data: The whole file.

    Returns:
        (loaded picture, the lost part as stored or None where no pixel is lost, whether only fine detail is lost).
        Where fine detail is lost the part is the whole picture.

    Raises:
        ValueError: Nothing of the picture can be decoded.
        Exception: What Pillow raises for damage of other kinds.
    """
    before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, True
    try:
        if name == "jpeg":
            return _salvage_jpeg(open_picture, data)
        if name == "webp":
            one, two = _webp_twice(open_picture, data)
        else:
            one, two = (_filled(open_picture(io.BytesIO(data)), ink) for ink in (0, 255))
        return *_compared(one, two), False
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _filled(picture: Image.Image, ink: int) -> Image.Image:
    """Decode into a picture of one colour, which stays where nothing is decoded."""
    bands = len(picture.getbands())
    picture.im = Image.core.fill(picture.mode, picture.size, ink if bands == 1 else (ink,) * bands)
    picture.load()
    return picture


def _webp_twice(open_picture: Opener, data: bytes) -> list[Image.Image]:
    """Decode with two fillings up to the length that the file states: WebP is decoded whole or not at all.

    Raises ValueError when the file is as long as it says, states a length that is not believed, or no two fillings can
    be decoded (a decoder may run into an error within the filling).
    """
    absent = 8 + int.from_bytes(data[4:8], "little") - len(data)
    if not 0 < absent <= MAX_FILLING * len(data):
        raise ValueError("the end of the file is not missing")
    pictures: list[Image.Image] = []
    junk = _JUNK * (absent // len(_JUNK) + 2)
    for filling in (bytes(absent), *(junk[shift : shift + absent] for shift in (0, 1, 7, 50, 333))):
        with contextlib.suppress(OSError, ValueError):
            picture = open_picture(io.BytesIO(data + filling))
            picture.load()
            pictures.append(picture)
        if len(pictures) == 2:
            return pictures
    raise ValueError("no filling can be decoded")


def _compared(one: Image.Image, two: Image.Image, to_end: bool = False) -> tuple[Image.Image, Box | None]:
    """(first picture, the lost part). Raises ValueError when all of it is lost.

    to_end: whether everything below the first lost row is lost too.
    """
    difference = ImageChops.difference(_comparable(one), _comparable(two)).getbbox(alpha_only=False)
    if difference is None:
        return one, None
    top, bottom = difference[1], one.height if to_end else difference[3]
    if top == 0 and bottom == one.height:
        raise ValueError("no row of the picture can be decoded")
    return one, (0.0, top / one.height, 1.0, bottom / one.height)


def _comparable(picture: Image.Image) -> Image.Image:
    """The same rows as a picture whose bytes can be compared: palettes and 16-bit samples as raw bytes."""
    if picture.mode in _COMPARABLE:
        return picture
    raw = picture.tobytes()
    return Image.frombytes("L", (len(raw) // picture.height, picture.height), raw)


def _salvage_jpeg(open_picture: Opener, data: bytes) -> tuple[Image.Image, Box | None, bool]:
    body, complete = _whole_segments(data)
    one = open_picture(io.BytesIO(body + _END))
    two = open_picture(io.BytesIO(body + _JUNK + _END))
    one.load()
    two.load()
    if not complete:
        return one, WHOLE, True
    try:
        picture, lost = _compared(one, two, to_end=True)
    except ValueError:
        # In a file of several passes the first row already lacks detail; without passes nothing was decoded.
        if body.count(b"\xff\xda") > 1 and one.info.get("progressive"):
            return one, WHOLE, True
        raise
    return picture, lost, False


def _whole_segments(data: bytes) -> tuple[bytes, bool]:
    """(the file up to its last whole segment or scan, whether every coefficient has its last scan).

    A sequential file needs a scan of each component; a progressive one needs, for each component, the scans that bring
    all 64 coefficients down to their last bit (ITU-T T.81, G.1.1). Raises ValueError before the first scan.
    """
    at, progressive, last = 2, False, 0
    components: list[int] = []
    final: dict[int, set[int]] = {}
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        segment = data[at + 4 : at + 2 + length]
        if marker == 0xFF or 0xD0 <= marker <= 0xD8:
            at += 1 if marker == 0xFF else 2
            continue
        if marker == 0xD9 or len(segment) < length - 2:
            break
        at += 2 + length
        if marker in (0xC0, 0xC1, 0xC2) and len(segment) > 5:
            progressive = marker == 0xC2
            components = [segment[place] for place in range(6, min(6 + 3 * segment[5], len(segment)), 3)]
        if marker == 0xDA and segment:
            count = segment[0]
            start, end, approximation = (*segment[1 + 2 * count : 4 + 2 * count], 0, 0, 0)[:3]
            for place in range(1, min(1 + 2 * count, len(segment)), 2):
                if not progressive or approximation & 15 == 0:
                    covered = range(start, min(end, 63) + 1) if progressive else range(64)
                    final.setdefault(segment[place], set()).update(covered)
            following = _MARKER.search(data, at)
            at = last = following.start() if following else len(data)
    if not last:
        raise ValueError("the file ends before the first scan")
    body = data[:last]
    complete = bool(components) and all(len(final.get(one, ())) == 64 for one in components)
    return body[:-1] if body.endswith(b"\xff") else body, complete
