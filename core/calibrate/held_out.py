"""What calibrators give items that they were not fitted on, and how such items are ranked.

The folds of a cross-fit are mapped by different calibrators. For probabilities this does not matter: each is judged by
its own item. But a ranking metric compares items, and pooled over folds it would compare the outputs of two maps: a
temperature, which keeps every order, would seem to change AUROC. So ranking is taken from the log-odds themselves
where every map keeps their order, and else from the pairs of items inside each fold.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.metrics.bootstrap_draws import ranking_draws
from core.metrics.effective_groups import GroupInterval, interval_from_draws, smallest_class
from core.metrics.metrics import auroc
from core.tables.predictions import Predictions

ORDER_KEPT = (
    "every fold's map keeps the order of the scores, so AUROC is that of the scores themselves, before and after"
)
ORDER_WITHIN_FOLDS = (
    "the maps tie items in steps, so AUROC after is taken inside each fold (pairs of items judged by the same map) and "
    "averaged over the folds by their pairs"
)


@dataclass(frozen=True)
class HeldOut:
    """Items with the p_fake of calibrators that did not see their group.

    Attributes:
        rows: (M,) positions in a table.
        p_fake: (M,) calibrated p_fake.
        fold: (M,) fold of each item.
        keeps_order: Whether every fold's map rises strictly.
        warnings: Warnings of the fits, each once.
    """

    rows: np.ndarray
    p_fake: np.ndarray
    fold: np.ndarray
    keeps_order: bool
    warnings: list[str] = field(default_factory=list)

    @property
    def ranking_note(self) -> str:
        """How AUROC is taken, in one clause."""
        return ORDER_KEPT if self.keeps_order else ORDER_WITHIN_FOLDS


def held_out_auroc(held: HeldOut, table: Predictions, draws: int, seed: int) -> dict[str, Any]:
    """Compute the AUROC of held-out items as the module says, with draws of groups inside each fold.

    Args:
        held: The calibrated items.
        table: All items, which `held.rows` points into.
        draws: Bootstrap draws of groups; 0 for no interval.
        seed: Seed of the draws.

    Returns:
        {value, low, high, note}; value None with one class.
    """
    z, y, groups = table.log_odds[held.rows], table.labels[held.rows], table.groups[held.rows]
    scores, fold = (z, np.zeros(z.size, np.int64)) if held.keeps_order else (held.p_fake, held.fold)
    pairs, values, drawn = [], [], []
    for number in np.unique(fold):
        here = fold == number
        value = auroc(scores[here], y[here])
        if value is not None:
            fakes = int(y[here].sum())
            pairs.append(fakes * (int(here.sum()) - fakes))
            values.append(value)
            if draws:
                rng = np.random.default_rng([seed, int(number)])  # folds hold different groups: their draws are apart
                drawn.append(ranking_draws(scores[here], y[here], groups[here], draws, rng)["auroc"])
    if not values:
        return {"value": None, "low": None, "high": None, "note": ""}
    weights = np.array(pairs) / sum(pairs)
    between = GroupInterval(None, None)
    if draws:
        between = interval_from_draws(weights @ np.array(drawn), smallest_class(y, groups))
    return {"value": float(weights @ values), "low": between.low, "high": between.high, "note": between.note}
