"""Job kind `experts`: measures what each expert adds to the others, and where they disagree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.artifacts.workspace import Workspace
from core.evaluate.experts.spec import ExpertsSpec
from core.progress import Reporter, Within
from jobs.kind import JobContext, JobKind, JobResult, Produced, kinds
from jobs.workspace.runs import run_name


def judge_experts(spec: ExpertsSpec, workspace: Workspace, folder: Path, report: Reporter) -> dict[str, Any]:
    """Score the experts with their networks, compare them, and write the report.

    Args:
        spec: The stack or the runs, the data set and the split.
        workspace: Where runs and data sets are found.
        folder: Receives experts_report.json (last), predictions.parquet, samples.parquet, faces/ and reconstructions/.
        report: Receives the progress.

    Returns:
        experts_report.json.

    Raises:
        FileNotFoundError: There is no such run, calibrator or data set.
        ValueError: There is no such split, weights have changed since a stack was fitted, or a run is named twice.
    """
    import numpy as np

    from core.artifacts.finding import find_run_folder
    from core.data.manifest.open import open_dataset
    from core.evaluate.experts import report as reports
    from core.evaluate.experts.embedding_quality import sample_rows
    from core.evaluate.experts.reconstruction_quality import compare_all
    from core.evaluate.experts.scores import ExpertScores, expert_calibrator, stage3_scores
    from core.models.inference import expert_scores

    experts = expert_scores.expert_runs(spec.stack, spec.runs, workspace)
    dataset = experts[0].run.dataset(spec.dataset)
    manifest = open_dataset(dataset, workspace).select(spec.split)
    most = spec.reconstruction_items
    rebuilt_rows = sample_rows(len(manifest.frame), most, spec.seed) if most else np.empty(0, np.int64)
    scores: dict[str, ExpertScores] = {}
    members = []
    for i, expert in enumerate(experts):
        step = Within(report, 0.8 * i / len(experts), 0.8 * (i + 1) / len(experts))
        step.progress(0.0, f"Scoring with {expert.name}")
        calibrator, source = expert_calibrator(expert.name, expert.run.folder, expert.stack)
        raw = expert_scores.score_expert(
            expert, manifest, rebuilt_rows, compare_all, workspace,
            batch_size=spec.batch_size, device=spec.device, report=step,
        )  # fmt: skip
        scores[expert.name] = ExpertScores(
            calibrator.transform(raw.log_odds), raw.log_odds, raw.parts, raw.rebuilt_rows, raw.measures,
            calibrator.calibrated_log_odds(raw.log_odds),
        )  # fmt: skip
        members.append(expert_scores.describe_expert(expert) | {"calibrated": source})
    report.progress(0.82, "Computing figures and intervals")
    stage3 = None
    if spec.stack:
        stage3 = stage3_scores(find_run_folder(spec.stack, workspace), spec.split, manifest.frame["sample_id"])
    document = reports.assemble(spec, dataset, manifest.fingerprint(), manifest.frame, scores, stage3)
    document["members"] = members
    report.progress(0.95, "Writing the samples on which experts disagree")
    samples = reports.disagreements({name: of.p for name, of in scores.items()}, manifest.frame)
    shown = np.unique(samples.groupby(["right", "wrong"]).head(spec.pictures)["row"].to_numpy(np.int64))
    expert_scores.keep_faces(manifest, shown, folder / reports.FACES)
    for expert in experts:
        if scores[expert.name].measures is not None and len(shown):
            target = folder / reports.REBUILT / expert.name
            expert_scores.keep_reconstructions(expert, manifest, shown, target, workspace, spec.batch_size)
    reports.write_report(folder, spec, document, manifest.frame, scores, samples)
    report.progress(1.0, f"Judged {len(experts)} experts on {spec.split}")
    return document


def run(spec: ExpertsSpec, context: JobContext) -> JobResult:
    folder = context.workspace.experts / run_name(spec.name, "experts", context)
    report = judge_experts(spec, context.workspace, folder, context.report)
    summary = {
        "members": [item["name"] for item in report["members"]],
        "stack": spec.stack,
        "dataset": report["dataset"],
        "split": spec.split,
        "items": report["n"],
        "oracle_gain": report["together"]["gain"]["value"],
    }
    item = Produced("experts", folder.name, str(folder), summary)
    count = len(summary["members"])
    return JobResult(f"{count} experts are judged on {spec.split}.", {"report": folder.name, **summary}, [item])


kinds.add(
    "experts",
    JobKind(
        "experts",
        "Experts",
        "Compare experts: each alone, in pairs, by embeddings and by reconstructions.",
        ExpertsSpec,
        run,
    ),
)
