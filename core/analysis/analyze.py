"""One file in, one `Analysis` out: the single core call that page, demo and command share.

The answer comes in parts: stage 1 on a clip's keyframes, then every stage as it ends, evidence last. All numbers are
scored one crop a forward, so they depend on the file, the bundle and the policy, and on nothing else.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from core.analysis.consistency_checks import objections
from core.analysis.evidence import explain_face
from core.analysis.faces import FaceCandidate, FacesFound, centre_square, find_face_candidates
from core.analysis.preview import marked_frame, marked_picture
from core.analysis.spec import AnalyzeSpec
from core.analysis.verdict import abstain, input_problems, judge, rule_of
from core.artifacts.files import write_text
from core.bundles.bundle import Bundle, open_bundle
from core.bundles.load import load_bundle
from core.cascade.cascade import Cascade
from core.cascade.units import UnitResult
from core.documents.analysis import Analysis, Evidence, FaceReport
from core.documents.policy import CascadePolicy
from core.explain.pictures import save_png
from core.explain.spec import check_members
from core.media.decode import decode
from core.media.types import Media
from core.policies.origin import check_origin
from core.progress import Reporter, Silent

PICTURE = "picture.png"
"""The file's own small picture beside the document."""
SCOUT_FRAMES = 3
"""Keyframes of a clip that stage 1 sees for the first answer."""

NO_FACE = (
    "No face was found, so there is nothing to judge. If the picture is a face all the same, have the whole frame "
    "scored."
)
WHOLE = "No face was found: the centre square of the picture was scored. The members were trained on face crops."


class Analyzer:
    """A bundle kept warm. `policy` None: the bundle's own. Raises what `open_bundle`, `load` and `Cascade` raise."""

    def __init__(self, bundle: Bundle | Path | str, policy: CascadePolicy | None = None, device: str = "auto") -> None:
        self.bundle = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
        self.loaded = load_bundle(self.bundle, device)
        self.titles = {member.name: member.title for member in self.loaded.members}
        self.use_policy(policy)

    def use_policy(self, policy: CascadePolicy | None) -> None:
        """Change the exits and keep the networks. Raises ValueError when the policy is another bundle's: of other
        experts, or chosen on other scores.
        """
        if policy is not None:
            check_origin(policy, self.bundle.origin)
        policy = policy or self.bundle.policy
        self.cascade = Cascade(self.loaded.members, policy, self.loaded.meta)
        self.policy = policy

    def analyze(
        self, path: Path | str, spec: AnalyzeSpec, out: Path | None = None, report: Reporter | None = None
    ) -> Analysis:
        """Judge one file; of `spec`, everything but files, bundle, policy and device applies.

        out: folder (made if need be) for analysis.json and the PNGs it names; None: no files, and
        evidence without its pictures. `report.part` gets
        partial documents. Raises MediaRejected for a file that is not analysed, LookupError for an unknown face
        detector, ValueError for a heat map of a member that the bundle lacks, RuntimeError when the face detector
        cannot run here.
        """
        check_members(spec.heat_maps, [member.name for member in self.loaded.members])
        return _Analysis(self, Path(path), spec, out, report or Silent()).run()


