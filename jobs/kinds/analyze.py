"""Job kind `analyze`: images and clips judged by a bundle that stays loaded from one job to the next."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.analysis.spec import AnalyzeSpec
from core.artifacts.files import read_json, write_json, write_text
from core.artifacts.finding import find_bundle, find_policy
from core.documents.analysis import DOCUMENT, Analysis
from core.media.types import MediaRejected
from core.progress import Reporter, Within
from jobs.kind import JobContext, JobKind, JobResult, Produced, kinds
from jobs.settings import Settings

if TYPE_CHECKING:  # torch is loaded where a bundle is
    from core.analysis.analyze import Analyzer

REJECTED = "rejected.json"
"""In the job's own folder: the files that were rejected so far."""
TRANSIENT_CODES = {"timeout", "out_of_memory", "not_found"}
"""Codes of refusals that may be due to the moment: the machine was busy, or the file was gone."""
ENDED_EARLY = "The analysis ended early. The verdict is final; part of the evidence is missing."

# The one Analyzer of this process, under what it was built from: a model is never held twice.
_loaded: tuple[tuple[Any, ...], Analyzer] | None = None


def analyzer_for(bundle: Path, policy: Path | None, device: str) -> Analyzer:
    """Return the Analyzer of a bundle, and open and load the bundle when it is not the one that is held already.

    Args:
        bundle: Folder of the bundle. One that was exported anew under its name is loaded anew: the time and size of
            bundle.json tell.
        policy: Policy file; None: the bundle's own.
        device: auto, cpu, cuda or cuda:N. `auto` means AWARE_DEVICE, so that a job finds the bundle that was loaded
            before it came.

    Returns:
        The Analyzer with the policy's exits.

    Raises:
        BundleError: Bundle or policy are refused.
        FileNotFoundError: There is no bundle.
        OtherScores: The policy belongs to other detectors.
    """
    from core.analysis.analyze import Analyzer
    from core.bundles.bundle import open_bundle
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
        _loaded = (key, Analyzer(open_bundle(bundle), device=device))
    analyzer = _loaded[1]
    analyzer.use_policy(read_policy(policy) if policy is not None else None)
    return analyzer


class _FileReporter(Within):
    """Scales the progress of one file into that of the job, and names the file when there are several."""

    def __init__(self, report: Reporter, index: int, count: int, name: str) -> None:
        super().__init__(report, index / count, (index + 1) / count)
        self._prefix = f"{name}: " if count > 1 else ""

    def progress(self, fraction: float, message: str) -> None:
        super().progress(fraction, f"{self._prefix}{message}")


def run(spec: AnalyzeSpec, context: JobContext) -> JobResult:
    """Judge every file.

    A file that is rejected neither stops the others nor fails the job: trying again would give the same answer. Only
    when no file was judged and a refusal is due to the moment (TRANSIENT_CODES), it is raised, so that the job can be
    tried again.

    Args:
        spec: Files, bundle, policy and options.
        context: Of the job. Its clock stands still while the bundle loads; the evidence of a file may take that file's
            share of the time that is left.

    Returns:
        The documents and the rejected files.

    Raises:
        FileNotFoundError: A file, the bundle or the policy does not exist.
        MediaRejected: See above.
    """
    bundle = find_bundle(spec.bundle, context.workspace)
    policy = find_policy(spec.policy, context.workspace) if spec.policy else None
    context.report.progress(0.0, "Loading the bundle")
    with context.clock.paused():
        analyzer = analyzer_for(bundle, policy, spec.device)
    shutil.rmtree(_home(context), ignore_errors=True)  # what an attempt that was ended left behind
    write_json(context.folder / REJECTED, [])
    documents: dict[int, dict[str, Any]] = {}
    rejected: list[dict[str, str]] = []
    transient: MediaRejected | None = None
    for index, name in enumerate(spec.files):
        path = Path(name)
        if not path.is_file():
            raise FileNotFoundError(f"{path} no longer exists")
        out = _folder(spec, context, index)
        out.mkdir(parents=True)
        report = _FileReporter(context.report, index, len(spec.files), path.name)
        seconds_left = _share_of_time(context.clock.seconds_left, len(spec.files) - index)
        try:
            documents[index] = analyzer.analyze(path, spec, out, report, seconds_left).model_dump(mode="json")
        except MediaRejected as error:
            shutil.rmtree(out)
            transient = transient or (error if error.code in TRANSIENT_CODES else None)
            rejected.append({"file": str(path), "code": error.code, "sentence": error.sentence})
            write_json(context.folder / REJECTED, rejected)
            continue
        context.report.part(documents[index])
    if transient is not None and not documents:
        raise transient
    return _result(spec, context, documents, rejected)


