"""Job kind `prepare`: a source of raw media, a manifest, or the demo set becomes a data set with splits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.artifacts.files import read_json
from core.data.spec import PrepareSpec
from jobs.kind import JobContext, JobKind, JobResult, Produced, kinds


def run(spec: PrepareSpec, context: JobContext) -> JobResult:
    from core.data.prepare.prepare import prepare

    folder = prepare(spec, context.workspace, context.report)
    card = read_json(folder / "dataset.json")
    return JobResult(
        message=message(folder, card),
        values={"dataset": folder.name, "card": card},
        produced=[Produced("dataset", reference(folder, context.workspace.datasets), str(folder), card)],
    )


def reference(folder: Path, room: Path) -> str:
    """What specs call the data set: its name in the workspace, the whole path of a folder elsewhere."""
    return folder.name if folder.parent.resolve() == room.resolve() else str(folder)


def message(folder: Path, card: dict[str, Any]) -> str:
    """One line: what there is, and how many files are not in it."""
    line = f"Data set {folder.name} is ready: {card['items']:,} items ({card['real']:,} real, {card['fake']:,} fake)"
    listing = card.get("listing", {})
    lost = sum(listing.get(key, {}).get("files", 0) for key in ("refused", "unlisted"))
    lost += sum(n for outcome, n in card.get("sources", {}).get("files", {}).items() if outcome != "kept")
    if not lost:
        return f"{line}."
    return f"{line}, {lost:,} file{'' if lost == 1 else 's'} left out (report.csv, not_listed.csv)."


kinds.add(
    "prepare",
    JobKind(
        "prepare",
        "Prepare a data set",
        "Read a source by its layout (FF++, Celeb-DF, DFDC, DF40, road work, real/ and fake/, a manifest), find faces "
        "if asked, cut grouped splits; or draw the demo set.",
        PrepareSpec,
        run,
    ),
)
