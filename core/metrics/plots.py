"""The PNG charts of a run: one chart a file, a title that says what to read, axes with units, counts shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from core.artifacts.files import atomic_path
from core.metrics.metrics import Confusion, auroc_of
from core.metrics.reliability import reliability
from core.metrics.sweep import Sweep, roc_points

INK, GREY, BLUE, ORANGE, RED = "#1f2933", "#9aa5b1", "#2563a8", "#c2660a", "#b3261e"
STYLE: dict[Any, Any] = {
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e7eb",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "font.size": 10,
    "legend.frameon": False,
}


@contextmanager
def drawing(path: Path, width: float, height: float) -> Iterator[Figure]:
    """Open a figure and save it as PNG at 144 dpi when the block ends; pyplot's global state is not touched.

    Args:
        path: The PNG file, written atomically.
        width: Inches.
        height: Inches.

    Yields:
        The figure to draw on.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        with atomic_path(path) as temporary:
            FigureCanvasAgg(figure).print_figure(temporary, dpi=144, format="png")


def draw_roc(
    path: Path, s: Sweep, at: Confusion, threshold: float = 0.5, interval: tuple[float, float] | None = None
) -> None:
    """Draw the ROC curve with the operating point `p_fake >= threshold`.

    Args:
        path: The PNG file.
        s: Counts at every threshold of any score that ranks; both classes are present.
        at: Counts at the threshold.
        threshold: Items with p_fake >= threshold are called fake.
        interval: 95 % interval of the AUROC, or None.
    """
    x, y, _ = roc_points(s)
    area = auroc_of(s)
    with drawing(path, 6.2, 5.6) as figure:
        axes = figure.add_subplot()
        between = f" (95 %: {interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
        axes.plot(x, y, color=BLUE, lw=2, label=f"AUROC {area:.3f}{between}")
        axes.plot([0, 1], [0, 1], color=GREY, ls="--", lw=1, label="guessing")
        point = at.fp / s.n_real, at.tp / s.n_fake
        axes.plot(*point, "o", color=ORANGE, ms=8, label=f"p_fake ≥ {threshold:g}: {point[1]:.1%} of fakes found")
        axes.set(xlabel="False alarms (share of reals called fake)", ylabel="Hits (share of fakes called fake)")
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
        axes.set_title(f"Nearer the top left is better\n{s.n_fake} fakes, {s.n_real} reals")
        axes.legend(loc="lower right")


def draw_confusion(path: Path, c: Confusion, classes: tuple[str, str], threshold: float = 0.5) -> None:
    """Draw the 2 x 2 counts, coloured by the share of each true class.

    Args:
        path: The PNG file.
        c: The counts.
        classes: Names of the real and the fake class.
        threshold: Items with p_fake >= threshold are called fake.
    """
    counts = np.array([[c.tn, c.fp], [c.fn, c.tp]])
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    with drawing(path, 5.4, 4.8) as figure:
        axes = figure.add_subplot()
        picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for i in range(2):
            for j in range(2):
                text = f"{counts[i, j]}\n{shares[i, j]:.1%}"
                axes.text(j, i, text, ha="center", va="center", color="white" if shares[i, j] > 0.55 else INK, size=13)
        names = [name.capitalize() for name in classes]
        axes.set(xticks=[0, 1], yticks=[0, 1], xticklabels=names, yticklabels=names)
        axes.set(xlabel=f"Called (fake when p_fake ≥ {threshold:g})", ylabel="Truth")
        axes.grid(False)
        axes.spines[:].set_visible(False)
        axes.set_title("The diagonal is right; shares are of each row")
        figure.colorbar(picture, ax=axes, label="Share of the true class", shrink=0.85)


