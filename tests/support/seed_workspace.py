"""A workspace with one of everything, written through the store: pages are looked at and tested without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from core.artifacts.files import write_json
from core.documents.analysis import Analysis, BundleReference, Evidence, FaceReport
from core.documents.decision import Decision, TraceStep
from core.documents.policy import Exits
from jobs.client import Workbench
from jobs.kind import Produced

STAGE1 = Exits(real_below=0.04, fake_above=0.97)
EXPERT = Exits(real_below=0.08, fake_above=0.93)
FINAL = Exits(real_below=0.35, fake_above=0.65)
TITLES = {"mobilenet": "MobileNetV4", "efficientnet": "EfficientNetV2", "genconvit": "GenConViT ED"}


def trace(p_final: float) -> list[TraceStep]:
    """Stage 1 open, one expert open, one failed, stage 3 decides."""
    outcome = FINAL.decide(p_final) or "uncertain"
    return [
        TraceStep(stage="stage1", member="mobilenet", status="scored", p_fake=0.61, log_odds=0.45, exits=STAGE1,
                  outcome="open", reason="0.610 lies between the exits 0.04 and 0.97.", seconds=0.03),
        TraceStep(stage="stage2", member="efficientnet", status="scored", p_fake=0.84, log_odds=1.66, exits=EXPERT,
                  outcome="open", reason="0.840 lies between the exits 0.08 and 0.93.", seconds=0.09),
        TraceStep(stage="stage2", member="genconvit", status="failed", reason="Its forward raised an error."),
        TraceStep(stage="stage3", member="stack", status="scored", p_fake=p_final, log_odds=1.0, exits=FINAL,
                  outcome=outcome, reason=f"{p_final:.3f} against the band 0.35 to 0.65.", seconds=0.01),
    ]  # fmt: skip


def face(index: int, p_final: float, timeline: list[tuple[float, float]] | None = None) -> FaceReport:
    verdict = FINAL.decide(p_final) or "uncertain"
    decision = Decision(
        verdict=verdict, p_fake=p_final, decided_by="stage3", trace=trace(p_final),
        reason=f"The meta-model says {p_final:.3f}.",
    )  # fmt: skip
    return FaceReport(
        face=index, box=(40, 30, 120, 120), detection_score=0.99, frames=max(1, len(timeline or [])),
        decision=decision, timeline=timeline or [], crop=f"face{index}.png",
        warnings=["The face is small (58 px, under 64): the verdict is less sure."] if index else [],
    )  # fmt: skip


def analysis(file_name: str, faces: list[FaceReport], kind: str = "image", **changes: Any) -> Analysis:
    first = max(faces, key=lambda f: f.decision.p_fake or 0).decision if faces else None
    media: dict[str, Any] = {"kind": kind, "format": "JPEG" if kind == "image" else "mp4 / h264", "width": 1280,
                             "height": 720, "duration_s": 9.6, "fps": 25.0, "frames_scored": 16}  # fmt: skip
    evidence = [
        Evidence(kind=name, member=member, face=f.face, title=title, caption=caption, caveat=caveat,
                 file=f"{member}-{name}-{f.face}.png", values={"deletion_drop": 0.213})
        for f in faces for member in ("mobilenet", "efficientnet")
        for name, title, caption, caveat in (
            ("grad_cam", "Grad-CAM", "Warm areas raised this member's log-odds most.",
             "It shows where the network looked, not what was forged."),
            ("residual", "Residual", "What the reconstruction could not repeat.", "Sharp edges are always bright."),
        )
    ]  # fmt: skip
    document: dict[str, Any] = {
        "sha256": "5f" * 32, "file_name": file_name, "media": media, "faces": faces,
        "verdict": first.verdict if first else "not_applicable", "p_fake": first.p_fake if first else None,
        "decided_by": "stage3" if first else None,
        "reason": first.reason if first else "No face was found, so there is nothing to judge.",
        "rule": "Fake if any face is fake; else uncertain if any face is uncertain; real only if every face is real.",
        "trace": first.trace if first else [], "evidence": evidence,
        "timings": {"decode": 0.05, "faces": 0.32, "stage1": 0.03, "stage2": 0.11, "stage3": 0.01, "total": 0.61},
        "bundle": BundleReference(name="tiny", version="1", sha256="a" * 64, policy_id="b" * 16, policy_name="default"),
        "warnings": ["GenConViT ED failed and is left out; it was not replaced by a guess."] if faces else [],
    }  # fmt: skip
    return Analysis.model_validate(document | changes)


def picture(path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    noise = Image.fromarray(rng.integers(0, 255, (24, 24, 3), dtype=np.uint8))
    noise.resize((224, 224), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(3)).save(path)


def store_analysis(workbench: Workbench, job_id: str, document: Analysis, now: float) -> str:
    """A finished analyze job whose folder holds the document and its pictures."""
    folder = workbench.workspace.analyses / job_id
    folder.mkdir(parents=True)
    write_json(folder / "analysis.json", document.model_dump(mode="json"))
    names = [item.crop for item in document.faces] + [item.file for item in document.evidence]
    for seed, name in enumerate(filter(None, names)):
        picture(folder / name, seed)
    upload = workbench.workspace.uploads / document.sha256 / document.file_name
    upload.parent.mkdir(parents=True, exist_ok=True)
    upload.write_bytes(document.file_name.encode())
    produced = Produced("analysis", job_id, str(folder), {"verdict": document.verdict, "p_fake": document.p_fake})
    start(workbench, job_id, "analyze", {"files": [str(upload)]}, now)
    workbench.store.report(job_id, 1, part=document.model_dump(mode="json"))
    finish(workbench, job_id, f"{document.verdict}", {}, [produced], now + 1.4)
    return job_id


def start(workbench: Workbench, job_id: str, kind: str, spec: dict[str, Any], now: float) -> None:
    pool = "analyze" if kind == "analyze" else "work"
    workbench.store.add(job_id=job_id, kind=kind, pool=pool, spec=spec, now=now, worker="here-1")


def finish(
    workbench: Workbench, job_id: str, message: str, values: dict[str, Any], produced: list[Produced], now: float
) -> None:
    result = {"message": message, "values": values, "produced": [vars(item) for item in produced]}
    workbench.store.finish(job_id, 1, "done", now, message=message, result=result, produced=produced)


def seed(workbench: Workbench, now: float) -> dict[str, str]:
    """Fill a workspace; returns names of the jobs by what they show."""
    wave = [(t * 0.6, 0.5 + 0.35 * np.sin(t / 2.5)) for t in range(16)]
    wave = [(float(t), float(p)) for t, p in wave]
    jobs = {
        "fake": store_analysis(workbench, "analyze-fake", analysis("portrait.jpg", [face(0, 0.912)]), now - 900),
        "group": store_analysis(
            workbench, "analyze-group", analysis("group.jpg", [face(0, 0.12), face(1, 0.55)]), now - 800
        ),
        "clip": store_analysis(
            workbench, "analyze-clip", analysis("clip.mp4", [face(0, 0.71, wave)], "video"), now - 700
        ),
        "none": store_analysis(workbench, "analyze-none", analysis("landscape.png", []), now - 600),
        "train": "train-live", "failed": "train-failed", "queued": "evaluate-queued",
    }  # fmt: skip
    start(workbench, "train-live", "train", {"dataset": "demo", "recipe": "stage1_demo"}, now - 300)
    rows = [
        (i, {"train_loss": 0.7 * 0.8**i + 0.05, "val_loss": 0.7 * 0.83**i + 0.1, "val_auroc": 1 - 0.4 * 0.75**i})
        for i in range(1, 9)
    ]
    workbench.store.report("train-live", 1, fraction=0.4, message="epoch 8 of 20: AUROC 0.960", metrics=rows)
    log = workbench.job_folder("train-live") / "attempt-1" / "log.txt"
    log.parent.mkdir(parents=True)
    log.write_text(
        "".join(f"epoch {i}: loss {row['train_loss']:.3f} AUROC {row['val_auroc']:.3f}\n" for i, row in rows)
    )
    start(workbench, "train-failed", "train", {"dataset": "gone", "recipe": "stage1"}, now - 4000)
    workbench.store.finish(
        "train-failed", 1, "failed", now - 3990, error="Data set 'gone' is not in the workspace. Prepare it first."
    )
    workbench.store.add(
        job_id="evaluate-queued", kind="evaluate", pool="work", spec={"run": "stage1-demo"}, now=now - 60
    )
    return jobs
