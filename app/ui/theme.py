"""Define the colours, the icon and the style sheet of the workbench and the demo; nothing is fetched."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw

ASSETS = Path(__file__).resolve().parents[2] / "assets"
ICON = ASSETS / "theme" / "icon.png"
WORDMARK = ASSETS / "theme" / "wordmark.svg"
STYLE = ASSETS / "theme" / "cards.css"

ACCENT = "#17616b"
INK = "#1f2933"
QUIET = "#66727c"

# Verdicts differ in lightness as well as in hue, so they stay apart for colour-blind readers and in print.
VERDICT_COLOURS = {"real": "#17616b", "fake": "#b3541e", "uncertain": "#8a6d1f", "not_applicable": "#66727c"}
SERIES = ["#17616b", "#b3541e", "#6b7a8f", "#8a6d1f", "#5b4b8a", "#3f7d4e"]


@cache
def style_sheet() -> str:
    """Return the CSS of `app.analysis.cards`, for `st.html` and for Gradio."""
    return STYLE.read_text(encoding="utf-8")


def draw_icon(size: int = 256) -> Image.Image:
    """Draw the icon: three bars, each shorter than the one above, for the three stages.

    Args:
        size: Side in pixels.

    Returns:
        A (size, size) RGBA picture.
    """
    big = size * 4  # drawn at four times the size and reduced, for smooth edges
    image = Image.new("RGBA", (big, big), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle((0, 0, big - 1, big - 1), radius=big * 0.2, fill=ACCENT)
    for top, width, alpha in ((0.25, 0.56, 255), (0.44, 0.38, 215), (0.63, 0.20, 175)):
        box = (big * (0.5 - width / 2), big * top, big * (0.5 + width / 2), big * (top + 0.12))
        pen.rounded_rectangle(box, radius=big * 0.06, fill=(255, 255, 255, alpha))
    return image.resize((size, size), Image.Resampling.LANCZOS)


def main() -> None:
    """Write the icon to its file: `python -m app.ui.theme`."""
    ICON.parent.mkdir(parents=True, exist_ok=True)
    draw_icon().save(ICON, optimize=True)


if __name__ == "__main__":
    main()
