"""Job kind `embed`: writes a detector's embeddings of a data set to one file; a retry continues where it stopped."""

from __future__ import annotations

from core.models.inference.run import find_run
from core.models.spec import EmbedSpec
from jobs.kind import JobContext, JobKind, JobResult, kinds


def run(spec: EmbedSpec, context: JobContext) -> JobResult:
    from core.data.manifest.manifest import Manifest
    from core.data.manifest.open import open_dataset
    from core.models.inference.embedding import embed_dataset
    from core.tables.embeddings import read_about

    source_run = find_run(spec.run, context.workspace)
    manifest = open_dataset(source_run.dataset(spec.dataset), context.workspace)
    if spec.split:
        for split in spec.split:
            manifest.select(split)  # raises for an unknown split and names the existing ones
        frame = manifest.frame[manifest.frame["split"].isin(spec.split)].reset_index(drop=True)
        manifest = Manifest(frame, manifest.root)
    path = embed_dataset(
        source_run,
        manifest,
        context.workspace,
        batch_size=spec.batch_size,
        device=spec.device,
        report=context.report,
    )
    about = read_about(path)
    lost = f" {len(about.missing)} rows could not be read and are named in it." if about.missing else ""
    values = {"file": str(path), "bytes": path.stat().st_size, "complete": about.complete, **about.model_dump()}
    return JobResult(f"{about.rows - len(about.missing)} of {about.rows} rows embedded: {path}.{lost}", values, [])


kinds.add(
    "embed",
    JobKind(
        "embed",
        "Embed",
        "Write a run's embeddings and log-odds of a data set to one columnar file, in bounded memory.",
        EmbedSpec,
        run,
    ),
)
