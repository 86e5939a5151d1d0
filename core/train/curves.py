"""The training log as a table and as a picture."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from core.artifacts.files import atomic_path, write_text


def write_log(path: Path, rows: list[dict[str, float]]) -> None:
    """Write training_log.csv: one row for each epoch, columns in the order of the first row.

    Args:
        path: The file.
        rows: Figures of the epochs.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def draw_curves(path: Path, rows: list[dict[str, float]], best_epoch: int) -> None:
    """Draw training_curves.png: losses, and validation AUROC, F1 and accuracies, over epochs.

    Args:
        path: The file.
        rows: Figures of the epochs.
        best_epoch: The epoch that is kept, counted from 0.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    epochs = [row["epoch"] for row in rows]
    figure = Figure(figsize=(10, 4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    losses, scores = figure.subplots(1, 2)
    for axes, names, label in (
        (losses, ("train_loss", "val_loss"), "loss"),
        (scores, ("val_auroc", "val_f1", "val_accuracy", "train_accuracy"), "share"),
    ):
        for name in names:
            axes.plot(epochs, [row[name] for row in rows], marker=".", label=name.replace("_", " "))
        axes.axvline(best_epoch + 1, color="grey", linestyle=":", label="kept")
        axes.set(xlabel="epoch", ylabel=label)
        axes.grid(alpha=0.3)
        axes.legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")
