"""Every implementation of the cascade's rules gives what `core.cascade.cascade.Cascade` gives, on the same worlds.

The cascade is the reference. Five more pieces of code hold its rules, each for a reason: `simulate` works on whole
tables, `replay_cuts` on many policies at once, `policy_counts` on groups, the joint table (with its grid) on counts
alone, and the board's script in the browser. A new rule, or a new copy of one, belongs into this file.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from app.ui.components import board_files
from core.documents.policy import ExpertExits
from core.policies.boards.binning import default_edges, edge_indices, exact_edges
from core.policies.boards.grid import cascade_grid
from core.policies.boards.joint_counts import joint_auroc, joint_auroc_error, joint_figures, joint_tally
from core.policies.boards.joint_table import JointTable, joint_table_of_frame
from core.policies.replay.batch import Items, binned, replay_cuts
from core.policies.replay.error_counts import policy_counts
from core.policies.replay.simulate import simulate
from core.policies.table import STACK
from tests.support.cascade_worlds import STAGE1, World, asked, deciding_step, reference, worlds

NODE = shutil.which("node")


class Truth:
    """What the cascade did to each row of a world, as arrays (N,)."""

    def __init__(self, index: int) -> None:
        world, results = worlds()[index], reference(index)
        self.results, self.labels, self.world = results, world.table["label"].to_numpy(), world
        self.index = index
        self.groups = world.table["group"].to_numpy()
        decisions = [result.decision for result in results]
        self.verdict = np.array([decision.verdict for decision in decisions])
        self.stage = np.array([decision.decided_by or "" for decision in decisions])
        self.asked = np.array([asked(result) for result in results])
        # With a stage 3 an open item counts at its p_fake, as `Cascade` shows it.
        self.score = np.array([deciding_step(result).p_fake for result in results])
        last = [deciding_step(result).member for result in results]
        self.member = np.array([STACK if name == "stage3" else name for name in last])

    def groups_with(self, hit: np.ndarray) -> int:
        return len(set(self.groups[hit]))

    @property
    def cost(self) -> float:
        """Mean cost of an item: every member that scored it, stage 3 too."""
        costs = self.world.costs
        scored = [sum(step.status == "scored" for step in result.decision.trace) for result in self.results]
        return float(np.mean([sum(costs[:count]) for count in scored]))

    @property
    def tally(self) -> np.ndarray:
        """(M + 1, 3, 2) as of a `JointTable`: a stage's items that exit as real, as fake, and that arrive, by label."""
        out = np.zeros((len(self.world.members) + 1, 3, 2))
        for result, label in zip(self.results, self.labels, strict=True):
            steps = [step for step in result.decision.trace if step.status == "scored"]
            for position, step in enumerate(steps):
                out[position, 2, label] += 1
                if step.outcome in ("real", "fake"):
                    out[position, ("real", "fake").index(step.outcome), label] += 1
            if result.decision.verdict == "uncertain":
                out[-1, 2, label] += 1
        return out

    @property
    def auroc(self) -> float | None:
        two = 0 < self.labels.sum() < self.labels.size
        return float(roc_auc_score(self.labels, self.score)) if two else None


def check_simulate(world: World, truth: Truth) -> None:
    replayed = simulate(world.table, world.policy)
    assert replayed["verdict"].tolist() == truth.verdict.tolist()
    assert replayed["decided_by"].tolist() == truth.stage.tolist()
    assert replayed["asked"].tolist() == truth.asked.tolist()
    assert replayed["p_fake"].tolist() == truth.score.tolist()
    assert replayed["member"].tolist() == truth.member.tolist()
    assert replayed.index.equals(world.table.index)


def check_error_counts(world: World, truth: Truth) -> None:
    counted = policy_counts(world.policy, world.table, STAGE1)
    fake, real = truth.labels == 1, truth.labels == 0
    hits = {
        "leakage1": (truth.verdict == "real") & (truth.stage == "stage1") & fake,
        "leakage": (truth.verdict == "real") & fake,
        "false_alarms": (truth.verdict == "fake") & real,
    }
    for name, hit in hits.items():
        among = real if name == "false_alarms" else fake
        count = counted[name]
        assert (count.items_in_error, count.items) == (hit.sum(), among.sum())
        assert (count.groups_in_error, count.groups) == (truth.groups_with(hit), truth.groups_with(among))


