"""Figures of one epoch: what the log's row holds."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import f1_score, roc_auc_score


def validation_figures(log_odds: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Compute the figures of an epoch.

    Args:
        log_odds: (N,) log-odds of fake.
        labels: (N,) 1 = fake.

    Returns:
        val_loss (cross-entropy), val_accuracy and val_f1 at p_fake 0.5, and val_auroc.

    Raises:
        ValueError: There is one class only.
    """
    if len(np.unique(labels)) < 2:
        raise ValueError("the split val_select holds one class only: AUROC does not exist; prepare other splits")
    log_odds = log_odds.astype(np.float64)
    loss = np.logaddexp(0.0, np.where(labels == 1, -log_odds, log_odds)).mean()
    guess = log_odds > 0
    return {
        "val_loss": float(loss),
        "val_accuracy": float((guess == labels).mean()),
        "val_auroc": float(roc_auc_score(labels, log_odds)),
        "val_f1": float(f1_score(labels, guess, zero_division=0)),
    }


def best_row(rows: list[dict[str, float]]) -> int:
    """Find the epoch that is kept: the best val_auroc and, of equals, the lowest val_loss.

    Args:
        rows: Figures of the epochs.

    Returns:
        Index of the row.
    """
    return max(range(len(rows)), key=lambda index: (rows[index]["val_auroc"], -rows[index]["val_loss"]))


def validation_row(epoch: int, sums: Any, figures: dict[str, float], lr: float) -> dict[str, float]:
    """Assemble one row of training_log.csv.

    Args:
        epoch: Number of the epoch, from 0.
        sums: Running sums of the epoch (core/train/loop.py).
        figures: Of `validation_figures`.
        lr: Learning rate at the end of the epoch.

    Returns:
        The row; epochs count from 1.
    """
    items = max(1, sums.items)
    return {
        "epoch": epoch + 1,
        "train_loss": sums.loss / items,
        "train_accuracy": sums.correct / items,
        **figures,
        "lr": lr,
        "seconds": round(sums.seconds, 3),
        **{f"train_{name}": value / items for name, value in sums.parts.items()},
    }
