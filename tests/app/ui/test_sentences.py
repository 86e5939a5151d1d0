"""Clauses become sentences, and several terms share one help."""

import pytest

from app.ui.sentences import sentence, terms
from core.glossary import define


@pytest.mark.parametrize(
    ("clause", "wanted"),
    [("too few groups", "Too few groups."), ("It stands.", "It stands."), (" ", ""), ("why?", "Why?")],
)
def test_a_clause_becomes_a_sentence(clause, wanted):
    assert sentence(clause) == wanted


def test_terms_bring_the_glossarys_sentences():
    assert terms("ECE", "NLL") == f"**ECE**: {define('ECE')}\n\n**NLL**: {define('NLL')}"
    with pytest.raises(LookupError):
        terms("no such term")