class _Analysis:
    """One file's way; holds what the steps hand to each other."""

    def __init__(self, owner: Analyzer, path: Path, spec: AnalyzeSpec, out: Path | None, report: Reporter) -> None:
        self.owner, self.path, self.spec, self.out, self.report = owner, path, spec, out, report
        self.timings: dict[str, float] = {}
        self.start = time.perf_counter()

    def run(self) -> Analysis:
        report, spec = self.report, self.spec
        report.progress(0.0, "reading the file")
        with self.timed("decode"):
            media = decode(self.path, max_frames=SCOUT_FRAMES, scout=True)
        if media.kind == "video":
            self.first_look(media)
            report.progress(0.25, "reading the clip")
            with self.timed("decode"):
                media = decode(self.path, max_frames=spec.frames)
        report.progress(0.35, "finding faces")
        found, extra = self.find(media)
        results = self.judge_units(media, found, extra)
        final = self.document(media, found, results, extra)
        report.part(final.model_dump(mode="json"))
        evidence, notes = self.evidence(final, found, results)
        faces, picture = self.save_pictures(media, final, found, results)
        self.timings["total"] = time.perf_counter() - self.start
        done = final.model_copy(
            update={
                "faces": faces,
                "picture": picture,
                "evidence": evidence,
                "warnings": [*final.warnings, *notes],
                "timings": dict(self.timings),
                "complete": True,
            }
        )
        if self.out is not None:
            write_text(self.out / "analysis.json", done.model_dump_json(indent=2) + "\n")
        report.progress(1.0, done.verdict.replace("_", " "))
        return done

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.timings[step] = self.timings.get(step, 0.0) + time.perf_counter() - start

    def find(self, media: Media) -> tuple[FacesFound, list[str]]:
        """Faces, or the centre square where that was asked for; and what to warn of."""
        with self.timed("faces"):
            found = find_face_candidates(media, self.spec.detector, self.spec.max_faces)
        notes = []
        if not found.candidates and self.spec.whole_frame:
            found = FacesFound([centre_square(media)])
            notes.append(WHOLE)
        elif found.candidates and media.kind == "video" and found.seen < len(media.frames):
            notes.append(f"A face was found in {found.seen} of {len(media.frames)} frames.")
        if found.how:
            notes.append(f"No face was found in the picture as it stands; it was found {found.how}.")
        if found.cuts:
            times = ", ".join(f"{second:.1f} s" for second in found.cuts)
            notes.append(f"A cut at {times}: what stands before and after is judged as two faces.")
        if found.brief:
            notes.append(f"{found.brief} brief detection(s) were taken for mistakes of the face detector and left out.")
        return found, notes

    def first_look(self, media: Media) -> None:
        """Stage 1 on keyframes, told at once. Nothing of it enters the final answer."""
        with self.timed("first_look"):
            found = find_face_candidates(media, self.spec.detector, self.spec.max_faces)
            note = ["A first look at a few keyframes by stage 1; the whole clip is still being examined."]
            if not found.candidates:
                return
            only_first = Cascade([self.owner.cascade.stage1], _stage1_only(self.owner.policy))
            results = only_first.run([c.unit for c in found.candidates])
            for result in results:
                result.steps = result.steps[:1]
                if result.decision is not None and result.decision.decided_by != "stage1":
                    result.decision = None
            first = self.document(media, found, results, note)
        self.report.part(first.model_dump(mode="json"))

    def judge_units(self, media: Media, found: FacesFound, notes: list[str]) -> list[UnitResult]:
        """The cascade, with a partial document after every stage."""
        experts = len(self.owner.policy.experts)
        heard: list[str] = []

        def tell(member: str, results: list[UnitResult]) -> None:
            heard.append(member)
            self.report.progress(0.45 + 0.35 * len(heard) / (experts + 2), f"{member} has answered")
            self.report.part(self.document(media, found, results, notes).model_dump(mode="json"))

        results = self.owner.cascade.run(
            [candidate.unit for candidate in found.candidates],
            all_members=self.spec.all_members,
            on_stage=tell if found.candidates else None,
        )
        for result in results:
            for step in result.steps:
                if step.seconds:
                    self.timings[step.member] = self.timings.get(step.member, 0.0) + step.seconds
        return results

    def document(self, media: Media, found: FacesFound, results: list[UnitResult], notes: list[str]) -> Analysis:
        """What can be said so far, as a partial document."""
        faces = [self.face(i, c, r, media) for i, (c, r) in enumerate(zip(found.candidates, results, strict=True))]
        verdict = judge(faces, found.left_out)
        decision = faces[verdict.face].decision if verdict.face is not None else None
        return Analysis(
            sha256=media.sha256,
            file_name=self.path.name,
            media=media.describe(),
            faces=faces,
            verdict=verdict.verdict,
            p_fake=decision.p_fake if decision else None,
            decided_by=decision.decided_by if decision else None,
            reason=verdict.reason if faces else NO_FACE,
            withheld=verdict.withheld,
            rule=rule_of(len(faces), found.left_out),
            trace=decision.trace if decision else [],
            timings=dict(self.timings),
            bundle=self.owner.bundle.reference(self.owner.policy),
            warnings=[*media.warnings, *notes],
            complete=False,
        )

    def face(self, index: int, candidate: FaceCandidate, result: UnitResult, media: Media) -> FaceReport:
        decision = result.current_decision()
        deciding, shown = _deciding_member(result), _shown_frame(result)
        curve = result.frames.get(deciding, np.array([])) if media.kind == "video" else np.array([])
        timeline = [(float(t), float(p)) for t, p in zip(result.times, curve, strict=False)]
        sharpness = candidate.sharpness(self.owner.cascade.stage1.input)
        why, warnings = input_problems(candidate.side_px, sharpness, "picture" if candidate.whole else "face")
        withheld = objections(decision, self.owner.policy.final, timeline, self.owner.titles)
        if why or withheld:
            decision = abstain(decision, " ".join([why] if why else withheld))
        return FaceReport(
            face=index,
            box=candidate.shown_box(media, shown),
            shown_at=float(candidate.times[shown]),
            detection_score=candidate.score,
            frames=len(candidate.times),
            decision=decision,
            timeline=timeline,
            warnings=warnings,
        )

    def evidence(
        self, final: Analysis, found: FacesFound, results: list[UnitResult]
    ) -> tuple[list[Evidence], list[str]]:
        """Pictures for the face that decided, at its most suspicious frame, by every member that scored it; told piece
        by piece. Without a folder to keep them in, only their words and values remain.
        """
        if not (self.spec.explain and final.faces):
            return [], []
        if self.out is not None:
            return self.draw(final, found, results, self.out)
        with tempfile.TemporaryDirectory() as passing:
            pieces, notes = self.draw(final, found, results, Path(passing))
        return [piece.model_copy(update={"file": None}) for piece in pieces], notes

    def draw(
        self, final: Analysis, found: FacesFound, results: list[UnitResult], out: Path
    ) -> tuple[list[Evidence], list[str]]:
        pieces: list[Evidence] = []
        notes: list[str] = []
        self.report.progress(0.85, "drawing the evidence")
        chosen = self.chosen(final, found)
        result, candidate = results[chosen], found.candidates[chosen]
        frame = _shown_frame(result)
        scored = [step.member for step in result.steps if step.status == "scored" and step.stage != "stage3"]
        members = [self.owner.loaded.member(name) for name in scored]
        crops = [candidate.crops(member.input)[frame] for member in members]
        start = time.perf_counter()
        drawn = explain_face(members, crops, chosen, final.verdict, out, self.spec.heat_maps)
        for done, (fresh, note) in enumerate(drawn, 1):
            pieces += fresh
            notes += [note] if note else []
            self.timings["evidence"] = time.perf_counter() - start
            if self.out is not None:
                self.report.part(final.model_copy(update={"evidence": list(pieces)}).model_dump(mode="json"))
            self.report.progress(0.85 + 0.14 * done / (len(members) + 1), "drawing the evidence")
        return pieces, notes

    def chosen(self, final: Analysis, found: FacesFound) -> int:
        """Index of the face that decided. final must have faces."""
        face = judge(final.faces, found.left_out).face
        assert face is not None
        return face

    def save_pictures(
        self, media: Media, final: Analysis, found: FacesFound, results: list[UnitResult]
    ) -> tuple[list[FaceReport], str | None]:
        """PNGs: a face's crop as stage 1 saw it in the frame that is shown, and that frame with its faces marked."""
        if self.out is None:
            return final.faces, None
        faces = []
        shown = [_shown_frame(result) for result in results]
        for face, candidate, frame in zip(final.faces, found.candidates, shown, strict=True):
            name = f"face_{face.face}.png"
            save_png(self.out / name, candidate.crops(self.owner.cascade.stage1.input)[frame])
            faces.append(face.model_copy(update={"crop": name}))
        if faces:
            chosen = self.chosen(final, found)
            picture = marked_frame(found.candidates, chosen, shown[chosen])
        else:
            picture = marked_picture(media.frames[len(media.frames) // 2].rgb)
        save_png(self.out / PICTURE, picture)
        return faces, PICTURE


def _stage1_only(policy: CascadePolicy) -> CascadePolicy:
    return policy.model_copy(update={"experts": []})


def _deciding_member(result: UnitResult) -> str:
    """Whose curve to show: the member at whose step the unit left, else the last that scored."""
    scored = [step for step in result.steps if step.status == "scored"]
    exits = [step for step in scored if step.outcome in ("real", "fake")]
    if exits:
        return exits[0].member
    return scored[-1].member if scored else "stage1"


def _shown_frame(result: UnitResult) -> int:
    """The most suspicious frame to the member whose curve is shown; the first where nobody scored."""
    return int(np.argmax(result.frames.get(_deciding_member(result), np.zeros(len(result.times)))))
