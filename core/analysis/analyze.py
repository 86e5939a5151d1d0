"""Analyze one file with an opened bundle: the one core call that page, demo and command share.

The way of a file, in the order of `Analyzer.analyze`: decode it (`core.media`), find its faces (`faces`), run the
cascade (`core.cascade`), check the answer and write the document (`document`, `consistency_checks`, `verdict`), store
it, draw the evidence (`evidence`).

The answer comes in parts: stage 1 on a clip's keyframes, then each stage as it ends, the evidence last. Every crop is
scored in a forward pass of its own, so the numbers depend on the file, the bundle and the policy, and on nothing else.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from core.analysis.document import Basis, Case, Timings, analysis_document, shown_frame
from core.analysis.evidence import EvidenceTask, TimeBudget, draw_evidence
from core.analysis.faces import faces_to_judge, find_face_candidates
from core.analysis.preview import save_pictures
from core.analysis.spec import AnalyzeSpec
from core.analysis.verdict import judge
from core.artifacts.files import write_text
from core.bundles.bundle import Bundle
from core.bundles.load import load_bundle
from core.cascade.cascade import Cascade
from core.cascade.units import UnitResult
from core.documents.analysis import DOCUMENT, Analysis
from core.documents.policy import CascadePolicy
from core.explain.spec import check_members
from core.media.decode import decode
from core.media.types import Media
from core.policies.origin import check_origin
from core.progress import Reporter, Silent

SCOUT_FRAMES = 3
"""Keyframes of a clip that stage 1 sees for the first answer."""
FIRST_LOOK = "This is a first look at a few keyframes by stage 1. The whole clip is still being examined."


class Analyzer:
    """A loaded bundle that analyzes one file after the other.

    Attributes:
        bundle: The opened bundle.
        loaded: Its networks.
        titles: Title by member.
        policy: The exits in use.
        cascade: Members and exits together.
    """

    def __init__(self, bundle: Bundle, policy: CascadePolicy | None = None, device: str = "auto") -> None:
        """Load the networks of an opened bundle.

        Args:
            bundle: From `open_bundle`.
            policy: The exits to use; None: the bundle's own.
            device: auto, cpu, cuda or cuda:N.

        Raises:
            BundleError: A file of the bundle does not fit.
            OtherScores: The policy belongs to other detectors.
            ValueError: Members and policy do not fit together.
        """
        self.bundle = bundle
        self.loaded = load_bundle(bundle, device)
        self.titles = {member.name: member.title for member in self.loaded.members}
        self.use_policy(policy)

    def use_policy(self, policy: CascadePolicy | None) -> None:
        """Change the exits and keep the networks.

        Args:
            policy: None: the bundle's own.

        Raises:
            OtherScores: The policy was made for other experts, or chosen on other scores.
            ValueError: Members and policy do not fit together.
        """
        if policy is not None:
            check_origin(policy, self.bundle.origin)
        policy = policy or self.bundle.policy
        self.cascade = Cascade(self.loaded.members, policy, self.loaded.meta)
        self.policy = policy

    def analyze(
        self,
        path: Path,
        spec: AnalyzeSpec,
        out: Path | None = None,
        report: Reporter | None = None,
        seconds_left: Callable[[], float | None] = lambda: None,
    ) -> Analysis:
        """Analyze one file.

        The verdict is stored and reported before the evidence begins, so that it is there whatever happens then.

        Args:
            path: An image or a clip.
            spec: All of it applies but files, bundle, policy and device.
            out: Folder for analysis.json and the PNGs that it names; made when it does not exist. None: nothing is
                written, and the evidence has no pictures.
            report: Receives progress, and partial documents through `part`.
            seconds_left: Seconds until the analysis will be ended; None: no limit. Evidence that does not fit into
                them is left out and named in a warning.

        Returns:
            The complete document.

        Raises:
            MediaRejected: The file is not analysed.
            LookupError: There is no such face detector.
            ValueError: The spec asks for a heat map of a member that the bundle does not have.
            RuntimeError: The face detector cannot run here.
            Cancelled: The report asked for a stop.
        """
        check_members(spec.heat_maps, [member.name for member in self.loaded.members])
        report, timings, basis = report or Silent(), Timings(), self._basis()
        report.progress(0.0, "Reading the file")
        with timings.step("decode"):
            media = decode(path, max_frames=SCOUT_FRAMES, scout=True)
        if media.kind == "video":
            self._first_look(path.name, media, spec, timings, report)
            report.progress(0.25, "Reading the clip")
            with timings.step("decode"):
                media = decode(path, max_frames=spec.frames)
        report.progress(0.35, "Finding faces")
        with timings.step("faces"):
            faces, notes = faces_to_judge(media, spec)
        case = Case(path.name, media, faces, notes, timings)
        self._run_cascade(case, spec, report)
        verdict = analysis_document(case, basis)
        if out is not None:
            shown = [shown_frame(result) for result in case.results]
            verdict = save_pictures(verdict, media, faces, shown, basis.stage1_input, out)
        _store(verdict, out)
        report.part(verdict.model_dump(mode="json"))
        if spec.explain and verdict.faces:
            budget = TimeBudget(seconds_left)
            verdict = self._add_evidence(verdict, case, spec, out, report, budget)
        done = verdict.model_copy(update={"timings": timings.with_total(), "complete": True})
        _store(done, out)
        report.progress(1.0, f"Verdict: {done.verdict.replace('_', ' ')}")
        return done

    def _basis(self) -> Basis:
        reference = self.bundle.reference(self.policy)
        return Basis(reference, self.policy.final, self.titles, self.cascade.stage1.input)

    def _first_look(self, file_name: str, media: Media, spec: AnalyzeSpec, timings: Timings, report: Reporter) -> None:
        """Report what stage 1 alone finds on a few keyframes of a clip. Nothing of it enters the final answer."""
        with timings.step("first_look"):
            faces = find_face_candidates(media, spec.detector, spec.max_faces)
            if not faces.candidates:
                return
            case = Case(file_name, media, faces, [FIRST_LOOK], timings)
            stage1_policy = self.policy.model_copy(update={"experts": []})
            case.results = Cascade([self.cascade.stage1], stage1_policy).run([c.unit for c in faces.candidates])
            for result in case.results:
                # Only stage 1 was there: the missing later stages are no part of the answer.
                result.steps = result.steps[:1]
                if result.decision is not None and result.decision.decided_by != "stage1":
                    result.decision = None
            first = analysis_document(case, self._basis())
        report.part(first.model_dump(mode="json"))

    def _run_cascade(self, case: Case, spec: AnalyzeSpec, report: Reporter) -> None:
        """Run the cascade on the faces and report a partial document after every stage."""
        basis, done = self._basis(), 0

        def after_stage(member: str, results: list[UnitResult]) -> None:
            nonlocal done
            done += 1
            case.results = results
            share = done / (len(self.policy.experts) + 2)
            title = self.titles.get(member)
            report.progress(0.45 + 0.35 * share, f"{title} is done" if title else "The last stage is done")
            report.part(analysis_document(case, basis).model_dump(mode="json"))

        case.results = self.cascade.run(
            [candidate.unit for candidate in case.faces.candidates],
            all_members=spec.all_members,
            on_stage=after_stage if case.faces.candidates else None,
        )
        for step in (step for result in case.results for step in result.steps):
            if step.seconds:
                case.timings.add(step.member, step.seconds)

    def _add_evidence(
        self, verdict: Analysis, case: Case, spec: AnalyzeSpec, out: Path | None, report: Reporter, budget: TimeBudget
    ) -> Analysis:
        """Draw the evidence of the face that decided, at its most suspicious frame, by every member that scored it."""
        face = judge(verdict.faces, case.faces.left_out).face
        assert face is not None  # there are faces
        tasks = self._evidence_tasks(case, face)
        with tempfile.TemporaryDirectory() as scratch, case.timings.step("evidence"):
            drawing = draw_evidence(tasks, face, verdict.verdict, out or Path(scratch), spec.heat_maps, budget)
            report.progress(0.85, "Drawing the evidence")
            for done, (pieces, warnings) in enumerate(drawing, 1):
                if out is None:  # without a folder to keep the pictures in, words and values remain
                    pieces = [piece.model_copy(update={"file": None}) for piece in pieces]
                evidence, notes = [*verdict.evidence, *pieces], [*verdict.warnings, *warnings]
                verdict = verdict.model_copy(update={"evidence": evidence, "warnings": notes})
                if out is not None:
                    _store(verdict, out)
                    report.part(verdict.model_dump(mode="json"))
                report.progress(0.85 + 0.14 * min(1.0, done / (len(tasks) + 1)), "Drawing the evidence")
        return verdict

    def _evidence_tasks(self, case: Case, face: int) -> list[EvidenceTask]:
        """One task for each member that scored a face."""
        result, candidate = case.results[face], case.faces.candidates[face]
        frame, tasks = shown_frame(result), []
        for step in result.steps:
            if step.status == "scored" and step.stage != "stage3":
                member = self.loaded.member(step.member)
                crop = candidate.crops(member.input)[frame]
                tasks.append(EvidenceTask(member, crop, step.seconds / len(result.times)))
        return tasks


def _store(document: Analysis, out: Path | None) -> None:
    if out is not None:
        write_text(out / DOCUMENT, document.model_dump_json(indent=2) + "\n")
