"""Read the reports of `experts` jobs and of stack runs, and lay them out as rows for tables and charts."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from app.charts.scores import interval_text
from core.artifacts.files import read_json
from core.evaluate.experts.complementarity import FIGURES
from core.evaluate.experts.report import FACES, MEAN, REBUILT, REPORT, SAMPLES, STAGE3, read_report
from jobs.client import Workbench

GROUP_TITLES = {MEAN: "Mean of all", STAGE3: "Stage 3 of the stack"}
HEADLINE = {"auroc": "AUROC", "f1": "F1 at 0.5", "ece_binary_width": "ECE", "brier": "Brier", "accuracy": "Accuracy"}


@dataclass(frozen=True)
class ExpertsReport:
    """One report on experts.

    Attributes:
        folder: Where the report and its pictures are.
        document: experts_report.json.
        computed_samples: The items of `samples`, of a report that is computed from scores alone; None: they are a file.
    """

    folder: Path
    document: dict[str, Any]
    computed_samples: pd.DataFrame | None = field(default=None, compare=False, repr=False)

    @property
    def title(self) -> str:
        """What a list shows."""
        d = self.document
        return f"{self.folder.name}: {len(d['members'])} experts on {d['dataset']} ({d['split']})"

    @property
    def from_scores_alone(self) -> bool:
        """Whether it was computed without weights and pictures, from saved scores."""
        return self.computed_samples is not None

    @property
    def names(self) -> list[str]:
        """The names of the experts."""
        return [member["name"] for member in self.document["members"]]

    def title_of(self, name: str) -> str:
        """Return the title of an expert, with the name of its run where two experts share a title."""
        members = {member["name"]: member for member in self.document["members"]}
        if name not in members:
            return GROUP_TITLES.get(name, name)
        titles = [member["title"] for member in members.values()]
        title = members[name]["title"]
        return title if titles.count(title) == 1 else f"{title}: {members[name]['run']}"

    def samples(self) -> pd.DataFrame:
        """Read the items that one expert calls rightly and another wrongly, the largest difference first.

        Returns:
            Columns right, wrong, sample_id, label, p_right, p_wrong, margin.
        """
        if self.computed_samples is not None:
            return self.computed_samples
        path = self.folder / SAMPLES
        return _table(path, path.stat().st_mtime)

    def face(self, sample_id: str) -> Path | None:
        """Find the saved picture of an item; None where it was not saved."""
        path = self.folder / FACES / f"{sample_id}.jpg"
        return path if path.is_file() else None

    def rebuilt(self, sample_id: str) -> list[tuple[str, Path]]:
        """List (expert, picture) for every saved reconstruction of an item."""
        places = [(name, self.folder / REBUILT / name / f"{sample_id}.jpg") for name in self.names]
        return [(name, path) for name, path in places if path.is_file()]


@lru_cache(maxsize=8)
def _table(path: Path, changed: float) -> pd.DataFrame:
    return pd.read_parquet(path)


def experts_reports(workbench: Workbench) -> list[ExpertsReport]:
    """List the reports that are still on disk, newest first."""
    folders = [item.path for item in workbench.artifacts("experts") if (item.path / REPORT).is_file()]
    return [ExpertsReport(folder, read_report(folder)) for folder in folders]


def alone_table(report: ExpertsReport) -> pd.DataFrame:
    """Lay out HEADLINE figures with intervals as text: a row for each expert, then the mean and stage 3."""
    rows = []
    for name, figures in report.document["alone"].items():
        shown = {title: interval_text(figures["metrics"][key]) for key, title in HEADLINE.items()}
        rows.append({"expert": report.title_of(name), **shown})
    return pd.DataFrame(rows)


def source_rows(report: ExpertsReport) -> pd.DataFrame:
    """Lay out the AUROC by source for a matrix: columns expert, source, auroc, items, fakes."""
    rows = [
        {
            "expert": report.title_of(name),
            "source": source,
            "auroc": f["auroc"],
            "items": f["items"],
            "fakes": f["fakes"],
        }
        for name, figures in report.document["alone"].items()
        for source, f in figures["by_source"].items()
    ]
    return pd.DataFrame(rows)


def source_table(report: ExpertsReport) -> pd.DataFrame:
    """Lay out AUROC, F1 and ECE by source and expert as text; empty where the report does not hold the last two."""
    titles = (("auroc", "AUROC", "interval"), ("f1", "F1 at 0.5", "f1_interval"), ("ece", "ECE", "ece_interval"))
    rows = []
    for name, figures in report.document["alone"].items():
        for source, row in figures["by_source"].items():
            if "ece" not in row:
                return pd.DataFrame()
            line = {"source": source, "expert": report.title_of(name), "items": row["items"], "fakes": row["fakes"]}
            for key, title, between in titles:
                low, high = row[between] or (None, None)
                line[title] = interval_text({"value": row[key], "low": low, "high": high})
            rows.append(line)
    return pd.DataFrame(rows).sort_values("source", kind="stable")


def pair_rows(report: ExpertsReport, figure: str) -> pd.DataFrame:
    """Lay out both halves of the matrix of one figure of a pair.

    Args:
        report: The report.
        figure: One of `core.evaluate.experts.complementarity.FIGURES`.

    Returns:
        Columns a, b, value, low, high, both_wrong, only_a, only_b.

    Raises:
        ValueError: There is no such figure.
    """
    if figure not in FIGURES:
        raise ValueError(f"unknown figure {figure!r}; known: {', '.join(FIGURES)}")
    rows = []
    for pair in report.document["pairs"]:
        for a, b, turned in ((pair["a"], pair["b"], False), (pair["b"], pair["a"], True)):
            only = (pair["only_a_right"], pair["only_b_right"])
            rows.append(
                {
                    "a": report.title_of(a),
                    "b": report.title_of(b),
                    **pair[figure],
                    "both_wrong": pair["both_wrong"],
                    "only_a": only[turned],
                    "only_b": only[not turned],
                }
            )
    return pd.DataFrame(rows)


def embedding_rows(report: ExpertsReport) -> pd.DataFrame:
    """Lay out the quality of every embedding.

    Args:
        report: The report.

    Returns:
        Columns source (the name of the embedding), value, low, high (AUROC of the linear probe), the two silhouettes,
        dimensions, n.
    """
    rows = []
    for name, parts in report.document["embeddings"].items():
        for part, quality in parts.items():
            title = (
                report.title_of(name) if part == "embedding" else f"{report.title_of(name)}: {part.replace('_', ' ')}"
            )
            rows.append(
                {
                    "source": title,
                    **quality["probe"],
                    "by label": quality["silhouette_label"],
                    "by source, within a label": quality["silhouette_source"],
                    "dimensions": quality["dimensions"],
                    "n": quality["items"],
                }
            )
    return pd.DataFrame(rows)


def stack_reports(workbench: Workbench) -> dict[str, dict[str, Any]]:
    """Read stack_report.json by the name of the stack run, newest first, with the members' titles."""
    paths = {item.name: item.path / "stack_report.json" for item in workbench.artifacts("run")}
    return {name: titled(read_json(path)) for name, path in paths.items() if path.is_file()}


def titled(report: dict[str, Any]) -> dict[str, Any]:
    """Put the members' titles into a stack's report; early reports hold their names."""
    titles = {member["name"]: member["title"] for member in report.get("members", [])}

    def called(words: str) -> str:
        name, colon, rest = words.partition(":")
        return f"{titles.get(name, name)}{colon}{rest}"

    ways = {key: [row | {"name": called(row["name"])} for row in report[key]]
            for key in ("comparison", "left_out") if report.get(key)}  # fmt: skip
    features = {key: {called(what): value for what, value in report[key].items()}
                for key in ("importance", "permutation") if report.get(key)}  # fmt: skip
    return report | ways | features