def check_batch_replay(world: World, truth: Truth) -> None:
    items = Items.of_frame(world.table, world.members)
    edges = default_edges(32, [value for exits in world.exits for value in exact_edges(exits)])
    cuts = tuple(edge_indices(edges, exits) for exits in world.exits)
    closed = tuple((0, edges.size - 1) for _ in cuts)
    done = replay_cuts(items, binned(items, edges), [closed, cuts], world.costs)  # ours is not the only policy
    assert done.leaked_groups[1] == truth.groups_with((truth.verdict == "real") & (truth.labels == 1))
    assert done.false_alarm_groups[1] == truth.groups_with((truth.verdict == "fake") & (truth.labels == 0))
    assert done.uncertain[1] == pytest.approx((truth.verdict == "uncertain").mean())
    assert done.cost[1] == pytest.approx(truth.cost)
    order = np.argsort(pd.factorize(world.table["group"].astype(str), sort=True)[0], kind="stable")
    assert done.score[1].tolist() == truth.score[order].tolist()


def joint_table(world: World) -> tuple[JointTable, list[tuple[int, int]]]:
    """(its table, exact at the world's exits, and the cuts of these exits)."""
    exits = {name: [own] for name, own in zip(world.members, world.exits, strict=True)}
    table = joint_table_of_frame(world.table, world.members, 32, exits)
    return table, [table.indices(m, one) for m, one in enumerate(world.exits)]


def check_figures(found: dict[str, float | None], truth: Truth) -> None:
    """Figures of a tally, those that the joint table and the board's script share."""
    real, fake, n = truth.verdict == "real", truth.verdict == "fake", truth.labels.size
    fakes, reals = truth.labels == 1, truth.labels == 0
    first = truth.stage == "stage1"

    def share(part: np.ndarray, of: np.ndarray) -> float | None:
        return float(part.sum() / of.sum()) if of.any() else None

    expected = {
        "filtration": float((real & first).sum() / n), "coverage": float(1 - first.sum() / n),
        "leakage1": share(real & first & fakes, fakes), "leakage": share(real & fakes, fakes),
        "false_alarms": share(fake & reals, reals), "precision_real": share(real & reals, real),
        "precision_fake": share(fake & fakes, fake), "uncertain": float((~real & ~fake).mean()), "cost": truth.cost,
        "speed_up": sum(truth.world.costs[1:]) / truth.cost,
    }  # fmt: skip
    for name, value in expected.items():
        assert found[name] == (value if value is None else pytest.approx(value, abs=1e-12)), name


def check_joint_table(world: World, truth: Truth) -> None:
    table, cuts = joint_table(world)
    tally = joint_tally(table, cuts)
    assert table.exact
    assert tally.tolist() == truth.tally.tolist()
    check_figures(joint_figures(tally, world.costs), truth)
    auroc = joint_auroc(table, cuts)
    if truth.auroc is None:
        assert auroc is None
    else:  # items of one bin count as tied
        assert abs(auroc - truth.auroc) <= joint_auroc_error(table, cuts) + 1e-12


def check_grid(world: World, truth: Truth) -> None:
    """The grid's own exits, a few combinations of them, against the table's answer, which is held to the cascade."""
    table, _ = joint_table(world)
    grid = cascade_grid(table, 3)
    rng = np.random.default_rng(0)
    for _ in range(4):
        index = [int(rng.integers(len(pairs))) for pairs in grid.pairs]
        exits = [table.exits(m, *cut) for m, cut in enumerate(grid.cuts(index))]
        experts = [ExpertExits(name=name, exits=own) for name, own in zip(world.members[1:], exits[1:], strict=True)
                   if name != STACK]  # fmt: skip
        policy = world.policy.model_copy(update={"stage1": exits[0], "experts": experts, "final": exits[-1]})
        replayed = simulate(world.table, policy)
        called_real, called_fake = replayed["verdict"] == "real", replayed["verdict"] == "fake"
        at = tuple(index)
        assert grid.leaked[at] == (called_real & (truth.labels == 1)).sum()
        assert grid.false_alarms[at] == (called_fake & (truth.labels == 0)).sum()
        assert grid.undecided[at] == (~called_real & ~called_fake).sum()


