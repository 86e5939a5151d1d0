"""Job kind `evidence`: tests the heat maps of runs or of a bundle on faces with planted artefacts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.artifacts.finding import find_bundle
from core.explain.spec import EvidenceSpec
from jobs.kind import JobContext, JobKind, JobResult, Produced, kinds
from jobs.workspace.runs import produced_run, run_name

if TYPE_CHECKING:
    from core.models.detector import Detector


def run(spec: EvidenceSpec, context: JobContext) -> JobResult:
    """Test the heat maps. A run's report goes into its folder, a bundle's into a new one: bundles do not change."""
    from core.artifacts.files import write_json
    from core.data.manifest.open import open_dataset
    from core.explain.planted import REPORT, document, judge_maps, real_faces
    from core.models.inference.run import find_run
    from core.progress import Within

    workspace = context.workspace
    dataset = spec.dataset or find_run(spec.runs[0], workspace).dataset()
    manifest = open_dataset(dataset, workspace).select(spec.split)
    faces = real_faces(manifest, spec.items, spec.seed)
    asked = _members(spec, context)
    own = None if spec.runs else workspace.experts / run_name(spec.name, "evidence", context)
    experts, items = [], []
    for i, (name, title, detector, folder) in enumerate(asked):
        step = Within(context.report, i / len(asked), (i + 1) / len(asked))
        experts.append(judge_maps(name, title, detector, faces, spec, step))
        if folder is not None:
            write_json(folder / REPORT, document(spec, manifest, dataset, experts[-1:]))
            items.append(produced_run(folder))
    if own is not None:
        own.mkdir(parents=True, exist_ok=True)
        write_json(own / REPORT, document(spec, manifest, dataset, experts))
        summary = {
            "members": [name for name, *_ in asked],
            "bundle": spec.bundle,
            "dataset": dataset,
            "kind": "evidence",
        }
        items.append(Produced("experts", own.name, str(own), summary))
    context.report.progress(1.0, "The heat maps are tested")
    lines = [f"{e['title']}, {r['plant']}, {r['method']}: {r['reading']}" for e in experts for r in e["rows"]]
    values = {"experts": experts, "readings": lines, "folder": str(own) if own else ""}
    return JobResult("\n".join([f"{len(faces)} faces got a patch.", *lines]), values, items)


def _members(spec: EvidenceSpec, context: JobContext) -> list[tuple[str, str, Detector, Path | None]]:
    """Return (name, title, detector, folder of the run or None) of each expert."""
    from core.bundles.bundle import open_bundle
    from core.bundles.load import load_bundle
    from core.models.inference.run import find_run
    from core.models.inference.scoring import pick_device
    from core.models.registry import detectors

    if spec.bundle:
        loaded = load_bundle(open_bundle(find_bundle(spec.bundle, context.workspace)), spec.device)
        return [(member.name, member.title, member.detector, None) for member in loaded.members]
    device = str(pick_device(spec.device))
    members: list[tuple[str, str, Detector, Path | None]] = []
    for ref in spec.runs:
        one = find_run(ref, context.workspace)
        if "detector" not in one.document:
            raise ValueError(f"run {ref!r} holds no detector (it is a {one.document.get('kind')} run); name a training")
        title = detectors.get(one.document["detector"]).title
        members.append((one.name, title, one.load_detector(device), one.folder))
    return members


kinds.add(
    "evidence",
    JobKind(
        "evidence",
        "Test heat maps",
        "Plant artefacts at known places of real faces and measure whether the heat maps point at them.",
        EvidenceSpec,
        run,
    ),
)
