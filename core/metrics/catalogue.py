"""The catalogue of metrics: the name of each, its title, which direction is better, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["ranking", "threshold", "probability", "calibration", "selective"]


@dataclass(frozen=True)
class Figure:
    """A row of the catalogue.

    Attributes:
        name: Key in reports.
        title: What pages call it.
        kind: What it judges.
        better: The better direction; empty for a part of a decomposition that has none.
        says: One sentence for a reader.
    """

    name: str
    title: str
    kind: Kind
    better: Literal["higher", "lower", ""]
    says: str


CONVENTIONS = {"binary": "p_fake against the share of fakes", "top_label": "confidence in the likelier class, Guo 2017"}
BINNINGS = {"width": "equal-width bins", "mass": "equal-mass bins"}


def _calibration() -> list[Figure]:
    rows = []
    for which, words in CONVENTIONS.items():
        short = which.replace("_", " ")
        for binning, bins in BINNINGS.items():
            tail = f"{short}, {bins}"
            rows.append(
                Figure(
                    f"ece_{which}_{binning}",
                    f"ECE, {tail}",
                    "calibration",
                    "lower",
                    f"Mean gap between stated and observed ({words}); noise alone makes it positive.",
                )
            )
            rows.append(
                Figure(
                    f"mce_{which}_{binning}",
                    f"MCE, {tail}",
                    "calibration",
                    "lower",
                    f"Largest gap of any bin ({words}); one sparse bin can make it.",
                )
            )
        for name, title, error in (("ece", "ECE", "absolute"), ("rmsce", "Root mean square CE", "squared")):
            rows.append(
                Figure(
                    f"{name}_debiased_{which}_mass",
                    f"{title} debiased, {short}, equal-mass bins",
                    "calibration",
                    "lower",
                    f"The {error} gap less what noise adds to it (Kumar 2019).",
                )
            )
    return rows


FIGURES: dict[str, Figure] = {
    figure.name: figure
    for figure in [
        Figure("auroc", "AUROC", "ranking", "higher", "Probability that a fake scores above a real."),
        Figure(
            "average_precision",
            "Average precision",
            "ranking",
            "higher",
            "Precision averaged over recall; guessing gives the share of fakes.",
        ),
        Figure("eer", "Equal error rate", "ranking", "lower", "Where false alarms and misses are equally frequent."),
        Figure(
            "tpr_at_fpr_1", "Hits at 1 % false alarms", "ranking", "higher", "Share of fakes found at 1 false alarm "
            "in 100 reals.",
        ),
        Figure(
            "tpr_at_fpr_10",
            "Hits at 10 % false alarms",
            "ranking",
            "higher",
            "Share of fakes found at 1 false alarm in 10 reals.",
        ),
        Figure(
            "partial_auroc",
            "Partial AUROC, up to 10 % false alarms",
            "ranking",
            "higher",
            "Area under the left of the ROC curve, standardised by McClish: .5 is guessing, 1 perfect.",
        ),
        Figure(
            "accuracy", "Accuracy", "threshold", "higher", "Share of items called correctly; moves with the share of "
            "fakes.",
        ),
        Figure("balanced_accuracy", "Balanced accuracy", "threshold", "higher", "Mean of recall and specificity."),
        Figure("precision", "Precision", "threshold", "higher", "Share of fakes among the items called fake."),
        Figure("recall", "Recall", "threshold", "higher", "Share of the fakes that are called fake."),
        Figure("specificity", "Specificity", "threshold", "higher", "Share of the reals that are called real."),
        Figure("f1", "F1", "threshold", "higher", "Harmonic mean of precision and recall; moves with base rate."),
        Figure("mcc", "Matthews correlation", "threshold", "higher", "Correlation of call and truth, -1 to 1."),
        Figure("brier", "Brier score", "probability", "lower", "Mean squared distance of p_fake from the truth."),
        Figure(
            "brier_reliability", "Brier: reliability", "probability", "lower", "Squared gap of stated and observed."
        ),
        Figure(
            "brier_resolution", "Brier: resolution", "probability", "higher", "How far the bins differ from the base "
            "rate.",
        ),
        Figure(
            "brier_uncertainty", "Brier: uncertainty", "probability", "", "Brier score of the base rate as the only "
            "answer.",
        ),
        Figure(
            "brier_within", "Brier: within bins", "probability", "", "The part inside the bins; with it the four "
            "parts add up.",
        ),
        Figure(
            "nll", "NLL", "probability", "lower", "Mean of -log p of the true label, in nats; one confident error "
            "costs much.",
        ),
        *_calibration(),
        Figure("aurc", "AURC", "selective", "lower", "Error among accepted items, averaged over coverage."),
        Figure("augrc", "AUGRC", "selective", "lower", "Accepted errors / all items, over coverage (Traub 2024)."),
    ]
}  # fmt: skip


def names(*kinds: Kind) -> tuple[str, ...]:
    """List metrics of the catalogue.

    Args:
        *kinds: Kinds that are wanted; none for all.

    Returns:
        Names in the order of the catalogue.
    """
    return tuple(name for name, figure in FIGURES.items() if not kinds or figure.kind in kinds)
