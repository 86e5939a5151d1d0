"""FaceForensics++ (Rossler et al., ICCV 2019) with FaceShifter and DeepFakeDetection, in any compression.

Layout: original_sequences/{actors,youtube}/C/videos, manipulated_sequences/METHOD/C/videos, C one of raw, c23, c40;
beside or instead of videos/ also frames/CLIP or images/CLIP. splits/{train,val,test}.json are lists of pairs of ids.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from core.data.manifest.tables import ManifestError
from core.data.sources.base import CLIPS, PICTURES, Collector, Listing, counted, grouping, thinned
from core.data.sources.links import components
from core.data.sources.walk import read_listed_json
from core.data.spec import PrepareSpec
from core.task import FACES

PLACE = re.compile(
    r"(?P<kind>original|manipulated)_sequences/(?P<method>[^/]+)/(?P<compression>raw|c\d+)/"
    r"(?:videos/(?P<video>[^/]+)\.\w+|(?:frames|images)/(?P<frames>[^/]+)/[^/]+)"
)
NAMES = {
    ("original", False): re.compile(r"(?P<target>\d+)"),
    ("manipulated", False): re.compile(r"(?P<target>\d+)_(?P<donor>\d+)"),
    ("original", True): re.compile(r"(?P<target>\d+)__(?P<scene>.+)"),
    ("manipulated", True): re.compile(r"(?P<target>\d+)_(?P<donor>\d+)__(?P<scene>.+)__[^_]+"),
}
ACTED = ("actors", "DeepFakeDetection")
SPLITS = {word: f"splits/{word}.json" for word in ("train", "val", "test")}
GROUP = (
    "YouTube ids that any fake or any pair of the official lists joins (033, 097, 033_097 and 097_033 are one group); "
    "of DeepFakeDetection, the actor whose footage it is"
)


class Clip(NamedTuple):
    """One clip in one compression: its files (one video, or frames) and what its place and name say."""

    label: int
    method: str
    compression: str
    name: str
    acted: bool
    target: str
    donor: str
    scene: str
    files: list[str]

    @property
    def video(self) -> str:
        return f"{self.method}/{self.name}"

    @property
    def original(self) -> str:
        """The real clip that a fake was made of, by folder and number; empty for a real one."""
        if not self.label:
            return ""
        return f"actors/{self.target}__{self.scene}" if self.acted else f"youtube/{self.target}"


class FaceForensics:
    """All methods and compressions; the official pair lists decide the splits of the YouTube clips."""

    title = "FaceForensics++"
    tells = "original_sequences/ and manipulated_sequences/"
    task = FACES

    def recognises(self, root: Path) -> str:
        names = [name for name in ("original_sequences", "manipulated_sequences") if (root / name).is_dir()]
        return " and ".join(f"{name}/" for name in names)

    def find(self, root: Path, spec: PrepareSpec, *, confined: bool = False) -> Listing:
        grouping(spec, self.title, ("identity",))
        collector = Collector(root)
        clips = list(_clips(collector))
        official, pairs = _official(collector) if spec.keep_splits else ({}, [])
        youtube = [clip for clip in clips if not clip.acted]
        joined = pairs + [(clip.target, clip.donor) for clip in youtube if clip.donor]
        group_of = components([*official, *(clip.target for clip in youtube)], joined)
        _refuse_crossing(youtube, official, group_of)
        word_of = {group_of[item]: word for item, word in official.items()}
        for clip in clips:
            columns = {
                "dataset": "ffpp_dfd" if clip.acted else "ffpp",
                "group": f"actor {clip.target}" if clip.acted else group_of[clip.target],
                "split": "" if clip.acted else word_of.get(group_of[clip.target], "train" if official else ""),
                "method": clip.method if clip.label else "none",
                "compression": clip.compression,
                "identity": f"actor {clip.target}" if clip.acted else clip.target,
                "donor": f"actor {clip.donor}" if clip.acted and clip.donor else clip.donor,
                "video": clip.video,
                "original": clip.original,
            }
            chosen = thinned(clip.files, spec.max_faces)
            for name in chosen:
                collector.take(name, clip.label, **columns)
            collector.skip(set(clip.files) - set(chosen), f"frames beyond the {spec.max_faces} of a clip")
        collector.notes += _notes(clips, official)
        return collector.listing(GROUP)


def _clips(collector: Collector) -> Iterator[Clip]:
    """Every clip, its name understood; frames of a clip whose video is there too are left out."""
    files: dict[tuple[str, ...], list[str]] = defaultdict(list)
    videos = set()
    for name in collector.tree.files:
        place = PLACE.fullmatch(name)
        if place is None or not name.lower().endswith(CLIPS if place["video"] else PICTURES):
            continue
        key = (place["kind"], place["method"], place["compression"], place["video"] or place["frames"])
        if place["video"]:
            videos.add(key)
        files[(*key, "" if place["video"] else "frames")].append(name)
    doubles = [name for key, names in files.items() if key[4] and key[:4] in videos for name in names]
    collector.skip(doubles, "frames whose clip is there too")
    for (kind, method, compression, clip, frames), names in files.items():
        if frames and (kind, method, compression, clip) in videos:
            continue
        parts_of_name = NAMES[kind, method in ACTED].fullmatch(clip)
        if parts_of_name is None or (kind == "original") != (method in ("youtube", "actors")):
            for name in names:
                collector.refuse(name, f"{clip!r} is no clip name of {method}; which clip it was made from is unknown.")
            continue
        parts = {"donor": "", "scene": "", **parts_of_name.groupdict()}
        label = int(kind == "manipulated")
        yield Clip(label, method, compression, clip, method in ACTED, parts["target"], parts["donor"], parts["scene"],
                   names)  # fmt: skip


def _official(collector: Collector) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Split word of each listed id, and the pairs. Raises ManifestError for an id on two lists."""
    official: dict[str, str] = {}
    pairs: list[tuple[str, str]] = []
    problems = []
    missing = [name for name in SPLITS.values() if name not in collector.names]
    for word, name in SPLITS.items():
        if name in missing:
            continue
        document = read_listed_json(collector.use(name))
        for number, pair in enumerate(document if isinstance(document, list) else [None], 1):
            if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(item, str) for item in pair):
                problems.append(f'{name} entry {number}: a pair of ids such as ["033", "097"] is expected')
                continue
            pairs.append((pair[0], pair[1]))
            for item in pair:
                if official.setdefault(item, word) != word:
                    problems.append(f"{name} entry {number}: id {item!r} is in {SPLITS[official[item]]} too")
    if problems:
        raise ManifestError("splits", problems)
    if missing:
        collector.notes.append(f"Official split lists that are not there: {', '.join(missing)}.")
    return official, pairs


