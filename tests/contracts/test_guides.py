"""What a newcomer reads: a guide for every page, links that lead somewhere, a README that stays short."""

import re
from pathlib import Path

import pytest

from app.ui.guide import guide_text
from app.ui.navigation import modules

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "assets").rglob("*.md")])


@pytest.mark.parametrize("page", [module.PAGE.title for module in modules()])
def test_every_page_has_a_guide_with_a_picture_and_readme_names_it(page):
    file = ROOT / "assets/guide" / f"{page.lower()}.md"
    text = file.read_text()
    assert text.startswith("# ")
    assert "![" in text
    assert f"assets/guide/{file.name}" in (ROOT / "README.md").read_text()
    shown = guide_text(page)
    assert len(shown) > 300
    assert "](" not in shown
    assert "![" not in shown


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files(document):
    targets = [link for link in LINK.findall(document.read_text()) if "://" not in link]
    assert [link for link in targets if not (document.parent / link).exists()] == []


def test_a_page_without_a_guide_shows_nothing():
    assert guide_text("Nowhere") == ""


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


def test_paths_in_contributing_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"`((?:core|jobs|app|pages|tests|assets)/[\w./-]+)`", text))
    assert len(named) > 60
    assert (
        sorted(path for path in named if "NAME" not in path and "TITLE" not in path and not (ROOT / path).exists())
        == []
    )


def test_contributing_names_every_room_of_core():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    rooms = [path.parent.name for path in (ROOT / "core").glob("*/__init__.py")]
    assert [room for room in rooms if f"`core/{room}`" not in text] == []