def result_of_part(spec: AnalyzeSpec, part: Mapping[str, Any], context: JobContext) -> JobResult | None:
    """Return the result of a job whose process ended while it drew the evidence of its last file.

    The analysis stores its verdict before the evidence, so every document that lies in its folder holds a verdict.

    Args:
        spec: Of the job.
        part: The newest partial document; the stored ones are read instead, because they may be newer.
        context: Of the job that has ended.

    Returns:
        The result, with a warning in each document that is not complete; None when a file has no verdict yet.
    """
    rejected = read_json(context.folder / REJECTED) if (context.folder / REJECTED).is_file() else []
    documents: dict[int, dict[str, Any]] = {}
    for index, name in enumerate(spec.files):
        path = _folder(spec, context, index) / DOCUMENT
        if not path.is_file():
            if str(Path(name)) not in {item["file"] for item in rejected}:
                return None
            continue
        analysis = Analysis.model_validate(read_json(path))
        if not analysis.complete:
            warnings = [*analysis.warnings, ENDED_EARLY]
            analysis = analysis.model_copy(update={"complete": True, "warnings": warnings})
            write_text(path, analysis.model_dump_json(indent=2) + "\n")
        documents[index] = analysis.model_dump(mode="json")
    return _result(spec, context, documents, rejected) if documents else None


def _home(context: JobContext) -> Path:
    return context.workspace.analyses / context.folder.name


def _folder(spec: AnalyzeSpec, context: JobContext, index: int) -> Path:
    """Folder of the document and pictures of one file."""
    return _home(context) if len(spec.files) == 1 else _home(context) / str(index)


def _share_of_time(seconds_left: Callable[[], float | None], files: int) -> Callable[[], float | None]:
    """The seconds left for one of `files` files, each of which may take as much as the others."""
    left = seconds_left()
    for_the_others = 0.0 if left is None else left * (files - 1) / files

    def share() -> float | None:
        left = seconds_left()
        return None if left is None else left - for_the_others

    return share


def _result(
    spec: AnalyzeSpec, context: JobContext, documents: Mapping[int, dict[str, Any]], rejected: list[dict[str, str]]
) -> JobResult:
    """The job's result from the documents by index of their file."""
    produced = []
    for index, document in documents.items():
        name = context.folder.name if len(spec.files) == 1 else f"{context.folder.name}-{index}"
        produced.append(Produced("analysis", name, str(_folder(spec, context, index)), summary(document)))
    analyses = list(documents.values())
    return JobResult(_message(analyses, rejected), {"analyses": analyses, "rejected": rejected}, produced)


def _message(documents: list[dict[str, Any]], rejected: list[dict[str, str]]) -> str:
    if len(documents) == 1 and not rejected:
        return f"{documents[0]['file_name']}: {documents[0]['verdict'].replace('_', ' ')}."
    if len(rejected) == 1 and not documents:
        return f"{Path(rejected[0]['file']).name}: not analysed. {rejected[0]['sentence']}"
    tail = f", {len(rejected)} rejected" if rejected else ""
    return f"{len(documents)} files judged{tail}."


def summary(document: dict[str, Any]) -> dict[str, Any]:
    """Take from a document what a list of analyses shows.

    Args:
        document: An Analysis as JSON.

    Returns:
        Name, hash and kind of the file, verdict, p_fake, stage and bundle.
    """
    names = ("file_name", "sha256", "verdict", "p_fake", "decided_by", "bundle")
    return {name: document[name] for name in names} | {"kind": document["media"].get("kind")}


kinds.add(
    "analyze",
    JobKind(
        "analyze",
        "Analyze",
        "Analyze pictures and clips with a bundle: verdict, the stage that decides, evidence.",
        AnalyzeSpec,
        run,
        pool="analyze",
        result_of_part=result_of_part,
    ),
)