def _refuse_crossing(clips: list[Clip], official: dict[str, str], group_of: dict[str, str]) -> None:
    """Raises ManifestError naming every fake whose two clips lie on two official splits, and every joined group."""
    problems = [
        f"{clip.files[0]}: joins {clip.target} ({official[clip.target]}) with {clip.donor} ({official[clip.donor]}); "
        "remove it, or cut new splits with --no-keep-splits"
        for clip in clips
        if clip.donor and official.get(clip.target, "") != official.get(clip.donor, "") and
        {clip.target, clip.donor} <= official.keys()
    ]  # fmt: skip
    words: dict[str, set[str]] = defaultdict(set)
    for item, word in official.items():
        words[group_of[item]].add(word)
    if not problems:
        problems = [
            f"group {group}: fakes join ids of the official lists {' and '.join(sorted(splits))}; cut new splits with "
            "--no-keep-splits"
            for group, splits in words.items()
            if len(splits) > 1
        ]
    if problems:
        raise ManifestError("FaceForensics++", problems)


def _notes(clips: list[Clip], official: dict[str, str]) -> Iterator[str]:
    originals = {clip.target for clip in clips if not clip.acted and not clip.label}
    if official and official.keys() - originals:
        absent = sorted(official.keys() - originals)
        some = ", ".join(absent[:5])
        yield f"{counted(len(absent), 'id')} of the official lists without an original clip here, e.g. {some}."
    free = {clip.target for clip in clips if not clip.acted} - official.keys()
    if official and free:
        some = ", ".join(sorted(free)[:5])
        yield f"{counted(len(free), 'id')} on no official list ({some}): as their pair, else in training."
    if any(clip.acted for clip in clips):
        donors = len({(clip.target, clip.donor) for clip in clips if clip.acted and clip.donor})
        yield (
            "DeepFakeDetection has no official list: split by the actor whose footage it is. "
            f"An actor's face can still be seen on two sides, because actors exchange faces "
            f"({counted(donors, 'pair')}); joining every pair would leave one group."
        )
