"""Groups: the rows that must stay on one side of a split, given explicitly or linked by people, clips and originals.

Two rows belong together when they share a person (`identity`, or `donor`: whose face a swap put in) or a clip
(`video`, or `original`: the clip a fake was made from), and so on along the chain. A cell may name several, separated
by ";" (a face swap of two people).
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

LINKS = {"identity": ("identity", "donor"), "video": ("video", "original")}
"""Kind of name -> columns that hold such names: the face put in is a person's, what a fake was made from is a clip."""


def groups_of(frame: pd.DataFrame) -> pd.Series:
    """Compute the group of every row.

    A given group stands. A row without one takes the only given group that its links reach, else it is named after the
    first person (or clip) of its connected part, else after its own path.

    Args:
        frame: Text columns `path` and, where there, `group` and the columns of LINKS.

    Returns:
        (N,) group names, with the index of `frame`.
    """
    given = frame["group"] if "group" in frame else pd.Series("", index=frame.index)
    tokens = _tokens(frame)
    result = given.where(given != "", frame["path"])
    if tokens.empty:
        return result
    part = _parts(len(frame), tokens)
    linked = np.isin(np.arange(len(frame)), tokens["row"].to_numpy()) & (given == "").to_numpy()
    names = _names(part, tokens, given.to_numpy())
    return result.where(~linked, pd.Series([names.get(p, "") for p in part], index=frame.index))


def joined(groups: pd.Series, pairs: list[tuple[int, int]]) -> pd.Series:
    """Merge the groups that pairs of rows connect.

    Args:
        groups: (N,) group names.
        pairs: Pairs of row positions.

    Returns:
        (N,) group names; connected groups carry the name that comes first in the alphabet.
    """
    codes, names = pd.factorize(groups)
    if not pairs:
        return groups
    one, two = (codes[[pair[side] for pair in pairs]] for side in (0, 1))
    graph = coo_matrix((np.ones(len(pairs)), (one, two)), shape=(len(names), len(names)))
    part = connected_components(graph, directed=False)[1]
    first = pd.Series(names.astype(str)).groupby(part).min().to_numpy()
    return pd.Series(first[part][codes], index=groups.index, dtype=object)


def leak_names(frame: pd.DataFrame, kind: str, splits: pd.Series) -> dict[str, list[int]]:
    """Find the people or clips that stand in two splits.

    Args:
        frame: Rows with the columns of LINKS, where there.
        kind: "identity" or "video".
        splits: (N,) split of each row; "" is none.

    Returns:
        Name -> position of the first row in each split.
    """
    table = names_of(frame, kind).assign(split=lambda t: splits.to_numpy()[t["row"].to_numpy()])
    firsts = table[(table["split"] != "") & table["split"].notna()].drop_duplicates(["name", "split"])
    twice = firsts[firsts["name"].duplicated(keep=False)]
    return {str(name): rows["row"].tolist() for name, rows in twice.groupby("name", sort=False)}


def names_of(frame: pd.DataFrame, kind: str) -> pd.DataFrame:
    """List every name of a kind over all its columns. A cell may hold several.

    Args:
        frame: Rows with the columns of LINKS, where there.
        kind: "identity" or "video".

    Returns:
        Columns row (position), name, and own: whether the name stands in the first of the columns, so that the row
        shows the person or clip itself. In the order of rows.
    """
    columns = LINKS[kind]
    found = [_column(frame, column).assign(own=column == columns[0]) for column in columns if column in frame]
    if not found:
        return pd.DataFrame({"row": np.zeros(0, np.int64), "name": np.zeros(0, object), "own": np.zeros(0, bool)})
    return pd.concat(found).drop_duplicates(["row", "name"]).sort_values("row", kind="stable", ignore_index=True)


def _column(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """(row, name) of every name in a column."""
    cells = frame[column].astype(str)
    rows = np.flatnonzero((cells != "").to_numpy())
    split = pd.Series(cells.to_numpy()[rows], index=rows).str.split(";").explode().str.strip()
    split = split[split != ""]
    return pd.DataFrame({"row": split.index.to_numpy(np.int64), "name": split.to_numpy()})


def _tokens(frame: pd.DataFrame) -> pd.DataFrame:
    """(row, kind, name) of every link."""
    return pd.concat([names_of(frame, kind).assign(kind=kind) for kind in LINKS], ignore_index=True)


def _parts(rows: int, tokens: pd.DataFrame) -> np.ndarray:
    """Number of the connected part of every row."""
    codes = pd.factorize(tokens["kind"] + "\x1f" + tokens["name"])[0] + rows
    size = int(codes.max()) + 1
    graph = coo_matrix((np.ones(len(tokens)), (tokens["row"].to_numpy(np.int64), codes)), shape=(size, size))
    return connected_components(graph, directed=False)[1][:rows]


def _names(part: np.ndarray, tokens: pd.DataFrame, given: np.ndarray) -> dict[int, str]:
    """Name of every part; two parts never share one."""
    explicit: dict[int, set[str]] = defaultdict(set)
    for number, group in zip(part, given, strict=True):
        if group:
            explicit[number].add(group)
    table = tokens.assign(part=part[tokens["row"].to_numpy(np.int64)]).sort_values(["kind", "name"])
    taken = set(given) - {""}
    names: dict[int, str] = {}
    for kind, name, number in zip(table["kind"], table["name"], table["part"], strict=True):
        if number in names:
            continue
        if explicit[number]:
            names[number] = min(explicit[number])
            continue
        free = next(word for word in (name, f"{kind}:{name}", f"{kind}:{name}:{number}") if word not in taken)
        names[number] = free
        taken.add(free)
    return names
