"""From a spec to a listing: which source it is, its files, the spec's filters, and every fault before work begins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from core.data.manifest.manifest import Manifest
from core.data.manifest.tables import Table
from core.data.manifest.validate import validate
from core.data.sources.base import AUTO, TEXTS, Listing, SourceItem, counted, data_sources, is_faces
from core.data.sources.manifest import lists_in
from core.data.spec import PrepareSpec


def find(spec: PrepareSpec, *, confined: bool = False) -> Listing:
    """List the files that a spec names, filtered by its methods and compressions, with labels and splits checked.

    Args:
        spec: What the person asked for.
        confined: Nothing outside the path may be named (an upload).

    Returns:
        The listing.

    Raises:
        FileNotFoundError: There is nothing at the path.
        LookupError: The source is unknown.
        ManifestError: It names every fault of lists, labels and splits.
        ValueError: The layout does not fit the source, or a filter names what no file has.
    """
    root = Path(spec.path).expanduser()
    if not root.exists():
        raise FileNotFoundError(f"no manifest or folder at {root}; `demo` draws the demo set")
    name, how = recognised(root) if spec.source in ("", AUTO) else (spec.source, "as named")
    source = data_sources.get(name)
    if spec.detect_faces and not is_faces(source):
        raise ValueError(f"{source.title} pictures are judged whole, not by their faces; leave --detect-faces off")
    listing = replace(source.find(root, spec, confined=confined), source=name, how=how)
    if not listing.items:
        raise ValueError(f"{root} has the layout of {source.title}, but holds no file; expected: {source.tells}")
    listing = _only(_only(listing, "method", spec.methods), "compression", spec.compressions)
    checked(listing, refuse_leaks=spec.leaks == "refuse")
    return listing


def recognised(root: Path) -> tuple[str, str]:
    """Find the one source whose tell-tale files lie at a path.

    A file that no source recognises goes to the source that explains best what is wrong with it.

    Args:
        root: A folder or a list.

    Returns:
        (name of the source, why).

    Raises:
        ValueError: No source, or several, recognise it.
    """
    sources = {name: data_sources.get(name).recognises(root) for name in data_sources.names()}
    sources = {name: why for name, why in sources.items() if why}
    if len(sources) == 1:
        name, why = sources.popitem()
        return name, f"recognised by {why}"
    if sources:
        reasons = "; ".join(f"{name}: {why}" for name, why in sources.items())
        raise ValueError(f"{root} looks like {len(sources)} sources ({reasons}); say which with --source")
    if root.is_file():
        return ("roadwork" if root.suffix.lower() in (".json", ".jsonl") else "manifest"), "a list, by its kind of file"
    if names := lists_in(root):  # one is read; of several the source says what to do
        return "manifest", f"recognised by {' and '.join(names)}"
    known = "\n".join(f"  {name}: {data_sources.get(name).tells}" for name in data_sources.names())
    raise ValueError(f"no source is recognised at {root}; what they look like:\n{known}\nsay which with --source")


def _only(listing: Listing, column: str, wanted: list[str]) -> Listing:
    """The items whose column is one of `wanted`, and those that have none: real ones no method, DF40 no compression.

    Raises ValueError for a word that no item has.
    """
    if not wanted:
        return listing
    none = ("", "none")
    there = sorted({str(item.row.get(column, "")) for item in listing.items} - set(none))
    unknown = [word for word in wanted if word not in there]
    if unknown:
        raise ValueError(f"no file has the {column} {', '.join(unknown)}; there are: {', '.join(there) or 'none'}")
    items = [item for item in listing.items if item.row.get(column, "") in (*wanted, *none)]
    left = counted(len(listing.items) - len(items), "file")
    note = f"{left} left out: another {column} than {', '.join(wanted)}."
    return replace(listing, items=items, notes=[*listing.notes, note], manifest=_matching(listing, items))


def _matching(listing: Listing, kept: list[SourceItem]) -> Manifest | None:
    if listing.manifest is None:
        return None
    names = {item.name for item in kept}
    frame = listing.manifest.frame
    return replace(listing.manifest, frame=frame[frame["path"].isin(names)].reset_index(drop=True))


@dataclass(frozen=True)
class FileTable(Table):
    """Rows that are files: messages name the file instead of a row number."""

    names: tuple[str, ...] = ()

    def row(self, position: int) -> str:
        """Name the file at a position, for messages.

        Args:
            position: 0 for the first.

        Returns:
            Its name.
        """
        return self.names[position]


def checked(listing: Listing, *, refuse_leaks: bool = False) -> pd.DataFrame:
    """Make the manifest frame of the listed files, one row a file: splits and counts are computed from it.

    Args:
        listing: The files.
        refuse_leaks: Also refuse every person and clip in two splits. The official lists of some sources bring such.

    Returns:
        Rows with the columns of a manifest.

    Raises:
        ManifestError: It names every file with a fault: a label, an unknown split, a group in two splits.
    """
    if listing.manifest is not None:
        return listing.manifest.frame
    names = [item.name for item in listing.items]
    cells = {"path": names, "label": [str(item.row["label"]) for item in listing.items]}
    cells |= {column: [item.row[column] for item in listing.items] for column in TEXTS}
    frame = pd.DataFrame(cells, dtype=object)
    table = FileTable("files", listing.source, frame, first_row=1, names=tuple(names))
    root = listing.items[0].file.parent
    return validate(table, root, {}, confined=False, check_files=False, refuse_leaks=refuse_leaks)
