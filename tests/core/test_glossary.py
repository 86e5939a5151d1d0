"""The glossary is one file of whole, short sentences, and every term that the program asks for is in it."""

import ast
from pathlib import Path

import pytest

from core.glossary import define, glossary

ROOT = Path(__file__).resolve().parents[2]


def test_every_term_has_one_short_sentence():
    found = glossary()
    assert len(found) > 40
    assert [term for term, sentence in found.items() if not sentence.endswith(".") or len(sentence) > 160] == []
    listed = [line for line in (ROOT / "assets/glossary.md").read_text().splitlines() if line.startswith("- ")]
    assert len(listed) == len(found)


def test_every_term_that_is_asked_for_is_there():
    asked = set()
    for top in ("core", "jobs", "app", "pages"):
        for path in (ROOT / top).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "define":
                    asked |= {a.value for a in node.args if isinstance(a, ast.Constant)}
    assert asked <= set(glossary())


def test_a_term_that_is_not_there_is_refused_by_name():
    with pytest.raises(LookupError, match="nonsense"):
        define("nonsense")
