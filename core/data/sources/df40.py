"""DF40 (Yan et al., NeurIPS 2024): fakes only, bound to the real source that they were made from.

Layout: METHOD/frames/CLIP/*.png, or METHOD/{ff,cdf}/frames/CLIP/*.png, either below train/ or test/, which say nothing
about the real clip's split. Alone there is no AUC; beside real faces from
anywhere else, "which data set" would be the label. So the real clips come along (`reals`: an FF++ or Celeb-DF root),
every fake takes group and split of its real clip, and what cannot be bound is refused by name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from core.data.sources.base import PICTURES, Collector, DataSource, Listing, SourceItem, counted, grouping, thinned
from core.data.sources.celebdf import CelebDF
from core.data.sources.ffpp import FaceForensics
from core.data.sources.links import components
from core.data.spec import PrepareSpec
from core.task import FACES

PLACE = re.compile(r"(?:(?:train|test)/)?(?P<method>[^/]+)/(?:(?P<domain>ff|cdf)/)?frames/(?P<clip>[^/]+)/[^/]+")
METHODS = ("*/frames", "*/ff/frames", "*/cdf/frames")
PATTERNS = (*METHODS, *(f"{part}/{method}" for part in ("train", "test") for method in METHODS))
REAL_SOURCES: dict[str, DataSource] = {"ffpp": FaceForensics(), "celebdf": CelebDF()}
YOUTUBE = re.compile(r"(\d+)(?:_(\d+))?")
CELEB = re.compile(r"(id\d+)(?:_(id\d+))?_(\d+)")


class DF40:
    """Needs `reals`; the data set's name is the real source's, so that no label can be read from it."""

    title = "DF40"
    tells = "METHOD/frames/CLIP/ with pictures, for many methods"
    task = FACES

    def recognises(self, root: Path) -> str:
        if not root.is_dir() or any(source.recognises(root) for source in REAL_SOURCES.values()):
            return ""
        places = [path for pattern in PATTERNS for path in root.glob(pattern)]
        return places[0].relative_to(root).as_posix() + "/" if places else ""

    def find(self, root: Path, spec: PrepareSpec, *, confined: bool = False) -> Listing:
        grouping(spec, self.title, ("clip",))
        real = _reals(root, spec, confined)
        collector = Collector(root)
        clips: dict[tuple[str, str], list[str]] = defaultdict(list)
        for name in collector.tree.files:
            place = PLACE.fullmatch(name)
            if place and name.lower().endswith(PICTURES):
                clips[place["method"], place["clip"]].append(name)
        real = _regrouped(real, {_said(clip) for _, clip in clips})
        by_clip = {_key(item.row["video"]): item.row for item in real.items}
        for (method, clip), names in clips.items():
            target, donor = _said(clip)
            row = by_clip.get(target)
            if row is None or _crosses(row, by_clip.get(donor)):
                why = (
                    f"its real clip {target or clip} is not below --reals; without it only the data set separates "
                    "the picture from reals."
                    if row is None
                    else f"it joins {target} and {donor}, which are in two official splits."
                )
                for name in names:
                    collector.refuse(name, f"{method}/{clip}: {why}")
                continue
            chosen = thinned(names, spec.max_faces)
            for name in chosen:
                given = {key: row[key] for key in ("dataset", "group", "split", "identity")}
                collector.take(
                    name, 1, **given, donor=donor, method=method, video=f"{method}/{clip}", original=row["video"]
                )
            collector.skip(set(names) - set(chosen), f"frames beyond the {spec.max_faces} of a clip")
        if not collector.items:
            refused = f"; {collector.refusals[0][1]}" if collector.refusals else ""
            raise ValueError(f"no fake of {root} could be matched to a real clip of {spec.reals}{refused}")
        return _joined(collector.listing(real.group), real)


def _reals(root: Path, spec: PrepareSpec, confined: bool) -> Listing:
    """The real clips of `reals`, listed by their own source. Raises ValueError when they are not given or not there."""
    if not spec.reals:
        raise ValueError(
            f"{root} holds fakes only: alone it has no AUROC, and beside real faces from anywhere else a detector "
            "learns which data set a face is from. Give the real source they were made from with --reals FOLDER "
            "(FaceForensics++ or Celeb-DF-v2)."
        )
    place = Path(spec.reals).expanduser().resolve()
    if confined and not place.is_relative_to(root.resolve()):
        raise ValueError(f"{spec.reals} leads out of the upload; its real clips must lie in it")
    source = next((source for source in REAL_SOURCES.values() if place.is_dir() and source.recognises(place)), None)
    if source is None:
        known = "; ".join(f"{source.title}: {source.tells}" for source in REAL_SOURCES.values())
        raise ValueError(f"{place} is no real source that DF40 was made from ({known})")
    plain = {"siblings": "keep", "group_by": "auto", "methods": [], "compressions": []}
    listing = source.find(place, spec.model_copy(update=plain))
    items = [item for item in listing.items if item.row["label"] == 0 and item.row["dataset"] != "ffpp_dfd"]
    items = [item for item in items if not spec.compressions or item.row["compression"] in ("", *spec.compressions)]
    if not items:
        raise ValueError(f"{place} holds no real clip; DF40's fakes need theirs")
    others = len(listing.items) - len(items) + listing.passed_over
    note = [f"{counted(others, 'file')} left out: not a real clip that DF40 is made from."] if others else []
    return replace(listing, items=items, notes=[*listing.notes, *note], passed_over=others)


def _regrouped(real: Listing, said: set[tuple[str, str]]) -> Listing:
    """The real clips with those groups joined that a fake's two ids join, unless official splits keep them apart."""
    rows = {_key(item.row["video"]): item.row for item in real.items}
    pairs = [(rows[a], rows[b]) for a, b in said if a in rows and b in rows and not _crosses(rows[a], rows[b])]
    names = components((row["group"] for row in rows.values()), ((a["group"], b["group"]) for a, b in pairs))
    items = [replace(item, row={**item.row, "group": names[item.row["group"]]}) for item in real.items]
    return replace(real, items=items)


