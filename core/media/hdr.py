"""Map HDR pictures (PQ, HLG) to standard range with one lookup table. No numpy: it runs inside the child.

Both curves are turned into light of a display (ITU-R BT.2100: PQ absolute; HLG by the system gamma of a display of
1,000 cd/m2), in units of diffuse white, 203 cd/m2 (ITU-R BT.2408). BT.2020 primaries become BT.709. Light up to KNEE
stays as it is, so faces look as in a clip of standard range; what is brighter is compressed below 1, by the largest of
the three colours, so that hues stay. The result is encoded as sRGB.
"""

from __future__ import annotations

from functools import lru_cache

from PIL import Image, ImageFilter

TRANSFERS = {16: "PQ", 18: "HLG"}
"""Transfer characteristics (ITU-T H.273) that are HDR."""
WHITE_NITS = 203.0
KNEE = 0.6
_SIDE = 25
_HLG_PEAK_NITS, _HLG_GAMMA = 1000.0, 1.2
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073
_TO_BT709 = ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187))


def in_standard_range(picture: Image.Image, transfer: int, what: str, notes: list[str]) -> Image.Image:
    """Map a picture to standard range where it is HDR, and note it once.

    Args:
        picture: RGB, 8 bits, values as stored.
        transfer: Transfer characteristics that the file states (ITU-T H.273).
        what: `clip` or `picture`, for the note.
        notes: Gets the sentence.

    Returns:
        The mapped picture; the same one where it is not HDR.
    """
    if transfer not in TRANSFERS:
        return picture
    sentence = (
        f"The {what} is HDR ({TRANSFERS[transfer]}). Its light was mapped to standard range, on which the detectors "
        "were trained; scores are less certain."
    )
    if sentence not in notes:
        notes.append(sentence)
    return picture.filter(table(transfer))


def standard_range(red: float, green: float, blue: float, transfer: int) -> tuple[float, float, float]:
    """Map one colour to standard range.

    Args:
        red: Signal in [0, 1], BT.2020 primaries.
        green: As red.
        blue: As red.
        transfer: A key of TRANSFERS.

    Returns:
        sRGB values in [0, 1].
    """
    if transfer == 16:
        light = [_pq_nits(value) / WHITE_NITS for value in (red, green, blue)]
    else:
        scene = [_hlg_scene(value) for value in (red, green, blue)]
        luminance = 0.2627 * scene[0] + 0.6780 * scene[1] + 0.0593 * scene[2]
        gain = _HLG_PEAK_NITS / WHITE_NITS * luminance ** (_HLG_GAMMA - 1) if luminance > 0 else 0.0
        light = [gain * value for value in scene]
    narrow = [max(sum(k * value for k, value in zip(row, light, strict=True)), 0.0) for row in _TO_BT709]
    peak = max(narrow)
    if peak > KNEE:
        over = (peak - KNEE) / (1 - KNEE)
        mapped = KNEE + (1 - KNEE) * over / (1 + over)
        narrow = [value * mapped / peak for value in narrow]
    first, second, third = (_srgb(value) for value in narrow)
    return first, second, third


def _pq_nits(signal: float) -> float:
    """Light of a PQ signal, cd/m2 (SMPTE ST 2084)."""
    power = signal ** (1 / 78.84375)
    return 10_000 * (max(power - 0.8359375, 0.0) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)


def _hlg_scene(signal: float) -> float:
    """Light of the scene of an HLG signal, [0, 1] (ARIB STD-B67)."""
    return signal * signal / 3 if signal <= 0.5 else (2.718281828459045 ** ((signal - _C) / _A) + _B) / 12


def _srgb(light: float) -> float:
    light = min(light, 1.0)
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


@lru_cache(maxsize=2)
def table(transfer: int) -> ImageFilter.Color3DLUT:
    """Build the lookup table of a transfer, for `Image.filter`.

    Args:
        transfer: A key of TRANSFERS.

    Returns:
        A filter for RGB pictures.
    """
    return ImageFilter.Color3DLUT.generate(_SIDE, lambda r, g, b: standard_range(r, g, b, transfer))
