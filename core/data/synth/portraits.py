"""The demo data set: a plan of pictures, each a pure function of the seed, and the manifest of what was drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from core.artifacts.files import write_bytes
from core.data.synth.camera import last_save, photograph, saved_before
from core.data.synth.fields import stream
from core.data.synth.forge import Plate, box_of, makers
from core.data.synth.people import Identity, Shot, as_donor, draw_identity, draw_shot
from core.data.synth.render import render
from core.progress import Reporter

PICTURES = 4
"""Of every identity: two real, and two more pictures of it that are faked."""

BLOCK = 5
"""In every block of so many identities the first two lend each other their faces: they form one group."""


@dataclass(frozen=True)
class Item:
    """One picture of the plan. donor: the identity whose face a swap takes, else None."""

    identity: int
    picture: int
    method: str
    donor: int | None
    group: str

    @property
    def label(self) -> int:
        return int(self.method != "none")

    @property
    def path(self) -> str:
        return f"pictures/{self.identity:04d}_{self.picture}.jpg"


def plan(identities: int) -> list[Item]:
    """Plan all pictures: half real, half fake, the same people in both, every method equally often (within one round).

    Args:
        identities: Number of people.

    Returns:
        PICTURES items for each person.
    """
    others = [name for name in makers.names() if name != "face_swap"]
    items, turn = [], 0
    for person in range(identities):
        place = person % BLOCK
        partner = person + 1 - 2 * place if place < 2 and person + 1 - 2 * place < identities else None
        leader = person if partner is None else min(person, partner)
        for picture in range(PICTURES):
            method, donor = "none", None
            if picture == 2 and partner is not None:
                method, donor = "face_swap", partner
            elif picture >= 2:
                method, turn = others[turn % len(others)], turn + 1
            items.append(Item(person, picture, method, donor, f"person-{leader:04d}"))
    return items


def draw_item(seed: int, item: Item, size: int) -> tuple[bytes, tuple[int, int, int, int]]:
    """Draw one picture. Real and fake go through the same camera and the same saves.

    Args:
        seed: Seed of the population.
        item: What to draw.
        size: Pixels a side.

    Returns:
        The file (JPEG), and the box (x, y, w, h) of what was manipulated, zeros for a real one.
    """
    shot = draw_shot(seed, item.identity, item.picture)
    who = draw_identity(seed, item.identity)
    plate = _plate(who, shot, size, stream(seed, "camera", item.identity, item.picture))
    rng = stream(seed, "life", item.identity, item.picture)
    rgb, box = saved_before(plate.rgb, rng), (0, 0, 0, 0)
    if item.label:
        donor = None
        if item.donor is not None:
            # a swap engine renders the other face in the target's pose, in a light of its own
            other = replace(shot, key=shot.key * np.float32(0.9), gloss=shot.gloss * 0.8)
            face = as_donor(draw_identity(seed, item.donor), who)
            donor = _plate(face, other, size, stream(seed, "camera", item.identity, item.picture, "donor"))
        forge = stream(seed, "forge", item.identity, item.picture)
        rgb, mask = makers.get(item.method)(replace(plate, rgb=rgb), donor, forge)
        box = box_of(mask)
    return last_save(saved_before(rgb, rng), rng), box


def _plate(who: Identity, shot: Shot, size: int, camera: np.random.Generator) -> Plate:
    portrait = render(who, shot, size)
    return Plate(photograph(portrait.rgb, camera), portrait.landmarks, portrait.face, portrait.height)


def draw_portraits(folder: Path, seed: int, identities: int, size: int, report: Reporter) -> pd.DataFrame:
    """Draw the whole plan below a folder. Files that stand there are kept.

    Args:
        folder: Where the pictures go.
        seed: Seed of the population.
        identities: Number of people.
        size: Pixels a side.
        report: Receives the progress.

    Returns:
        Manifest rows: path, label, dataset, group, method, identity, donor, plant_x, plant_y, plant_w, plant_h
        (pixels).
    """
    items, rows = plan(identities), []
    boxes = _known_boxes(folder)
    for done, item in enumerate(items):
        report.progress(done / len(items), f"Drawing portrait {done + 1:,} of {len(items):,}")
        if item.path not in boxes or not (folder / item.path).is_file():
            data, boxes[item.path] = draw_item(seed, item, size)
            write_bytes(folder / item.path, data)
            with open(folder / "boxes.csv", "a", encoding="utf-8") as stream_:
                stream_.write(",".join([item.path, *map(str, boxes[item.path])]) + "\n")
        rows.append(_row(item, boxes[item.path]))
    return pd.DataFrame(rows)


def _known_boxes(folder: Path) -> dict[str, tuple[int, int, int, int]]:
    """What an interrupted run has drawn; a torn last line is drawn again."""
    journal, boxes = folder / "boxes.csv", {}
    if journal.is_file():
        for line in journal.read_text(encoding="utf-8").splitlines():
            path, *numbers = line.split(",")
            if len(numbers) == 4 and all(number.isdigit() for number in numbers):
                boxes[path] = tuple(int(number) for number in numbers)
    return boxes  # type: ignore[return-value]


def _row(item: Item, box: tuple[int, int, int, int]) -> dict[str, object]:
    donor = "" if item.donor is None else f"person-{item.donor:04d}"
    return {
        "path": item.path,
        "label": item.label,
        "dataset": "demo",
        "group": item.group,
        "method": item.method,
        "identity": f"person-{item.identity:04d}",
        "donor": donor,
        **dict(zip(("plant_x", "plant_y", "plant_w", "plant_h"), map(float, box), strict=True)),
    }