def _key(video: str) -> str:
    """`youtube/033` -> 033, `Celeb-real/id0_0000` -> id0_0000."""
    return video.split("/")[-1]


def _said(clip: str) -> tuple[str, str]:
    """(real clip, donor's id or "") that a DF40 clip's name tells: 000_003 -> 000, 003; id0_id1_0000 -> id0_0000."""
    if said := YOUTUBE.fullmatch(clip):
        return said[1], said[2] or ""
    if said := CELEB.fullmatch(clip):
        return f"{said[1]}_{said[3]}", said[2] or ""
    return "", ""


def _crosses(row: dict, donor: dict | None) -> bool:
    """Whether target and donor lie on two official splits (FF++ ids; a Celeb-DF donor is a person, not a clip)."""
    return donor is not None and bool(row["split"]) and bool(donor["split"]) and row["split"] != donor["split"]


def _joined(fakes: Listing, real: Listing) -> Listing:
    items = [SourceItem(item.file, f"reals/{item.name}", item.row) for item in real.items]
    notes = [
        *fakes.notes,
        *(f"Real source: {note}" for note in real.notes),
        "The fakes are crops made elsewhere. Where the real clips are cut here, sharpness, margin and compression of "
        "the two differ, and a detector can learn that: prefer real frames cut like the fakes, and look at the "
        "data set's own warning.",
    ]
    return replace(
        fakes,
        items=[*items, *fakes.items],
        notes=notes,
        refusals=[*fakes.refusals, *((f"reals/{name}", why) for name, why in real.refusals)],
        unlisted=[*fakes.unlisted, *(f"reals/{name}" for name in real.unlisted)],
        passed_over=fakes.passed_over + real.passed_over,
        lists={f"reals/{name}": digest for name, digest in real.lists.items()},
    )
