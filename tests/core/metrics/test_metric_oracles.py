"""Every figure of the catalogue against an outside implementation, on random, tied, extreme and one-class input.

One row an oracle: scikit-learn or scipy where they have the figure, else its definition by brute force. The last test
fails when a figure joins the catalogue without an oracle. (ECE and MCE meet torchmetrics in test_metrics.py.)"""

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import binned_statistic, mannwhitneyu, norm
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from core.metrics.all_metrics import point_metrics
from core.metrics.catalogue import FIGURES

BINS = 15


def draw(kind: str, n: int = 900) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, n)
    p = 1 / (1 + np.exp(-rng.normal(1.2 * (2 * y - 1), 1.5)))
    if kind == "tied":
        p = np.round(p, 1)
    if kind == "extreme":
        p = np.where(rng.random(n) < 0.3, np.round(p), p)
    if kind == "skewed":
        keep = (y == 0) | (rng.random(n) < 0.05)
        p, y = p[keep], y[keep]
    if kind == "only fakes":
        y = np.ones_like(y)
    if kind == "only reals":
        y = np.zeros_like(y)
    return p, y


KINDS = ["random", "tied", "extreme", "skewed", "only fakes", "only reals"]


def defined(y: np.ndarray, needs: str) -> bool:
    return {"both": 0 < y.sum() < y.size, "fakes": y.sum() > 0, "reals": y.sum() < y.size, "any": True}[needs]


def roc(p, y):
    return sk.roc_curve(y, p, drop_intermediate=False)[:2]


def eer(p, y):
    """Where the polygon of the ROC curve meets the falling diagonal, segment by segment."""
    fpr, tpr = roc(p, y)
    for i in range(1, fpr.size):
        a, b = fpr[i - 1] - (1 - tpr[i - 1]), fpr[i] - (1 - tpr[i])
        if b >= 0:
            return fpr[i] if b == a else fpr[i - 1] + (fpr[i] - fpr[i - 1]) * (-a) / (b - a)
    raise AssertionError


def hits_at(p, y, most):
    fpr, tpr = roc(p, y)
    return tpr[fpr <= most].max()


def top_label(p, y):
    return np.maximum(p, 1 - p), ((p >= 0.5) == (y == 1)).astype(float)


def pair(p, y, which):
    return (p, y.astype(float)) if which == "binary" else top_label(p, y)


def bins_of(x, binning):
    """Masks of the bins, by comparing with edges: (a, b], 0 in the first; equal mass by order, ties together."""
    if binning == "width":
        edges = np.linspace(0, 1, BINS + 1)
    else:
        ranked = np.sort(x)
        cuts = [ranked[int(np.ceil(k * x.size / BINS)) - 1] for k in range(1, BINS)]
        edges = np.array([0.0, *sorted({c for c in cuts if 0 < c < 1}), 1.0])
    masks = [(x > a) & (x <= b) for a, b in pairwise(edges)]
    masks[0] |= x == 0
    return [m for m in masks if m.any()]


def gaps(p, y, which, binning):
    x, hit = pair(p, y, which)
    return np.array([(m.mean(), abs(x[m].mean() - hit[m].mean())) for m in bins_of(x, binning)])


def ece(which, binning):
    return lambda p, y: float(np.prod(gaps(p, y, which, binning), axis=1).sum())


def mce(which, binning):
    return lambda p, y: gaps(p, y, which, binning)[:, 1].max()


def debiased(which, power):
    """Kumar et al. 2019, written out bin by bin; power 1 by the mean of a folded normal, power 2 exact."""

    def of(p, y):
        x, hit = pair(p, y, which)
        total = 0.0
        for m in bins_of(x, "mass"):
            n, rate = m.sum(), hit[m].mean()
            gap, variance = abs(x[m].mean() - rate), rate * (1 - rate) / max(n - 1, 1)
            if power == 2:
                total += m.mean() * (gap**2 - variance)
            elif variance == 0:
                total += m.mean() * gap
            else:
                s = variance**0.5
                mean = s * (2 / np.pi) ** 0.5 * np.exp(-(gap**2) / (2 * variance)) + gap * (1 - 2 * norm.cdf(-gap / s))
                total += m.mean() * (2 * gap - mean)
        return max(total, 0.0) ** (1 / power)

    return of


def aurc(p, y):
    sure, right = top_label(p, y)
    return float(np.mean([1 - right[sure >= c].mean() for c in sure]))


def augrc_closed(p, y):
    """Traub et al. 2024: acc (1 - acc) (1 - AUROC_f) + (1 - acc)^2 / 2, by scikit-learn's AUROC."""
    sure, right = top_label(p, y)
    acc = right.mean()
    area = sk.roc_auc_score(right, sure) if 0 < acc < 1 else 0.5
    return acc * (1 - acc) * (1 - area) + (1 - acc) ** 2 / 2


def brier_part(name):
    def of(p, y):
        base, reliability, resolution = y.mean(), 0.0, 0.0
        for m in bins_of(p, "mass"):
            reliability += m.mean() * (p[m].mean() - y[m].mean()) ** 2
            resolution += m.mean() * (y[m].mean() - base) ** 2
        within = np.mean((p - y) ** 2) - reliability + resolution - base * (1 - base)
        return {
            "reliability": reliability,
            "resolution": resolution,
            "uncertainty": base * (1 - base),
            "within": within,
        }[name]

    return of


