"""Celeb-DF-v2 (Li et al., CVPR 2020), with its official test list, whose labels are the other way round: 1 = real.

Layout: Celeb-real/id0_0000.mp4, YouTube-real/00000.mp4, Celeb-synthesis/id0_id1_0000.mp4 (footage id0_0000 with the
face of id1), or frames in FOLDER/frames/CLIP/; List_of_testing_videos.txt with lines "1 YouTube-real/00170.mp4".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from core.data.manifest.tables import ManifestError
from core.data.sources.base import CLIPS, PICTURES, Collector, Listing, counted, grouping, thinned
from core.data.sources.walk import read_list
from core.data.spec import PrepareSpec
from core.task import FACES

LABELS = {"Celeb-real": 0, "YouTube-real": 0, "Celeb-synthesis": 1}
TEST_LIST = "List_of_testing_videos.txt"
PLACE = re.compile(r"(?P<folder>[^/]+)/(?:frames/(?P<frames>[^/]+)/[^/]+|(?:videos/)?(?P<video>[^/]+)\.\w+)")
NAMES = {
    "Celeb-real": re.compile(r"(?P<target>id\d+)_(?P<take>\d+)"),
    "YouTube-real": re.compile(r"(?P<take>\d+)"),
    "Celeb-synthesis": re.compile(r"(?P<target>id\d+)_(?P<donor>id\d+)_(?P<take>\d+)"),
}
LINE = re.compile(r"([01])\s+(\S+)")


class Clip(NamedTuple):
    """video: FOLDER/NAME; source: the footage it shows; files: one video, or frames."""

    label: int
    video: str
    source: str
    target: str
    donor: str
    files: list[str]


class CelebDF:
    """The official list is the test split and nothing else is; the rest is cut by a hash of the footage."""

    title = "Celeb-DF-v2"
    tells = "Celeb-real/, Celeb-synthesis/, YouTube-real/"
    task = FACES

    def recognises(self, root: Path) -> str:
        names = [name for name in LABELS if (root / name).is_dir()]
        return " and ".join(f"{name}/" for name in names)

    def find(self, root: Path, spec: PrepareSpec, *, confined: bool = False) -> Listing:
        by = grouping(spec, self.title, ("clip", "identity"))
        collector = Collector(root)
        clips = list(_clips(collector))
        tested = _tested(collector, clips) if spec.keep_splits else set()
        if tested and by == "identity":
            raise ValueError(
                f"{TEST_LIST} puts people into several splits: with --group-by identity no one is left for training; "
                "use "
                "--group-by clip, or cut new splits with --no-keep-splits"
            )
        behind = {clip.source for clip in clips if clip.video in tested}
        left_out, siblings = 0, 0
        for clip in clips:
            group = clip.target if by == "identity" and clip.target else clip.source
            sibling = clip.source in behind and clip.video not in tested
            if sibling and spec.siblings == "leave_out":
                left_out += 1
                collector.skip(clip.files, f"footage that {TEST_LIST} tests in another version")
                continue
            siblings += sibling
            shown = thinned(clip.files, spec.max_faces)
            for name in shown:
                collector.take(
                    name,
                    clip.label,
                    dataset="celebdf",
                    group=f"{group} (training side)" if sibling else group,
                    split="test" if clip.video in tested else "train" if tested else "",
                    method="Celeb-synthesis" if clip.label else "none",
                    identity=clip.target,
                    donor=clip.donor,
                    video=clip.video,
                    original=clip.source if clip.label else "",
                )
            collector.skip(set(clip.files) - set(shown), f"frames beyond the {spec.max_faces} of a clip")
        collector.notes += _notes(clips, tested, left_out, siblings, by)
        return collector.listing(
            "the celebrity whose footage it is; YouTube clips by themselves"
            if by == "identity"
            else "the footage: Celeb-real/id0_0000 and every fake id0_*_0000 made from it; YouTube clips by themselves"
        )


def _clips(collector: Collector) -> Iterator[Clip]:
    files: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in collector.tree.files:
        place = PLACE.fullmatch(name)
        suffixes = PICTURES if place and place["frames"] else CLIPS
        if place and place["folder"] in LABELS and name.lower().endswith(suffixes):
            files[place["folder"], place["video"] or place["frames"]].append(name)
    for (folder, clip), names in files.items():
        videos = [name for name in names if name.lower().endswith(CLIPS)]
        if videos:
            collector.skip(set(names) - set(videos), "frames whose clip is there too")
            names = videos
        parts_of_name = NAMES[folder].fullmatch(clip)
        if parts_of_name is None:
            for name in names:
                collector.refuse(name, f"{clip!r} is no clip name of {folder}; whose footage it shows is unknown.")
            continue
        parts = {"target": "", "donor": "", **parts_of_name.groupdict()}
        source = f"Celeb-real/{parts['target']}_{parts['take']}" if parts["target"] else f"{folder}/{clip}"
        yield Clip(LABELS[folder], f"{folder}/{clip}", source, parts["target"], parts["donor"], names)


def _tested(collector: Collector, clips: list[Clip]) -> set[str]:
    """Videos of the official list that are there. Its 1 means real. Raises ManifestError for contradictions."""
    if TEST_LIST not in collector.names:
        collector.notes.append(f"{TEST_LIST} is not there: every split is cut by hash, and none is the official test.")
        return set()
    videos = {clip.video for clip in clips}
    problems, tested = [], set()
    for number, line in enumerate(read_list(collector.use(TEST_LIST)).splitlines(), 1):
        if not line.strip():
            continue
        entry = LINE.fullmatch(line.strip())
        folder = entry[2].split("/")[0] if entry else ""
        if entry is None or folder not in LABELS:
            problems.append(f"{TEST_LIST} line {number}: {line.strip()[:80]!r} is no `1 YouTube-real/00170.mp4`")
        elif 1 - int(entry[1]) != LABELS[folder]:
            word = "real" if entry[1] == "1" else "fake"
            problems.append(
                f"{TEST_LIST} line {number}: {entry[2]} is called {word} (its 1 = real) but lies in {folder}"
            )
        elif (video := entry[2].rsplit(".", 1)[0]) in videos:
            tested.add(video)
        else:
            collector.refuse(entry[2], f"{TEST_LIST} line {number} names it, and it is not there.")
    if problems:
        raise ManifestError(TEST_LIST, problems)
    return tested


def _notes(clips: list[Clip], tested: set[str], left_out: int, siblings: int, by: str) -> Iterator[str]:
    if left_out:
        yield (
            f"Footage of the official test is not used for training: {counted(left_out, 'clip')} left out. "
            "`siblings: keep` takes them into training, as published results do."
        )
    if siblings:
        yield f"{counted(siblings, 'clip')} of tested footage kept for training, as published: the test becomes easier."
    on_test = {clip.target for clip in clips if clip.video in tested and clip.target}
    off_test = {clip.target for clip in clips if clip.video not in tested and clip.target}
    if on_test & off_test:
        yield (
            f"{len(on_test & off_test):,} of {len(on_test):,} tested celebrities also seen outside the "
            "official test: it measures new footage of known people. Without the official splits, and grouped by "
            "identity, people are kept apart."
        )
    donors = {(clip.target, clip.donor) for clip in clips if clip.donor}
    if donors:
        yield (
            f"{counted(len(donors), 'pair')} of celebrities with faces swapped. Groups follow the footage ({by}); the "
            "face of a fake can be seen in another split, because joining every pair would put nearly all into one "
            "group."
        )
