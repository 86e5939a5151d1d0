"""What the page on experts reads: reports of `experts` jobs and of stack runs. JSON, Parquet and thumbnails only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from app.charts.scores import interval_text
from core.artifacts.files import read_json
from core.evaluate.experts.complementarity import FIGURES
from core.evaluate.experts.report import FACES, MEAN, REBUILT, REPORT, SAMPLES, STAGE3, read_report
from jobs.client import Workbench

TITLES = {MEAN: "Mean of all", STAGE3: "Stage 3 of the stack"}
HEADLINE = {"auroc": "AUROC", "f1": "F1 at 0.5", "ece_binary_width": "ECE", "brier": "Brier", "accuracy": "Accuracy"}


@dataclass(frozen=True)
class ExpertsReport:
    """One report with its folder. `title` is what a list shows."""

    folder: Path
    document: dict[str, Any]

    @property
    def title(self) -> str:
        """How a list shows it."""
        d = self.document
        return f"{self.folder.name}: {len(d['members'])} experts on {d['dataset']} ({d['split']})"

    @property
    def names(self) -> list[str]:
        return [member["name"] for member in self.document["members"]]

    def title_of(self, name: str) -> str:
        """A member as a person calls it; the run's name when two share a title."""
        members = {member["name"]: member for member in self.document["members"]}
        if name not in members:
            return TITLES.get(name, name)
        titles = [member["title"] for member in members.values()]
        title = members[name]["title"]
        return title if titles.count(title) == 1 else f"{title}: {members[name]['run']}"

    def samples(self) -> pd.DataFrame:
        """Columns right, wrong, sample_id, label, p_right, p_wrong, margin; the widest apart first in each list."""
        path = self.folder / SAMPLES
        return _table(path, path.stat().st_mtime)

    def face(self, sample_id: str) -> Path | None:
        """The kept picture of an item, if it is among those kept."""
        path = self.folder / FACES / f"{sample_id}.jpg"
        return path if path.is_file() else None

    def rebuilt(self, sample_id: str) -> list[tuple[str, Path]]:
        """(member, picture) of every kept reconstruction of an item."""
        places = [(name, self.folder / REBUILT / name / f"{sample_id}.jpg") for name in self.names]
        return [(name, path) for name, path in places if path.is_file()]


@lru_cache(maxsize=8)
def _table(path: Path, changed: float) -> pd.DataFrame:
    return pd.read_parquet(path)


def experts_reports(workbench: Workbench) -> list[ExpertsReport]:
    """Every report that is still on disk, newest first."""
    found = [item.path for item in workbench.artifacts("experts") if (item.path / REPORT).is_file()]
    return [ExpertsReport(path, read_report(path)) for path in found]


def alone_table(report: ExpertsReport) -> pd.DataFrame:
    """One row an expert (then mean and stage 3): HEADLINE figures as text with intervals."""
    rows = []
    for name, found in report.document["alone"].items():
        shown = {title: interval_text(found["metrics"][key]) for key, title in HEADLINE.items()}
        rows.append({"expert": report.title_of(name), **shown})
    return pd.DataFrame(rows)


def source_rows(report: ExpertsReport) -> pd.DataFrame:
    """Columns expert, source, auroc, items, fakes: for a heat map by source."""
    rows = [
        {
            "expert": report.title_of(name),
            "source": source,
            "auroc": f["auroc"],
            "items": f["items"],
            "fakes": f["fakes"],
        }
        for name, found in report.document["alone"].items()
        for source, f in found["by_source"].items()
    ]
    return pd.DataFrame(rows)


def source_table(report: ExpertsReport) -> pd.DataFrame:
    """One row a source and expert: AUROC, F1, ECE as text with intervals. Empty where the last two are missing."""
    titles = (("auroc", "AUROC", "interval"), ("f1", "F1 at 0.5", "f1_interval"), ("ece", "ECE", "ece_interval"))
    rows = []
    for name, found in report.document["alone"].items():
        for source, row in found["by_source"].items():
            if "ece" not in row:
                return pd.DataFrame()
            line = {"source": source, "expert": report.title_of(name), "items": row["items"], "fakes": row["fakes"]}
            for key, title, between in titles:
                low, high = row[between] or (None, None)
                line[title] = interval_text({"value": row[key], "low": low, "high": high})
            rows.append(line)
    return pd.DataFrame(rows).sort_values("source", kind="stable")


def pair_rows(report: ExpertsReport, figure: str) -> pd.DataFrame:
    """Both halves of the matrix of one of FIGURES: columns a, b, value, low, high, both_wrong, only_a, only_b."""
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
    """One row a part of an embedding: source (its name), value, low, high of the probe, silhouettes, dimensions, n."""
    rows = []
    for name, parts in report.document["embeddings"].items():
        for part, found in parts.items():
            title = (
                report.title_of(name) if part == "embedding" else f"{report.title_of(name)}: {part.replace('_', ' ')}"
            )
            rows.append(
                {
                    "source": title,
                    **found["probe"],
                    "by label": found["silhouette_label"],
                    "by source, inside a label": found["silhouette_source"],
                    "dimensions": found["dimensions"],
                    "n": found["items"],
                }
            )
    return pd.DataFrame(rows)


def stack_reports(workbench: Workbench) -> dict[str, dict[str, Any]]:
    """stack_report.json by name of the stack run, newest first, members by their titles."""
    found = {item.name: item.path / "stack_report.json" for item in workbench.artifacts("run")}
    return {name: titled(read_json(path)) for name, path in found.items() if path.is_file()}


def titled(report: dict[str, Any]) -> dict[str, Any]:
    """A stack's report whose ways and features call members by their titles, as reports of long ago did not."""
    titles = {member["name"]: member["title"] for member in report.get("members", [])}

    def called(words: str) -> str:
        name, colon, rest = words.partition(":")
        return f"{titles.get(name, name)}{colon}{rest}"

    ways = {key: [row | {"name": called(row["name"])} for row in report[key]]
            for key in ("comparison", "left_out") if report.get(key)}  # fmt: skip
    features = {key: {called(what): value for what, value in report[key].items()}
                for key in ("importance", "permutation") if report.get(key)}  # fmt: skip
    return report | ways | features
