"""Pin the protocols of a data set: the work of the job `protocol`."""

from __future__ import annotations

from typing import cast

from core.artifacts.workspace import Workspace
from core.data.manifest.manifest import CARD
from core.data.manifest.open import dataset_place, open_dataset
from core.data.manifest.protocol_spec import ProtocolSpec
from core.data.manifest.protocols import COLUMN, Kind, Protocol, make_protocol, save_protocol


def pin_protocols(spec: ProtocolSpec, workspace: Workspace) -> tuple[list[Protocol], dict[str, str]]:
    """Make and save the protocols that a spec asks for.

    Args:
        spec: Data set, and what to leave out.
        workspace: Where the data set lies.

    Returns:
        The protocols, and value -> why it cannot be left out.

    Raises:
        ValueError: The data set is not prepared, or a named choice (or every one in turn) is impossible.
        FileExistsError: A protocol of that name is pinned to other rows.
        FileNotFoundError: There is no such data set.
    """
    place = dataset_place(spec.dataset, workspace)
    if not (place.parent / CARD).is_file():
        raise ValueError(f"{spec.dataset!r} is not prepared; run prepare first, so that its splits stay fixed")
    manifest = open_dataset(place, workspace)
    kind = cast(Kind, spec.kind)
    if spec.left_out:
        protocol = make_protocol(manifest, kind, tuple(sorted(set(spec.left_out))), spec.name)
        save_protocol(place.parent, protocol, spec.replace)
        return [protocol], {}
    if spec.name:
        raise ValueError("a name is for one protocol; name what it leaves out")
    frame = manifest.frame[manifest.frame["label"] == 1] if kind == "method" else manifest.frame
    made, passed_over = [], {}
    for value in sorted(frame[COLUMN[kind]].unique()):
        try:
            made.append(make_protocol(manifest, kind, (value,)))
        except ValueError as error:
            passed_over[str(value)] = str(error)
    if not made:
        raise ValueError(f"no {kind} can be left out: {'; '.join(passed_over.values())}")
    for protocol in made:
        save_protocol(place.parent, protocol, spec.replace)
    return made, passed_over