def called(of):
    return lambda p, y: of(y, (p >= 0.5).astype(int))


ORACLES = {
    "auroc": ("both", lambda p, y: sk.roc_auc_score(y, p)),
    "average_precision": ("fakes", lambda p, y: sk.average_precision_score(y, p)),
    "eer": ("both", eer),
    "tpr_at_fpr_1": ("both", lambda p, y: hits_at(p, y, 0.01)),
    "tpr_at_fpr_10": ("both", lambda p, y: hits_at(p, y, 0.1)),
    "partial_auroc": ("both", lambda p, y: sk.roc_auc_score(y, p, max_fpr=0.1)),
    "accuracy": ("any", called(sk.accuracy_score)),
    "balanced_accuracy": ("both", called(sk.balanced_accuracy_score)),
    "precision": ("any", called(lambda y, c: sk.precision_score(y, c, zero_division=0))),
    "recall": ("fakes", called(sk.recall_score)),
    "specificity": ("reals", called(lambda y, c: sk.recall_score(y, c, pos_label=0))),
    "f1": ("any", called(lambda y, c: sk.f1_score(y, c, zero_division=0))),
    "mcc": ("both", called(sk.matthews_corrcoef)),
    "brier": ("any", lambda p, y: np.mean((p - y) ** 2)),
    "nll": ("any", lambda p, y: sk.log_loss(y, np.clip(p, 2.0**-52, 1 - 2.0**-52), labels=[0, 1])),
    "aurc": ("any", aurc),
    "augrc": ("any", augrc_closed),
    **{f"brier_{name}": ("any", brier_part(name)) for name in ("reliability", "resolution", "uncertainty", "within")},
    **{f"ece_{w}_{b}": ("any", ece(w, b)) for w in ("binary", "top_label") for b in ("width", "mass")},
    **{f"mce_{w}_{b}": ("any", mce(w, b)) for w in ("binary", "top_label") for b in ("width", "mass")},
    **{f"ece_debiased_{w}_mass": ("any", debiased(w, 1)) for w in ("binary", "top_label")},
    **{f"rmsce_debiased_{w}_mass": ("any", debiased(w, 2)) for w in ("binary", "top_label")},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FIGURES)
def test_equals_its_oracle(name, kind):
    p, y = draw(kind)
    needs, oracle = ORACLES[name]
    found = point_metrics(p, y, BINS)[name]
    if not defined(y, needs):
        assert found is None
    else:
        assert found == pytest.approx(oracle(p, y), abs=2e-9)


def test_every_figure_has_an_oracle_a_title_and_a_sentence():
    assert set(ORACLES) == set(FIGURES)
    assert len({figure.title for figure in FIGURES.values()}) == len(FIGURES)
    assert all(figure.says.endswith(".") and len(figure.says) < 120 for figure in FIGURES.values())


@pytest.mark.parametrize("kind", ["random", "tied", "extreme", "skewed"])
def test_a_second_opinion_of_another_house(kind):
    """scipy on AUROC (Mann-Whitney) and scikit-learn on the reliability bins, which share no code with the above."""
    p, y = draw(kind)
    found = point_metrics(p, y, BINS)
    u = mannwhitneyu(p[y == 1], p[y == 0]).statistic
    assert found["auroc"] == pytest.approx(u / (y.sum() * (y.size - y.sum())), abs=1e-12)
    if kind == "random":  # their bins are [a, b): the same without ties on an edge
        observed, stated = calibration_curve(y, p, n_bins=BINS)
        count = binned_statistic(p, p, "count", bins=np.linspace(0, 1, BINS + 1)).statistic
        expected = (count[count > 0] * np.abs(observed - stated)).sum() / y.size
        assert found["ece_binary_width"] == pytest.approx(expected, abs=1e-12)


def test_the_parts_of_the_brier_score_add_up():
    for kind in KINDS:
        f = point_metrics(*draw(kind), BINS)
        parts = f["brier_reliability"] - f["brier_resolution"] + f["brier_uncertainty"] + f["brier_within"]
        assert parts == pytest.approx(f["brier"], abs=1e-12)


def test_debiased_ece_of_a_perfect_calibrator_is_near_nothing_where_the_plain_one_is_not():
    """200 draws of 300 items whose p_fake is the truth: the plain ECE is .07 on average. The normal approximation
    takes two fifths of it away (a gap near 0 is not normal once its sign is lost), the squared one all."""
    rng, plain, absolute, squared = np.random.default_rng(0), [], [], []
    for _ in range(200):
        p = rng.random(300)
        y = (rng.random(300) < p).astype(int)
        f = point_metrics(p, y, BINS)
        plain.append(f["ece_binary_mass"])
        absolute.append(f["ece_debiased_binary_mass"])
        gap = gaps(p, y, "binary", "mass")
        rate = [y[m].mean() for m in bins_of(p, "mass")]
        size = [m.sum() for m in bins_of(p, "mass")]
        squared.append(sum(w * (g**2 - r * (1 - r) / (n - 1)) for (w, g), r, n in zip(gap, rate, size, strict=True)))
    assert np.mean(plain) > 0.055
    assert np.mean(absolute) < 0.65 * np.mean(plain)
    assert abs(np.mean(squared)) < 3 * np.std(squared) / 200**0.5 + 5e-4
