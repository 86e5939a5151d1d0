"""`aware detectors import`: published weights become a run like any other, checked, with their origin written down."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import core
from core.artifacts.checkpoint import save_weights
from core.artifacts.files import atomic_folder, write_json, write_text
from core.models.genconvit.published import PublishedGenConViT, live_state
from core.models.inference.run import BEST, RUN, Run
from core.models.registry import build_detector
from core.models.spec import ImportSpec
from core.models.weights.imported_file import read_imported_weights
from core.models.weights.published_figures import CAVEAT, FIGURES, SOURCE, PublishedNetwork, published
from core.progress import Reporter, Silent

CLASS_ORDER = "published class 0 is fake: log-odds of fake = logit 0 - logit 1, so that here 1 is fake as everywhere"


def import_detector(spec: ImportSpec, folder: Path, report: Reporter | None = None) -> Run:
    """Make a run of the live tensors of a published weights file.

    Args:
        spec: The file, its layout, the framing.
        folder: Folder of the run, which must not exist.
        report: Receives the progress; may be None.

    Returns:
        The run.

    Raises:
        FileNotFoundError: No such file.
        FileExistsError: The folder exists.
        ValueError: The file is refused, or is not of the layout; the message names the keys that are missing, unknown
        or of another
            shape.
    """
    report = report or Silent()
    if folder.exists():
        raise FileExistsError(f"run {folder.name!r} exists already; choose another name")
    network = published(spec.layout)
    report.progress(0.05, f"Reading {Path(spec.file).name} in a confined process")
    detector = build_detector(network.detector, "none", crop_scale=spec.crop_scale)
    assert isinstance(detector, PublishedGenConViT)
    found = read_imported_weights(Path(spec.file), detector.dead_prefixes)
    report.progress(0.7, "Checking every name, shape and value")
    live, _ = live_state(detector, found.tensors)
    detector.load_state_dict(live)
    origin = {"kind": "imported", "file": Path(spec.file).name, "sha256": found.sha256, "layout": spec.layout}
    with atomic_folder(folder) as made:
        save_weights(made / BEST, detector)
        write_text(made / "spec.json", spec.to_json())
        document = run_document(detector, network, origin, found.dead)
        write_text(made / "card.md", card(document, network))
        write_json(made / RUN, document)
    report.progress(1.0, f"Imported as {folder.name}")
    return Run(folder)


def run_document(
    detector: PublishedGenConViT, network: PublishedNetwork, origin: dict[str, Any], dead: list[str]
) -> dict[str, Any]:
    """Write down an import as run.json, as a training writes it, as far as it applies.

    Args:
        detector: The network with the imported weights.
        network: The published network.
        origin: Where the weights come from.
        dead: Names of the keys that were left out.

    Returns:
        The document; `dataset` is empty, for no data set of this workbench was used.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {
        "format": 1,
        "kind": "imported",
        "recipe": None,
        "detector": detector.name,
        "options": detector.options,
        "input": detector.input_spec.model_dump(mode="json"),
        "embedding_size": detector.embedding_size,
        "parameters": sum(p.numel() for p in detector.parameters()),
        "weights_origin": origin,
        "class_order": CLASS_ORDER,
        "dead_keys": dead,
        "published": {
            "source": SOURCE,
            "caveat": CAVEAT,
            "figures": [{"dataset": f.dataset, "accuracy": f.accuracy, "auroc": f.auroc} for f in FIGURES],
            "parameters_stored": round(network.stored * 1e6),
        },
        "dataset": "",
        "data_fingerprint": "",
        "code_version": core.__version__,
        "started_at": now,
        "finished_at": now,
    }


def card(document: dict[str, Any], network: PublishedNetwork) -> str:
    """Write the model card of imported weights.

    Args:
        document: The run's document.
        network: The published network.

    Returns:
        Markdown.
    """
    origin, dead = document["weights_origin"], document["dead_keys"]
    rows = [f"| {f.dataset} | {f.accuracy:.3f} | {f.auroc:.4g} |" for f in FIGURES]
    prefixes = sorted({key.split(".")[0] if key.split(".")[0] != "encoder" else key.rsplit(".", 1)[0] for key in dead})
    ignored = f"{len(dead)} tensors that its forward never uses ({', '.join(prefixes)})" if dead else "nothing"
    return "\n".join(
        [
            f"# {network.title}, published weights",
            "",
            f"- Source: {SOURCE}. File `{origin['file']}`, SHA-256 `{origin['sha256']}`.",
            f"- Parameters: {document['parameters'] / 1e6:.1f} M, all used; the published file stores "
            f"{network.stored:g} M.",
            f"- Left out: {ignored}; named in run.json.",
            f"- Class order: {document['class_order']}.",
            "- z = mu in the variational network: the same picture always gets the same score."
            if "vae" in network.layout
            else "- Deterministic at evaluation.",
            "- Not calibrated: calibrate it on your own data before a threshold or a policy is read off it.",
            "",
            "## Published figures",
            "",
            CAVEAT,
            "",
            "| data set | accuracy | AUROC |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )
