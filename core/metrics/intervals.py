"""Intervals under one name: closed forms for a share, and the bootstrap of groups with its draws."""

from core.metrics.binomial import clopper_pearson, upper_bound, wilson
from core.metrics.bootstrap import Interval, bootstrap_sums, draw_weights, group_codes, percentile
from core.metrics.bootstrap_draws import probability_draws, ranking_draws

__all__ = [
    "Interval",
    "bootstrap_sums",
    "clopper_pearson",
    "draw_weights",
    "group_codes",
    "percentile",
    "probability_draws",
    "ranking_draws",
    "upper_bound",
    "wilson",
]
