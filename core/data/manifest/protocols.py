"""Leave-one-method-out, leave-one-source-out: a data set under a protocol, pinned by a hash, opened as NAME@PROTOCOL.

`test` measures a detector on fakes (or a source) that it has never seen:

- method: train, val_select and val_calib hold no fake of the left-out methods; `test` holds the left-out fakes and the
  real pictures of the data set's own test split.
- source: train, val_select and val_calib hold nothing of the left-out sources; `test` holds all of them and, when they
  are of one label only, the other label of the own test split of the remaining sources.

A left-out row whose group still stands in train, val_select or val_calib is dropped: its person or clip has been seen.
Everything follows from the rows alone, so a protocol file holds the choice and the SHA-256 of the sorted
(sample_id, split) rows; a data set that changed since is refused.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Literal

import pandas as pd

from core.artifacts.files import read_json, write_json
from core.data.manifest.manifest import Manifest
from core.spec import Spec

FOLDER = "protocols"
Kind = Literal["method", "source"]
COLUMN = {"method": "method", "source": "dataset"}


class Protocol(Spec):
    """One protocol file. sha256 pins the rows: sorted "sample_id<TAB>split" lines."""

    name: str
    kind: Kind
    left_out: tuple[str, ...]
    data_fingerprint: str
    sha256: str
    items: dict[str, dict[str, int]]
    dropped: int


def protocol_rows(frame: pd.DataFrame, kind: Kind, left_out: tuple[str, ...]) -> pd.DataFrame:
    """Select the rows of a manifest under a protocol, in order, with their new splits.

    Args:
        frame: Rows of a prepared data set.
        kind: What is left out: "method" or "source".
        left_out: Methods or sources.

    Returns:
        The rows that stay, with the column `split` of the protocol.

    Raises:
        ValueError: A value is unknown, or train, val_select or test would not hold both labels.
    """
    column = COLUMN[kind]
    fakes = frame["label"] == 1
    known = sorted(set(frame.loc[fakes if kind == "method" else slice(None), column]))
    unknown = sorted(set(left_out) - set(known))
    if unknown or not left_out:
        raise ValueError(f"cannot leave out {', '.join(unknown) or 'nothing'}: the {kind}s are {', '.join(known)}")
    out = frame[column].isin(left_out)
    out &= fakes if kind == "method" else True
    learning = ~out & frame["split"].isin(["train", "val_select", "val_calib"])
    unseen = out & ~frame["group"].isin(set(frame.loc[learning, "group"]))
    partner = ~out & (frame["split"] == "test")
    if kind == "method":
        partner &= ~fakes
    else:
        labels = set(frame.loc[unseen, "label"])
        partner &= ~frame["label"].isin(labels) if len(labels) == 1 else False
    rows = frame[learning | unseen | partner].copy()
    rows.loc[unseen[learning | unseen | partner], "split"] = "test"
    for split in ("train", "val_select", "test"):
        n_labels = rows.loc[rows["split"] == split, "label"].nunique()
        if n_labels < 2:
            raise ValueError(
                f"without {', '.join(left_out)} the split {split} holds {'one label only' if n_labels else 'nothing'}; "
                "leave out something else, or prepare with other shares"
            )
    return rows.reset_index(drop=True)


def pin_of(rows: pd.DataFrame) -> str:
    """Compute SHA-256 (hex) of the sorted "sample_id<TAB>split" lines.

    Args:
        rows: Rows with the columns sample_id and split.

    Returns:
        64 hex digits.
    """
    lines = sorted(f"{name}\t{split}" for name, split in zip(rows["sample_id"], rows["split"], strict=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def make_protocol(manifest: Manifest, kind: Kind, left_out: tuple[str, ...], name: str = "") -> Protocol:
    """Make the protocol of a choice, pinned to the rows as they are.

    Args:
        manifest: A prepared data set.
        kind: What is left out: "method" or "source".
        left_out: Methods or sources.
        name: Name of the protocol; "": after what it leaves out.

    Returns:
        The protocol, not yet saved.

    Raises:
        ValueError: The choice is impossible (see `protocol_rows`).
    """
    rows = protocol_rows(manifest.frame, kind, left_out)
    counts = rows.groupby(["split", "label"]).size().unstack(fill_value=0)
    items = {str(s): {"real": int(n.get(0, 0)), "fake": int(n.get(1, 0))} for s, n in counts.iterrows()}
    out = (
        int(manifest.frame[COLUMN[kind]].isin(left_out).sum()) if kind == "source" else _left_fakes(manifest, left_out)
    )
    inside = int(rows[COLUMN[kind]].isin(left_out).sum())
    return Protocol(
        name=name or protocol_name(kind, left_out),
        kind=kind,
        left_out=left_out,
        data_fingerprint=manifest.fingerprint(),
        sha256=pin_of(rows),
        items=items,
        dropped=out - inside,
    )


def _left_fakes(manifest: Manifest, left_out: tuple[str, ...]) -> int:
    return int(((manifest.frame["label"] == 1) & manifest.frame["method"].isin(left_out)).sum())


def protocol_name(kind: Kind, left_out: tuple[str, ...]) -> str:
    """Name a protocol after what it leaves out, e.g. `leave-out-method-faceswap`.

    Args:
        kind: "method" or "source".
        left_out: Methods or sources.

    Returns:
        The values in lower case, other signs as a hyphen, at most 60 characters.
    """
    words = re.sub(r"[^a-z0-9_]+", "-", "-".join(left_out).lower()).strip("-")
    short = words if len(words) <= 40 else f"{words[:31].strip('-')}-{hashlib.sha256(words.encode()).hexdigest()[:8]}"
    return f"leave-out-{kind}-{short}"


def save_protocol(folder: Path, protocol: Protocol, replace: bool = False) -> Path:
    """Write protocols/NAME.json below the data set.

    Args:
        folder: The data set's folder.
        protocol: What to write.
        replace: Overwrite a protocol of that name with another pin.

    Returns:
        The file.

    Raises:
        FileExistsError: Another pin stands there.
    """
    path = folder / FOLDER / f"{protocol.name}.json"
    if path.is_file() and not replace and Protocol.model_validate(read_json(path)) != protocol:
        raise FileExistsError(
            f"the protocol {protocol.name!r} of {folder.name} is pinned to other rows already; give another name, or "
            "pin it anew with --replace (runs made under the old pin stay on the old rows)"
        )
    write_json(path, protocol.model_dump(mode="json"))
    return path


def protocol_names(folder: Path) -> list[str]:
    """List the names of the protocols of a data set.

    Args:
        folder: The data set's folder.

    Returns:
        The names, sorted.
    """
    return sorted(path.stem for path in (folder / FOLDER).glob("*.json") if not path.name.startswith("."))


def load_protocol(folder: Path, name: str) -> Protocol:
    """Read one protocol of a data set.

    Args:
        folder: The data set's folder.
        name: Name of the protocol.

    Returns:
        The protocol.

    Raises:
        FileNotFoundError: There is none of that name; the message lists those that exist.
        ValueError: The file is no protocol.
    """
    path = folder / FOLDER / f"{name}.json"
    if name not in protocol_names(folder):
        known = ", ".join(protocol_names(folder)) or "none yet; make one with `aware protocol`"
        raise FileNotFoundError(f"the data set {folder.name!r} has no protocol {name!r}; it has: {known}")
    return Protocol.model_validate(read_json(path))


def open_protocol(folder: Path, name: str, manifest: Manifest) -> pd.DataFrame:
    """Select the rows of a manifest under a protocol of its folder.

    Args:
        folder: The data set's folder.
        name: Name of the protocol.
        manifest: The data set.

    Returns:
        The rows that stay, with the column `split` of the protocol.

    Raises:
        ValueError: The rows are not the pinned ones.
    """
    protocol = load_protocol(folder, name)
    rows = protocol_rows(manifest.frame, protocol.kind, protocol.left_out)
    hashes = {"rows": pin_of(rows), "labels and groups": manifest.fingerprint()}
    pinned = {"rows": protocol.sha256, "labels and groups": protocol.data_fingerprint}
    changed = [what for what in hashes if hashes[what] != pinned[what]]
    if changed:
        raise ValueError(
            f"{folder.name}@{name}: the {' and '.join(changed)} of the data set are not those that the protocol was "
            "pinned to (rows were excluded, restored or prepared anew); undo that, or pin anew with "
            f"`aware protocol {folder.name} --replace`"
        )
    return rows