def draw_reliability(
    path: Path, tables: Mapping[str, tuple[np.ndarray, np.ndarray]], n_bins: int = 15, note: str = ""
) -> None:
    """Draw one reliability diagram for each table: observed against stated frequency, with counts below.

    Args:
        path: The PNG file.
        tables: By title, (N,) p_fake and (N,) labels.
        n_bins: Equal-width bins.
        note: Title of the picture; empty for the usual sentence.
    """
    with drawing(path, 1.2 + 4.6 * len(tables), 6.2) as figure:
        grid = figure.subplots(2, len(tables), sharex=True, squeeze=False, gridspec_kw={"height_ratios": [3, 1]})
        for column, (name, (p, y)) in enumerate(tables.items()):
            bins = reliability(p, y, n_bins)
            filled = bins.count > 0
            stated, seen = bins.stated[filled], bins.observed[filled]
            spread = [np.maximum(seen - bins.low[filled], 0), np.maximum(bins.high[filled] - seen, 0)]
            top, bottom = grid[0, column], grid[1, column]
            top.plot([0, 1], [0, 1], color=GREY, ls="--", lw=1, label="perfect")
            top.errorbar(stated, seen, spread, fmt="o-", color=BLUE, ms=5, lw=1.5, elinewidth=1, label="with 95 % bars")
            gap = float(np.abs(seen - stated) @ bins.count[filled] / bins.count.sum())
            top.set(ylabel="Observed share of fakes", ylim=(-0.03, 1.03), xlim=(-0.02, 1.02))
            top.set_title(f"{name}: ECE {gap:.3f} (binary, {n_bins} equal-width bins)")
            top.legend(loc="upper left")
            for label, colour, hatch in ((0, BLUE, "real"), (1, ORANGE, "fake")):
                bottom.hist(p[y == label], bins=bins.edges, color=colour, alpha=0.55, label=hatch)
            bottom.set(xlabel="Stated p_fake", ylabel="Items")
            bottom.legend(loc="upper center", ncols=2, fontsize=8)
        figure.suptitle(note or "On the dashed line a stated 0.8 means that 80 % are fake", x=0.02, ha="left", size=12)


def draw_cascade(path: Path, s: Sweep, rows: list[dict[str, Any]]) -> None:
    """Draw filtration and leakage of stage 1 over all confidences of real, the listed thresholds with their intervals.

    Args:
        path: The PNG file.
        s: Counts at every threshold of p_fake.
        rows: Rows of `core.evaluate.thresholds.threshold_rows`.
    """
    confidence = np.concatenate((1 - np.logspace(np.log10(0.5), -3.3, 400), [1.0]))
    fakes, items = s.at_or_below(1 - confidence + 1e-12)
    with drawing(path, 7.6, 5.2) as figure:
        axes = figure.add_subplot()
        x = 1 - confidence[:-1]
        if s.n_real:
            axes.plot(x, (items - fakes)[:-1] / s.n_real, color=GREY, lw=1.2, label="reals released / all reals")
        axes.plot(x, items[:-1] / s.n, color=BLUE, lw=2, label="filtration: released / all")
        if s.n_fake:
            axes.plot(x, fakes[:-1] / s.n_fake, color=RED, lw=2, label="leakage: fakes released / all fakes")
        for name, colour in (("filtration", BLUE), ("leakage", RED)):
            for row in rows:
                cell = row[name]
                if cell["value"] is None or not 0 < row["threshold"] < 1:
                    continue
                at = 1 - row["threshold"]
                axes.plot(at, cell["value"], "o", color=colour, ms=6)
                if cell["low"] is not None:
                    axes.vlines(at, cell["low"], cell["high"], color=colour, lw=1.5)
        ticks = [0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.001]
        axes.set_xscale("log")
        axes.invert_xaxis()
        axes.set_xticks(ticks, [f"{1 - t:g}" for t in ticks])
        axes.minorticks_off()
        axes.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0))
        axes.set(xlabel="Confidence of real t: exits stage 1 when p_fake ≤ 1 - t", ylabel="Share", ylim=(-0.02, 1.02))
        axes.set_title(
            f"Stage 1 should release much (blue) and few fakes (red)\n{s.n_fake} fakes, {s.n_real} reals; bars: 95 %"
        )
        axes.legend(loc="upper right")
