"""The numpy replay of a policy gives the verdicts of the cascade itself, stage by stage, over random policies."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from core.cascade.cascade import Cascade
from core.cascade.units import Scores, Unit
from core.documents.inputs import InputSpec
from core.documents.policy import CascadePolicy, Exits, ExpertExits
from core.policies.replay.simulate import simulate


class Listed:
    """A member that reads its log-odds off the first pixel's place in a list."""

    def __init__(self, name: str, role: str, log_odds: np.ndarray) -> None:
        self.name, self.title, self.role, self.input = name, name, role, InputSpec(size=16)
        self.log_odds = log_odds

    def score(self, crops: np.ndarray) -> Scores:
        item = int(crops[0, 0, 0, 0]) + 256 * int(crops[0, 0, 0, 1])
        return Scores(self.log_odds[[item]], np.zeros((1, 2), np.float32))

    def p_fake(self, log_odds: np.ndarray) -> np.ndarray:
        return expit(log_odds)


class ListedMeta:
    """Stage 3 whose p_fake is the mean log-odds of all members."""

    experts = ["b3", "gen"]

    def p_fake(self, log_odds, embeddings) -> float:
        return float(expit(np.mean([log_odds[name] for name in ("stage1", "b3", "gen")])))


def unit(i: int) -> Unit:
    crop = np.zeros((1, 16, 16, 3), np.uint8)
    crop[0, 0, 0, :2] = i % 256, i // 256
    return Unit(lambda spec: crop, [0.0])


def random_exits(rng: np.random.Generator) -> Exits:
    below, above = np.sort(rng.random(2))
    return Exits(real_below=below if rng.random() < 0.7 else None, fake_above=above if rng.random() < 0.7 else None)


@pytest.mark.parametrize("seed", range(6))
def test_replay_equals_cascade(seed):
    rng = np.random.default_rng(seed)
    z = {name: rng.normal(0, 2, 300) for name in ("stage1", "b3", "gen")}
    experts = [ExpertExits(name=name, exits=random_exits(rng)) for name in ("b3", "gen")]
    policy = CascadePolicy(
        policy_id="p", name="p", created_at="", stage1=random_exits(rng), experts=experts, final=random_exits(rng)
    )
    members = [Listed(name, "stage1" if name == "stage1" else "expert", values) for name, values in z.items()]
    stacked = seed % 2 == 0
    table = pd.DataFrame({f"p_{name}": expit(values) for name, values in z.items()})
    if stacked:
        table["p_stack"] = expit(logit(table.to_numpy()).mean(1))
    results = Cascade(members, policy, ListedMeta() if stacked else None).run([unit(i) for i in range(300)])
    found = simulate(table, policy)
    assert [r.decision.verdict for r in results] == found["verdict"].tolist()
    assert [r.decision.decided_by or "" for r in results] == found["decided_by"].tolist()
    asked = [sum(s.status == "scored" and s.stage != "stage3" for s in r.steps) for r in results]
    assert asked == found["asked"].tolist()
    decided = found["decided_by"] != ""
    shown = np.array([r.decision.p_fake for r in results], float)
    assert np.allclose(shown[decided], found["p_fake"][decided], atol=1e-9)
