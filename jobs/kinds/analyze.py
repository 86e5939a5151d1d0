"""Job kind `analyze`: images and clips judged by a bundle that stays loaded from one job to the next."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from core.analysis.spec import AnalyzeSpec
from core.artifacts.finding import find_bundle, find_policy
from core.media.types import MediaRejected
from core.progress import Reporter
from jobs.kind import JobContext, JobKind, JobResult, Produced, kinds
from jobs.settings import Settings

PASSING = {"timeout", "out_of_memory", "not_found"}
"""Codes of refusals that may be the moment's: the machine was busy, or the file was gone."""

# The one Analyzer of this process, under what it was built from: a model is never held twice.
_loaded: tuple[tuple[Any, ...], Any] | None = None


def analyzer_for(bundle: Path, policy: Path | None, device: str) -> Any:
    """The Analyzer of (bundle, device), built when it is not the one held already, with the policy's exits.

    device `auto`: what AWARE_DEVICE says, so that a job finds the bundle that was loaded before it came.
    The key holds bundle.json's time and size, so that a bundle exported anew under its name is loaded anew.
    """
    from core.analysis.analyze import Analyzer
    from core.documents.read import read_policy

    global _loaded
    if device == "auto":
        device = Settings.read().device
    stat = (bundle / "bundle.json").stat()
    key = (bundle.resolve(), stat.st_mtime_ns, stat.st_size, device)
    if _loaded is None or _loaded[0] != key:
        import torch

        # Sums in a network depend on how many threads share them: page, demo and command must use the same number.
        torch.set_num_threads(Settings.read().analyze_threads)
        _loaded = None  # the old one leaves memory before the new one enters
        _loaded = (key, Analyzer(bundle, device=device))
    analyzer = _loaded[1]
    analyzer.use_policy(read_policy(policy) if policy is not None else None)
    return analyzer


class _OneOfMany:
    """Scales one file's progress into the whole job's."""

    def __init__(self, report: Reporter, index: int, count: int, name: str) -> None:
        self.report, self.index, self.count = report, index, count
        self.prefix = f"{name}: " if count > 1 else ""
        self.metric, self.part = report.metric, report.part

    def progress(self, fraction: float, message: str) -> None:
        self.report.progress((self.index + fraction) / self.count, f"{self.prefix}{message}")


def run(spec: AnalyzeSpec, context: JobContext) -> JobResult:
    """Judge every file. A file that is rejected does not stop the others and does not fail the job: trying again would
    say the same. Only where no file was judged and a reason may pass (PASSING), that is raised, so that it can be
    tried again.
    """
    bundle = find_bundle(spec.bundle, context.workspace)
    policy = find_policy(spec.policy, context.workspace) if spec.policy else None
    context.report.progress(0.0, "Loading the bundle")
    analyzer = analyzer_for(bundle, policy, spec.device)
    documents, rejected, produced = [], [], []
    passing: MediaRejected | None = None
    for index, name in enumerate(spec.files):
        path = Path(name)
        if not path.is_file():
            raise FileNotFoundError(f"{path} is not there (any more)")
        home = context.workspace.analyses / context.folder.name
        out = home if len(spec.files) == 1 else home / str(index)
        shutil.rmtree(out, ignore_errors=True)  # what an attempt that was cut off left behind
        out.mkdir(parents=True)
        try:
            report = _OneOfMany(context.report, index, len(spec.files), path.name)
            analysis = analyzer.analyze(path, spec, out, report)
        except MediaRejected as error:
            shutil.rmtree(out)
            passing = passing or (error if error.code in PASSING else None)
            rejected.append({"file": str(path), "code": error.code, "sentence": error.sentence})
            continue
        document = analysis.model_dump(mode="json")
        context.report.part(document)
        documents.append(document)
        name = context.folder.name if len(spec.files) == 1 else f"{context.folder.name}-{index}"
        produced.append(Produced("analysis", name, str(out), summary(document)))
    if passing is not None and not documents:
        raise passing
    return JobResult(_message(documents, rejected), {"analyses": documents, "rejected": rejected}, produced)


def _message(documents: list[dict[str, Any]], rejected: list[dict[str, str]]) -> str:
    if len(documents) == 1 and not rejected:
        return f"{documents[0]['file_name']}: {documents[0]['verdict'].replace('_', ' ')}."
    if len(rejected) == 1 and not documents:
        return f"{Path(rejected[0]['file']).name}: not analysed. {rejected[0]['sentence']}"
    tail = f", {len(rejected)} rejected" if rejected else ""
    return f"{len(documents)} files judged{tail}."


def summary(document: dict[str, Any]) -> dict[str, Any]:
    """What a list of analyses shows."""
    names = ("file_name", "sha256", "verdict", "p_fake", "decided_by", "bundle")
    return {name: document[name] for name in names} | {"kind": document["media"].get("kind")}


kinds.add(
    "analyze",
    JobKind(
        "analyze",
        "Analyze",
        "Judge images and clips with a bundle: verdict, the stage that decided, evidence.",
        AnalyzeSpec,
        run,
        pool="analyze",
    ),
)
