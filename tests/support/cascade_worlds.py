"""Random worlds on which every implementation of the cascade's rules is compared with `core.cascade.cascade.Cascade`.

A world is a predictions table with a policy. Its scores lie on the exits, one double beside them, and elsewhere; the
members that the cascade itself runs read their p_fake from the table, so both sides see the same doubles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd

from core.cascade.cascade import Cascade
from core.cascade.units import UnitResult
from core.documents.decision import TraceStep
from core.documents.policy import CascadePolicy, Exits, ExpertExits
from core.policies.table import STACK
from tests.support.cascade_rows import Column, StackColumn, row_unit

STAGE1, EXPERTS = "filter", ("texture", "genconvit")
SPREAD = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
"""Scores that occur in every world beside its exits: both ends and something between."""


@dataclass(frozen=True)
class World:
    """A predictions table and the policy to replay over it.

    Attributes:
        name: What is special about this world, for the test's identifier.
        table: Columns sample_id, group, label, dataset, split and p_<member>; `p_stack` where there is a stage 3.
        policy: What every implementation applies to the table.
        bundle_policy: What the cascade itself runs: it may name an expert that is not in the bundle.
    """

    name: str
    table: pd.DataFrame
    policy: CascadePolicy
    bundle_policy: CascadePolicy

    @property
    def members(self) -> list[str]:
        """Columns in the order asked, `stack` last where the world has a stage 3."""
        names = [STAGE1, *(expert.name for expert in self.policy.experts)]
        return [*names, STACK] if f"p_{STACK}" in self.table else names

    @property
    def exits(self) -> list[Exits]:
        """Exits of `members`, in their order."""
        own = [self.policy.stage1, *(expert.exits for expert in self.policy.experts)]
        return [*own, self.policy.final] if f"p_{STACK}" in self.table else own

    @property
    def costs(self) -> list[float]:
        """Cost of an item at each of `members`; all different, so that an exchange is seen."""
        return [1.0, 4.0, 20.0, 50.0][: len(self.members)]


@lru_cache
def reference(index: int) -> list[UnitResult]:
    """`Cascade.run` over every row of `worlds()[index]`."""
    world = worlds()[index]
    columns = {name: world.table[f"p_{name}"].to_numpy(np.float64) for name in world.members}
    present = [STAGE1, *(expert.name for expert in world.policy.experts)]
    members = [Column(name, "stage1" if name == STAGE1 else "expert", columns[name]) for name in present]
    named = [expert.name for expert in world.bundle_policy.experts]
    missing = len(named) > len(world.policy.experts)
    stack = columns.get(STACK, columns[STAGE1] if missing else None)
    stage3 = None if stack is None else StackColumn(named, stack)
    return Cascade(members, world.bundle_policy, stage3).run([row_unit(row) for row in range(len(world.table))])


def deciding_step(result: UnitResult) -> TraceStep:
    """The step that decided; the last one that was scored where none did."""
    return [step for step in result.decision.trace if step.status == "scored"][-1]


def asked(result: UnitResult) -> int:
    """How many of stage 1 and the experts scored the item."""
    return sum(step.status == "scored" and step.stage != "stage3" for step in result.decision.trace)


@lru_cache(maxsize=1)
def worlds() -> list[World]:
    """All kinds of worlds, several draws of each; the same list in every process."""
    kinds = {
        "two-sided": [(0.1, 0.9), (0.3, 0.7), (0.2, 0.8), (0.4, 0.6)],
        "one-sided": [(0.1, None), (None, 0.8), (0.3, None), (None, 0.6)],
        "all exits closed": [(None, None)] * 4,
        "every item exits": [(0.5, float(np.nextafter(0.5, 1)))] * 4,
        "exits at both ends": [(None, 1.0), (1.0, None), (None, 0.0), (0.5, 1.0)],
        "customary exits": [(0.02, 0.98), (0.05, 0.95), (0.1, 0.9), (0.01, 0.99)],
    }
    made = []
    for seed, (name, pairs) in enumerate(kinds.items()):
        made += [_world(name, pairs, 2, True, seed, n) for n in (1, 60)]
        made += [_world(f"{name}, no stage 3", pairs, 2, False, seed + 100)]
        made += [_world(f"{name}, no experts", pairs, 0, seed % 2 == 0, seed + 200)]
    for seed in range(300, 312):
        made.append(_world("random exits", None, 1 + seed % 2, seed % 3 > 0, seed))
    for label in (0, 1):
        one = _world(f"label {label} only", None, 2, True, 400 + label)
        made.append(replace(one, table=one.table.assign(label=label)))
    made += [_without(_world("missing expert", None, 2, False, seed), seed % 2) for seed in range(500, 504)]
    return made


def _world(
    name: str,
    pairs: Sequence[tuple[float | None, float | None]] | None,
    experts: int,
    stage3: bool,
    seed: int,
    n: int = 120,
) -> World:
    """One draw. pairs: (real, fake) exits of stage 1, two experts and stage 3; None: drawn."""
    rng = np.random.default_rng(seed)
    exits = [_drawn_exits(rng) for _ in range(4)]
    if pairs is not None:
        exits = [Exits(real_below=real, fake_above=fake) for real, fake in pairs]
    names = [STAGE1, *EXPERTS[:experts]]
    columns = [*names, STACK] if stage3 else names
    own = dict(zip([STAGE1, *EXPERTS, STACK], exits, strict=True))
    table = pd.DataFrame({f"p_{member}": rng.choice(_scores(own[member], rng), n) for member in columns})
    table.index = 3 * np.arange(n)  # a part of a larger table: labels of rows are not their positions
    table = table.assign(
        sample_id=[f"s{i}" for i in range(n)], group=rng.integers(0, max(2, n // 4), n).astype(str),
        label=rng.integers(0, 2, n), dataset="drawn", split="test",
    )  # fmt: skip
    policy = CascadePolicy(
        policy_id="p", name="p", created_at="", stage1=own[STAGE1], final=own[STACK],
        experts=[ExpertExits(name=expert, exits=own[expert]) for expert in EXPERTS[:experts]],
    )  # fmt: skip
    return World(name, table, policy, policy)


def _without(world: World, position: int) -> World:
    """The same, but the bundle lacks an expert that its policy names: the tables know the other members alone.

    Stage 3 needs the expert, so it never answers; a table of such a bundle has no `p_stack`.
    """
    lost = world.policy.experts[position].name
    left = [expert for expert in world.policy.experts if expert.name != lost]
    return replace(
        world, table=world.table.drop(columns=f"p_{lost}"), policy=world.policy.model_copy(update={"experts": left})
    )


def _drawn_exits(rng: np.random.Generator) -> Exits:
    below, above = np.sort(rng.random(2))
    return Exits(real_below=below if rng.random() < 0.7 else None, fake_above=above if rng.random() < 0.7 else None)


def _scores(exits: Exits, rng: np.random.Generator) -> np.ndarray:
    """Values to draw from: the exits themselves, the doubles beside them, SPREAD and some of no special place."""
    at = np.array([value for value in (exits.real_below, exits.fake_above) if value is not None])
    beside = np.concatenate((np.nextafter(at, -1), np.nextafter(at, 2)))
    return np.clip(np.concatenate((np.tile(np.concatenate((at, beside)), 2), SPREAD, rng.random(6))), 0, 1)
