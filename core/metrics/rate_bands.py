"""Every rate of a decision at every threshold with its interval, from one bootstrap: what boards draw.

A board moves a threshold in the browser, and the headline asks `core.metrics.all_metrics` at one: both must show the
same numbers. So the draws here are those of `all_metrics` (same seed, same groups), over counts in the fine bins of a
threshold table.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from core.metrics.bootstrap import group_codes
from core.metrics.bootstrap_draws import drawn_counts, threshold_draws
from core.metrics.effective_groups import MIN_GROUPS, NO_INTERVAL, count_groups, interval_limits, smallest_class
from core.metrics.metrics import probabilities

SHARES = ("recall", "false_alarms", "specificity", "precision", "npv", "accuracy")
RATES = (*SHARES, "balanced_accuracy", "f1", "mcc", "even_precision", "even_npv")


@dataclass(frozen=True)
class RateBands:
    """95 % limits of every rate at T thresholds; at index t, items above edge t are called fake.

    Attributes:
        low: By the names of RATES, (T,) lower limits; NaN where there is no interval.
        high: Upper limits, as `low`. recall: fakes called fake / fakes; false_alarms: reals called fake / reals;
            specificity: reals called real / reals; precision: fakes / called fake; npv: reals / called real; accuracy:
            called correctly / all; balanced_accuracy, f1, mcc as in `core.metrics.metrics.threshold_metrics`;
            even_precision, even_npv: precision and npv if half of the items were fakes, tpr / (tpr + fpr) and
            tnr / (tnr + fnr).
        note: Why there is no interval, or how far to trust it; may be empty.
        reals: (draws, B) reals of each draw by fine bin.
        fakes: (draws, B) fakes of each draw by fine bin.
        cell: (N,) fine bin of each item.
        codes: (N,) group code of each item.
        labels: (N,) 0 = real, 1 = fake.
    """

    low: Mapping[str, np.ndarray]
    high: Mapping[str, np.ndarray]
    note: str
    reals: np.ndarray
    fakes: np.ndarray
    cell: np.ndarray
    codes: np.ndarray
    labels: np.ndarray

    def bars(self, of: ArrayLike) -> np.ndarray:
        """Compute the limits of the share of each class that lies in each bar.

        Args:
            of: (B,) bar of each fine bin.

        Returns:
            (bars, 2, 2): low and high, for the reals and for the fakes.
        """
        bar = np.asarray(of)
        size = int(bar.max()) + 1
        result = np.full((size, 2, 2), np.nan)
        for label, drawn in ((0, self.reals), (1, self.fakes)):
            own = self.labels == label
            groups = count_groups(self.codes[own]).groups
            with np.errstate(invalid="ignore", divide="ignore"):
                shares = _coarse(drawn, bar, size) / drawn.sum(1, keepdims=True)
                here = np.bincount(bar[self.cell[own]], minlength=size) / np.count_nonzero(own)
            result[:, label] = np.stack(interval_limits(here, shares, groups >= MIN_GROUPS, np.full(size, groups)), 1)
        return result

    def reliability(self, of: ArrayLike) -> np.ndarray:
        """Compute the limits of the share of fakes in each coarse bin.

        Args:
            of: (B,) coarse bin of each fine bin.

        Returns:
            (bins, 2): low and high.
        """
        bar = np.asarray(of)
        size, at = int(bar.max()) + 1, bar[self.cell]
        fakes, reals = (_coarse(drawn, bar, size) for drawn in (self.fakes, self.reals))
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = fakes / (fakes + reals)
            here = np.bincount(at, self.labels, size) / np.bincount(at, minlength=size)
        groups = np.bincount(np.unique(self.codes * size + at) % size, minlength=size)
        return np.stack(interval_limits(here, shares, groups >= MIN_GROUPS, groups), 1)

    def to_document(self) -> dict[str, Any]:
        """JSON: names, note, and bands, base64 of little-endian float32 (names, T, 2)."""
        bands = np.stack([np.stack((self.low[name], self.high[name]), 1) for name in RATES])
        text = base64.b64encode(bands.astype("<f4").tobytes()).decode()
        return {"names": list(RATES), "note": self.note, "bands": text}


def _coarse(drawn: np.ndarray, bar: np.ndarray, size: int) -> np.ndarray:
    """(draws, B) fine counts summed into (draws, size)."""
    return drawn @ (bar[:, None] == np.arange(size)).astype(np.float64)


def rate_bands(
    edges: ArrayLike, p_fake: ArrayLike, labels: ArrayLike, groups: ArrayLike | None, *, draws: int = 500, seed: int = 0
) -> RateBands:
    """Compute the limits of every rate at every threshold.

    At a threshold just above edges[t] the limits are those of `all_metrics(..., draws=draws, seed=seed)`.

    Args:
        edges: (T,) ascending from 0 to 1; at index t, items with p_fake > edges[t] are called fake (at 0: all).
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) names of groups; None when every item is its own group.
        draws: Bootstrap draws of groups.
        seed: Seed of the draws.

    Returns:
        The limits.

    Raises:
        ValueError: Lengths differ or a value is out of its range.
    """
    p, y = probabilities(p_fake, labels)
    inner = np.asarray(edges, np.float64)[1:-1]
    cell, size = np.searchsorted(inner, p, side="left"), inner.size + 1
    codes, n_groups = group_codes(groups, p.size)
    reals, fakes = drawn_counts(cell, size, y, codes, draws, np.random.default_rng(seed))
    drawn = _rates(_below(reals), _below(fakes))
    here = _rates(*(_below(np.bincount(cell[y == label], minlength=size)[None]) for label in (0, 1)))
    of_all, of_fakes, of_reals = (
        smallest_class(y, codes),
        count_groups(codes[y == 1], "fakes"),
        count_groups(codes[y == 0], "reals"),
    )
    called_real, called_fake = _groups_called(cell, codes, n_groups, size)
    every = np.full(size + 1, n_groups)
    denominators = {
        "recall": (of_fakes, np.full(size + 1, of_fakes.groups)),
        "false_alarms": (of_reals, np.full(size + 1, of_reals.groups)),
        "specificity": (of_reals, np.full(size + 1, of_reals.groups)),
        "precision": (of_all, called_fake),
        "npv": (of_all, called_real),
        "accuracy": (of_all, every),
    }
    low, high = {}, {}
    for name in RATES:
        effective_counts, own = denominators.get(name, (of_all, None))
        low[name], high[name] = interval_limits(here[name][0], drawn[name], effective_counts.enough, own)
    note = of_all.note.replace(NO_INTERVAL, "No intervals")
    return RateBands(low, high, note, reals, fakes, cell, codes, y)


def _below(counts: np.ndarray) -> np.ndarray:
    """(draws, B) counts by bin -> (draws, B + 1) counts under each edge."""
    return np.concatenate((np.zeros((len(counts), 1)), np.cumsum(counts, 1)), 1)


def _rates(reals: np.ndarray, fakes: np.ndarray) -> dict[str, np.ndarray]:
    """RATES, NaN where undefined, of counts under each edge, whose last column counts all."""
    tp, fp = fakes[:, -1:] - fakes, reals[:, -1:] - reals
    rates = threshold_draws(tp, fp, fakes, reals)
    with np.errstate(invalid="ignore", divide="ignore"):
        miss, alarm = 1 - rates["recall"], 1 - rates["specificity"]
        npv = reals / (reals + fakes)
        even = {
            "even_precision": rates["recall"] / (rates["recall"] + alarm),
            "even_npv": rates["specificity"] / (rates["specificity"] + miss),
        }
    return {name: rates[name] for name in RATES if name in rates} | {"false_alarms": alarm, "npv": npv} | even


def _groups_called(cell: np.ndarray, codes: np.ndarray, n_groups: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """((T,) groups with an item under each edge, (T,) groups with an item above it)."""
    first, last = np.full(n_groups, size), np.full(n_groups, -1)
    np.minimum.at(first, codes, cell)
    np.maximum.at(last, codes, cell)
    under = np.concatenate(([0], np.cumsum(np.bincount(first, minlength=size))))
    above = n_groups - np.concatenate(([0], np.cumsum(np.bincount(last, minlength=size))))
    return under, above


def effective_counts(
    edges: ArrayLike, p_fake: ArrayLike, labels: ArrayLike, groups: ArrayLike | None
) -> dict[str, np.ndarray]:
    """Compute how many independent items carry as much information as the share with p_fake > edges[t].

    It is v (1 - v) over the variance of that share v when whole groups are drawn, G / (G - 1) sum_g (h_g - m_g v)^2 /
    n^2; never below the effective groups (Kish: as if the items of a group agreed wholly) nor above the items. At v = 0
    and 1, where nothing varies, it is the effective groups. It serves Wilson's interval where several rates of one
    stage are combined and none can be drawn beforehand.

    Args:
        edges: (T,) ascending from 0 to 1.
        p_fake: (N,) probabilities of fake in [0, 1].
        labels: (N,) 0 = real, 1 = fake.
        groups: (N,) names of groups; None when every item is its own group.

    Returns:
        (T,) counts of the fakes ("fake"), the reals ("real") and all items ("all"); 0 without items.
    """
    p, y = probabilities(p_fake, labels)
    inner = np.asarray(edges, np.float64)[1:-1]
    cell, size = np.searchsorted(inner, p, side="left"), inner.size + 1
    codes, _ = group_codes(groups, p.size)
    parts = {"fake": y == 1, "real": y == 0, "all": np.ones(y.size, bool)}
    return {name: _effective_counts_of_shares(cell[of], codes[of], size) for name, of in parts.items()}


def _effective_counts_of_shares(cell: np.ndarray, codes: np.ndarray, size: int) -> np.ndarray:
    """(size + 1,) of `effective_counts` for the items of one class.

    sum_g (h_g - m_g v)^2 = sum h_g^2 - 2 v sum m_g h_g + v^2 sum m_g^2, and an item that passes above edge t adds to
    h_g^2 what its rank within its group says: one sort serves all edges.
    """
    n = cell.size
    if not n:
        return np.zeros(size + 1)
    sizes = np.bincount(codes).astype(np.float64)
    squares, groups = float(np.square(sizes).sum()), int(np.count_nonzero(sizes))
    effective = n**2 / squares
    if groups < 2:
        return np.full(size + 1, effective)
    above = _dense_sums(cell, codes, size) if sizes.size * size <= n else _ranked_sums(cell, codes, sizes, size)
    v = above["h"] / n
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = groups / (groups - 1) * (above["h2"] - 2 * v * above["mh"] + v**2 * squares) / n**2
        counts = v * (1 - v) / variance
    return np.clip(np.where(np.isfinite(counts), counts, effective), effective, n)


def _dense_sums(cell: np.ndarray, codes: np.ndarray, size: int) -> dict[str, np.ndarray]:
    """Sums over groups of h^2, m h and h at each edge, of few large groups: their histograms, without a sort."""
    groups = int(codes.max()) + 1
    counts = np.bincount(codes * size + cell, minlength=groups * size).reshape(groups, size).astype(np.float64)
    h = np.concatenate((counts[:, ::-1].cumsum(1)[:, ::-1], np.zeros((groups, 1))), 1)
    return {"h2": np.square(h).sum(0), "mh": h[:, 0] @ h, "h": h.sum(0)}


def _ranked_sums(cell: np.ndarray, codes: np.ndarray, sizes: np.ndarray, size: int) -> dict[str, np.ndarray]:
    """The same of many groups, by what each item adds as its group's rank-th from above."""
    order = np.lexsort((-cell, codes))
    ranked, of = cell[order], codes[order]
    start = np.concatenate(([0], np.cumsum(sizes[sizes > 0])[:-1])).astype(np.int64)
    rank = np.arange(cell.size) - np.repeat(start, sizes[sizes > 0].astype(np.int64))  # 0 for the highest of its group
    gain = {"h2": 2.0 * rank + 1, "mh": sizes[of], "h": np.ones(cell.size)}
    return {key: np.append(np.bincount(ranked, weight, size)[::-1].cumsum()[::-1], 0.0) for key, weight in gain.items()}
