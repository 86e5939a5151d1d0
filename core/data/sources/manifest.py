"""A manifest in any known dialect as a source: rows are items, pictures may stay where they are."""

from __future__ import annotations

from pathlib import Path

from core.data.manifest.manifest import Manifest, read_manifest
from core.data.manifest.tables import ManifestError, read_table
from core.data.manifest.validate import LABEL_COLUMNS, PATHS, parse_label_map
from core.data.sources.base import Listing, SourceItem, grouping
from core.data.sources.walk import LIST_BYTES
from core.data.spec import PrepareSpec
from core.task import FACES

NAMES = ("manifest.parquet", "manifest.csv")
LIST_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")
MOST_LISTS = 50
"""Files of a folder that are opened to see whether they are manifests."""


class Dialects:
    """CSV or Parquet with a path and a label in every row; a folder that holds manifest.csv or .parquet."""

    title = "Manifest"
    tells = "a CSV or Parquet file with the columns path (image_path, filepath) and label"
    task = FACES

    def recognises(self, root: Path) -> str:
        if root.is_dir():
            return next((name for name in NAMES if (root / name).is_file()), "")
        if not root.is_file() or root.suffix.lower() in (".json", ".jsonl"):
            return ""
        try:
            columns = list(read_table(root).frame.columns)
        except ManifestError:
            return ""
        paths, labels = ([name for name in columns if name in names] for names in (PATHS, LABEL_COLUMNS))
        return f"columns {', '.join(paths + labels)}" if paths and labels else ""

    def find(self, root: Path, spec: PrepareSpec, *, confined: bool = False) -> Listing:
        grouping(spec, self.title, ("columns",))
        file = root
        if root.is_dir():
            file = self._only_list(root)
        labels = parse_label_map(spec.label_map)
        strict = spec.leaks != "report" and spec.keep_splits
        return listing_of(read_manifest(file, labels, confined=confined, refuse_leaks=strict))

    def _only_list(self, root: Path) -> Path:
        """The manifest of a folder. Raises ValueError unless there is one."""
        if named := self.recognises(root):
            return root / named
        names = lists_in(root)
        if len(names) == 1:
            return root / names[0]
        if names:
            raise ValueError(
                f"{root} holds {len(names)} manifests ({', '.join(names)}); prepare them one after the other, each by "
                f"its own path, e.g. {root / names[0]}"
            )
        raise ValueError(f"{root} holds neither {' nor '.join(NAMES)}; name the manifest file itself")


def lists_in(root: Path) -> list[str]:
    """Find the manifests that lie directly in a folder.

    Args:
        root: Any place.

    Returns:
        Their names, sorted; none where `root` is no folder.
    """
    if not root.is_dir():
        return []
    files = sorted(path for path in root.iterdir() if path.suffix.lower() in LIST_SUFFIXES and path.is_file())
    files = [path for path in files if path.stat().st_size <= LIST_BYTES]
    return [path.name for path in files[:MOST_LISTS] if Dialects().recognises(path)]


def listing_of(manifest: Manifest, group: str = "") -> Listing:
    """Turn the rows of a validated manifest into items.

    Args:
        manifest: Kept beside the items, for pictures that stay in place.
        group: What a group is, in words; "": what the manifest's columns say.

    Returns:
        The listing.
    """
    rows = manifest.frame.drop(columns=["sample_id"]).to_dict("records")
    items = [
        SourceItem(manifest.file(row["path"]), str(row["path"]), {str(k): v for k, v in row.items() if k != "path"})
        for row in rows
    ]
    said = group or "what the manifest's columns say (group, video, identity), else every file by itself"
    return Listing(items, group=said, manifest=manifest)
