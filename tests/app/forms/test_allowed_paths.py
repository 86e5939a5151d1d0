"""What a browser may name: nothing outside the allowed folders, and no word of what lies there."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from app.forms import fields
from app.forms.allowed_paths import allowed, bounded
from core.bundles.spec import ExportSpec
from core.data.spec import PrepareSpec
from core.models.spec import ImportSpec
from core.policies.search_spec import SearchSpec
from core.policies.spec import PolicySpec
from core.spec import Spec
from core.stacking.spec import StackSpec
from core.train.spec import TrainSpec
from jobs.client import Workbench
from jobs.kind import Produced, kinds
from jobs.settings import Settings
from jobs.specs.references import places
from tests.support.page_text import texts

WORDS = {"split", "device", "data", "author", "reason", "name", "label_map"}
WORDS |= {f"{what}_column" for what in ("id", "group", "label", "score")}
"""Free text that is compared or written down, and never opened."""


@pytest.fixture
def workbench(tmp_path: Path):
    (tmp_path / "open/in").mkdir(parents=True)
    opened = Workbench.open(Settings(home=tmp_path / "home", data_roots=str(tmp_path / "open")))
    yield opened
    opened.close()


def test_only_what_lies_in_a_root_is_allowed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "in").mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "link").symlink_to(outside)
    (tmp_path / "rootling").mkdir()
    assert allowed(str(root / "in"), [root]) == root / "in"
    assert allowed("in", [root]) == root / "in"
    refused = {}
    for text in (str(outside), str(tmp_path / "never"), str(root / "link"), str(root / "in" / ".." / ".." / "outside"),
                 "../outside", "/etc", "~", "/", str(tmp_path / "rootling"), "a\0b"):  # fmt: skip
        with pytest.raises(ValueError, match="AWARE_DATA_ROOTS") as told:
            allowed(text, [root])
        refused[text] = str(told.value).replace(repr(text), "")
    assert len(set(refused.values())) == 1, "what exists elsewhere cannot be told from what does not"
    with pytest.raises(ValueError, match="does not exist"):
        allowed("nothing", [root])


@given(st.text(st.sampled_from("/.~ab\0 \\"), max_size=14))
def test_whatever_is_typed_stays_in_the_root(tmp_path_factory, text: str) -> None:
    root = tmp_path_factory.getbasetemp() / "typed"
    (root / "a" / "b").mkdir(parents=True, exist_ok=True)
    try:
        found = allowed(text, [root])
    except ValueError:
        return
    assert found.resolve().is_relative_to(root.resolve())


def test_every_free_text_of_every_form_is_bounded_or_known_to_name_no_place() -> None:
    for name in kinds.names():
        if name.startswith("fake"):
            continue
        spec = kinds.get(name).spec
        free = {
            field.name
            for field in fields.describe(spec)
            if field.shape == "text" and not field.reference and not field.choices
        }
        held = {key for key in free if any(getattr(item, "pattern", None) for item in spec.model_fields[key].metadata)}
        assert free - held - places(spec) - WORDS == set(), f"{name}: bound it or add it to the words"


FAR = [
    TrainSpec(dataset="/etc/passwd"),
    TrainSpec(dataset="../../etc"),
    TrainSpec(dataset="~"),
    TrainSpec(dataset="demo@../../x"),
    TrainSpec(dataset="demo", weights="/etc/weights.safetensors"),
    PrepareSpec(path="demo", reals="/etc"),
    PrepareSpec(path="demo", media="in/../../home"),
    PrepareSpec(path="demo", out="/etc/made"),
    ImportSpec(file="/etc/shadow", layout="genconvit-ed"),
    StackSpec(stage1="a", experts=["b", "/etc"]),
    ExportSpec(stack="a", name="x", card="/etc/hosts"),
]


@pytest.mark.parametrize("spec", FAR, ids=lambda spec: spec.fingerprint()[:6])
def test_a_place_elsewhere_is_refused(spec: Spec, workbench) -> None:
    with pytest.raises(ValueError, match=r"AWARE_DATA_ROOTS|does not exist"):
        bounded(spec, workbench)


def test_names_words_and_places_inside_pass(workbench, tmp_path, monkeypatch) -> None:
    inside = str(tmp_path / "open/in")
    for spec in (
        TrainSpec(dataset="demo@without-swap", weights="none"),
        PrepareSpec(path="demo"),
        PrepareSpec(path=inside, reals=inside),
        StackSpec(stage1="a", experts=["b", "c"]),
    ):
        assert bounded(spec, workbench) == spec
    assert bounded(TrainSpec(dataset="./in"), workbench).dataset == inside
    assert bounded(PrepareSpec(path="demo", out="new"), workbench).out.startswith(str(tmp_path))
    run = workbench.workspace.runs / "mine"
    run.mkdir()
    assert bounded(StackSpec(stage1=str(run), experts=["b"]), workbench).stage1 == str(run)
    (tmp_path / "cwd").mkdir()
    (tmp_path / "cwd/stray.csv").touch()
    (tmp_path / "cwd/demo").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    with pytest.raises(ValueError, match="does not exist"):
        bounded(TrainSpec(dataset="stray.csv"), workbench)
    assert bounded(PrepareSpec(path="demo"), workbench).path == "demo"


def test_the_bundle_in_force_is_offered_wherever_it_lies(workbench) -> None:
    from core.analysis.spec import AnalyzeSpec

    bundle = str(workbench.active().bundle)
    upload = workbench.workspace.uploads / "x.png"
    upload.touch()
    spec = AnalyzeSpec(files=[str(upload)], bundle=bundle)
    assert bounded(spec, workbench) == spec


def test_the_shipped_bundle_and_what_was_put_in_force_pass_as_sources(workbench, tmp_path) -> None:
    shipped = workbench.active().bundle
    assert not shipped.is_relative_to(workbench.workspace.root)
    for spec in (SearchSpec(source=str(shipped)), PolicySpec(source=str(shipped))):
        assert bounded(spec, workbench) == spec
    elsewhere = tmp_path / "elsewhere"
    for folder in (elsewhere / "bundle", elsewhere / "run"):
        folder.mkdir(parents=True)
    (elsewhere / "bundle/bundle.json").write_text("{}")
    asked = SearchSpec(source=str(elsewhere / "bundle"))
    with pytest.raises(ValueError, match="AWARE_DATA_ROOTS"):
        bounded(asked, workbench)
    workbench.set_active(bundle=elsewhere / "bundle")
    assert bounded(asked, workbench) == asked
    assert bounded(PolicySpec(source=str(shipped)), workbench).source == str(shipped), "it ships with the product"
    registered = PolicySpec(source=str(elsewhere / "run"))
    with pytest.raises(ValueError, match="AWARE_DATA_ROOTS"):
        bounded(registered, workbench)
    workbench.register(Produced("run", "run", str(elsewhere / "run"), {}))
    assert bounded(registered, workbench) == registered
    with pytest.raises(ValueError, match="AWARE_DATA_ROOTS"):
        bounded(PolicySpec(source=str(elsewhere)), workbench)


def test_a_form_says_so_and_gives_no_spec(workbench, monkeypatch) -> None:
    monkeypatch.setenv("AWARE_HOME", str(workbench.workspace.root))
    source = (
        "import streamlit as st\nfrom app.forms import form as forms\nfrom app.ui import session\n"
        "from core.train.spec import TrainSpec\n"
        "spec = forms.spec_form(TrainSpec, session.workbench(), key='f', submit='Go', values={'dataset': 'WHERE'})\n"
        "st.session_state['spec'] = spec\n"
    )
    (workbench.workspace.datasets / "demo").mkdir()
    (workbench.workspace.datasets / "demo" / "manifest.csv").touch()
    for where, said in (("/etc/passwd", True), ("demo", False)):
        test = AppTest.from_string(source.replace("WHERE", where), default_timeout=180).run()
        test.button[0].click().run()
        assert not test.exception
        assert (test.session_state["spec"] is None) == said
        assert ("AWARE_DATA_ROOTS" in texts(test)) == said
