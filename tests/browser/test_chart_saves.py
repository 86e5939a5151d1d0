"""What the pills under a chart hand out in a real browser: the drawing with its sentence, and its numbers."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from PIL import Image
from shoot import free_port, streamlit


def test_pills_hand_out_the_chart_its_sentence_and_its_numbers(browser, workbench, tmp_path):
    with streamlit(workbench.workspace.root, free_port()) as address:
        page = browser.new_page(viewport={"width": 800, "height": 900}, accept_downloads=True)
        page.goto(f"{address}/compare")
        page.wait_for_selector(".st-key-drawn-compare-auroc svg.marks", timeout=180_000)
        files = {}
        for kind in ("SVG", "PNG", "CSV"):
            with page.expect_download(timeout=180_000) as handed:
                page.locator(".st-key-saves-compare-auroc").get_by_role("button", name=kind).click()
            files[kind] = tmp_path / handed.value.suggested_filename
            handed.value.save_as(files[kind])
        page.close()
    assert [file.name for file in files.values()] == ["compare-auroc.svg", "compare-auroc.png", "compare-auroc.csv"]
    drawing = ElementTree.parse(files["SVG"]).getroot()
    said = " ".join("".join(text.itertext()) for text in drawing.iter("{http://www.w3.org/2000/svg}text"))
    assert "Probability that a fake scores above a real." in said
    assert "AUROC" in said
    assert "A: Stage 1: Stage1 (tiny); B: Expert: " in said, "the picture names what its letters stand for"
    with Image.open(files["PNG"]) as picture:
        assert picture.size == (3 * int(drawing.get("width")), 3 * int(drawing.get("height")))
    assert files["CSV"].read_text().startswith("detector,value,low,high")
