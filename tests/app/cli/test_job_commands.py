"""What the command line prints of an analysis."""

from __future__ import annotations

import pytest

from app import console
from app.cli.job_commands import show_verdict
from core.documents.analysis import Analysis, BundleReference


@pytest.mark.parametrize(
    ("verdict", "decided_by", "withheld", "head"),
    [
        ("real", "stage1", "", "a.png: REAL, p_fake 0.100, decided by stage1"),
        ("uncertain", "stage3", "The members disagree.", "a.png: UNCERTAIN, p_fake 0.100, answer withheld at stage3"),
        ("uncertain", None, "", "a.png: UNCERTAIN, p_fake 0.100"),
    ],
)
def test_a_stage_whose_answer_is_withheld_did_not_decide(verdict, decided_by, withheld, head):
    bundle = BundleReference(name="b", version="1", sha256="0", policy_id="p", policy_name="p")
    document = Analysis(
        sha256="0", file_name="a.png", media={}, faces=[], verdict=verdict, p_fake=0.1, decided_by=decided_by,
        reason="Because.", withheld=withheld, rule="", trace=[], bundle=bundle,
    )  # fmt: skip
    with console.out.capture() as printed:
        show_verdict(document.model_dump(mode="json"))
    assert printed.get().splitlines()[0] == head