@lru_cache(maxsize=1)
def board_answers() -> list[dict]:
    """What the board's script makes of every world, in one run of node: tally, figures, AUROC."""
    script = (
        board_files("cascade_board")[0]
        + """
    import { readFileSync } from "node:fs";
    const worlds = JSON.parse(readFileSync(0, "utf8"));
    process.stdout.write(JSON.stringify(worlds.map(({ document, cuts, costs }) => {
      const table = open(document), counts = tally(table, cuts);
      return { counts, auroc: area(scores(table, cuts)), figures: figures(counts, costs) };
    })));
    """
    )
    asked_of = []
    for world in worlds():
        table, cuts = joint_table(world)
        asked_of.append({"document": table.to_document(), "cuts": cuts, "costs": world.costs})
    done = subprocess.run(
        [str(NODE), "--input-type=module", "--eval", script], input=json.dumps(asked_of), capture_output=True,
        text=True, timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check_board_script(world: World, truth: Truth) -> None:
    answer = board_answers()[truth.index]
    assert np.array(answer["counts"]) == pytest.approx(truth.tally, abs=1e-9)
    check_figures(answer["figures"], truth)
    table, cuts = joint_table(world)
    assert answer["auroc"] == (None if truth.auroc is None else pytest.approx(joint_auroc(table, cuts), abs=1e-12))


CHECKS: dict[str, Callable[[World, Truth], None]] = {
    "simulate": check_simulate,
    "error_counts": check_error_counts,
    "batch_replay": check_batch_replay,
    "joint_table": check_joint_table,
    "grid": check_grid,
    "board_script": check_board_script,
}


@pytest.mark.parametrize("index", range(len(worlds())), ids=lambda i: f"{worlds()[i].name}-{i}".replace(" ", "_"))
@pytest.mark.parametrize("implementation", CHECKS)
def test_an_implementation_gives_what_the_cascade_gives(implementation, index):
    if implementation == "board_script" and NODE is None:
        pytest.skip("node, which runs the board's script, is not installed")
    CHECKS[implementation](worlds()[index], Truth(index))


def test_the_worlds_hold_what_the_rules_are_about():
    """Ties at exits, every exit of every stage, every way to end: without these the comparison would be empty."""
    seen, ties = set(), 0
    for index, world in enumerate(worlds()):
        for result in reference(index):
            for step in result.decision.trace:
                seen.add((step.stage, step.status, step.outcome))
        for name, exits in zip(world.members, world.exits, strict=True):
            ties += int(world.table[f"p_{name}"].isin([exits.real_below, exits.fake_above]).sum())
    for stage in ("stage1", "stage2", "stage3"):
        assert {(stage, "scored", "real"), (stage, "scored", "fake")} <= seen
    assert {("stage1", "scored", "open"), ("stage2", "scored", "open"), ("stage3", "scored", "uncertain")} <= seen
    assert {("stage2", "missing", None), ("stage2", "skipped", None), ("stage3", "missing", None),
            ("stage3", "skipped", None)} <= seen  # fmt: skip
    assert ties > 500


@pytest.mark.parametrize("check", [simulate, lambda t, p: policy_counts(p, t, STAGE1)])
def test_a_table_without_a_named_expert_is_refused_and_nothing_stands_in(check):
    """The cascade passes such an item on; a table cannot know what the expert would have said."""
    world = next(w for w in worlds() if w.name == "missing expert")
    with pytest.raises(ValueError, match="lacks the column"):
        check(world.table, world.bundle_policy)
