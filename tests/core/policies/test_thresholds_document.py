"""thresholds.json: figures by hand, guarantees from the policy, schema that is current."""

import json

import jsonschema
import numpy as np
import pandas as pd
import pytest

from core.bundles.json_schemas import DOCUMENTS, FOLDER, schema
from core.metrics.sweep import sweep
from core.policies.choose import choose_policy
from core.policies.spec import PolicySpec
from core.policies.thresholds_document import exit_figures, thresholds_document


def table(n: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    label = np.arange(n) % 2
    frame = pd.DataFrame({"sample_id": np.arange(n).astype(str), "label": label, "split": "val_calib"})
    frame["group"] = [f"g{i // 2}" for i in range(n)]
    for name, strength in (("stage1", 2.0), ("b3", 3.0), ("stack", 4.0)):
        frame[f"p_{name}"] = 1 / (1 + np.exp(-rng.normal(strength * (2 * label - 1), 1.5)))
    return frame


def test_figures_by_hand():
    s = sweep([0.1, 0.2, 0.3, 0.9], [0, 1, 0, 1])
    real = exit_figures(s, "real", 0.3)
    assert (real.exited, real.errors, real.exit_rate, real.exit_fnr) == (3, 1, 0.75, 0.5)
    assert real.fnr_on_exits == pytest.approx(1 / 3)
    assert real.exit_accuracy == pytest.approx(2 / 3)
    assert real.coverage == 0.25
    fake = exit_figures(s, "fake", 0.3)
    assert (fake.exited, fake.errors, fake.exit_fnr) == (2, 1, 0.5)
    nobody = exit_figures(s, "real", 0.05)
    assert nobody.fnr_on_exits is None
    assert nobody.exit_accuracy is None
    assert exit_figures(s, "fake", None).exited == 0


def test_document_follows_policy_and_schema():
    frame = table()
    policy = choose_policy(PolicySpec(source="x"), frame, ["stage1", "b3"])
    document = thresholds_document(policy, frame, ["stage1", "b3"])
    assert document.exit_threshold == policy.stage1.real_below
    assert document.bound == policy.guarantees[0].bound
    assert document.n == 300
    assert [(r.stage, r.side) for r in document.stages] == [(g.stage, g.side) for g in policy.guarantees]
    exited = frame["p_stage1"] <= policy.stage1.real_below
    assert document.filtration == pytest.approx(exited.mean())
    assert document.leakage == pytest.approx(exited[frame["label"] == 1].mean())
    written = json.loads(document.to_json())
    jsonschema.validate(written, schema("thresholds"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(written | {"surprise": 1}, schema("thresholds"))


@pytest.mark.parametrize("name", list(DOCUMENTS))
def test_schema_files_are_current(name):
    path = FOLDER / f"{name}.schema.json"
    assert json.loads(path.read_text()) == schema(name), "write them anew: python -m core.bundles.json_schemas"
