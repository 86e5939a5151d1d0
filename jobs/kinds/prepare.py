"""Job kind `prepare`: makes a data set with splits of raw media, a manifest, or drawn portraits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.artifacts.files import read_json
from core.data.spec import PrepareSpec
from jobs.kind import JobContext, JobKind, JobResult, Produced, kinds


def title_of(spec: Mapping[str, Any]) -> str:
    """Return the title of one job.

    Args:
        spec: The job's input, JSON.

    Returns:
        A title for a person.
    """
    if spec.get("path") == "demo":
        return "Draw demo portraits"
    name = spec.get("name") or Path(str(spec.get("path", ""))).name
    return f"Prepare the data set {name}" if name else "Prepare a data set"


def run(spec: PrepareSpec, context: JobContext) -> JobResult:
    """Prepare the data set; a later attempt goes on where the journal ends.

    Args:
        spec: Source, faces, splits.
        context: What a running job gets.

    Returns:
        The data set's card and folder.
    """
    from core.data.prepare.prepare import prepare

    folder = prepare(spec, context.workspace, context.report)
    card = read_json(folder / "dataset.json")
    return JobResult(
        message=message(folder, card),
        values={"dataset": folder.name, "card": card},
        produced=[Produced("dataset", reference(folder, context.workspace.datasets), str(folder), card)],
    )


def reference(folder: Path, room: Path) -> str:
    """Return what specs call a data set: its name in the workspace, the whole path of a folder elsewhere.

    Args:
        folder: The data set's folder.
        room: The workspace's folder of data sets.

    Returns:
        A name or a path.
    """
    return folder.name if folder.parent.resolve() == room.resolve() else str(folder)


def message(folder: Path, card: dict[str, Any]) -> str:
    """Return one line on a finished data set: its items, and how many files are not in it.

    Args:
        folder: The data set's folder.
        card: Its dataset.json.

    Returns:
        A sentence for a person.
    """
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
        "Make a data set from a source (FF++, Celeb-DF, DFDC, DF40, road work, real/ and fake/, a manifest): find "
        "faces "
        "if asked, cut grouped splits; or draw the demo set.",
        PrepareSpec,
        run,
        title_of=title_of,
    ),
)
