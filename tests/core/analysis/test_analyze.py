"""One file through the whole of it: a real photograph, a clip made of it, and files that cannot be judged."""

from __future__ import annotations

import json

import av
import numpy as np
import pytest
from PIL import Image
from skimage import data as photographs

from core.analysis.analyze import Analyzer
from core.analysis.evidence import EvidenceTask, TimeBudget
from core.analysis.faces import FaceCandidate, find_face_candidates
from core.analysis.spec import AnalyzeSpec
from core.analysis.verdict import abstain, input_problems, judge, rule_of
from core.bundles.bundle import open_bundle
from core.data.faces.types import FaceDetection
from core.documents.analysis import Analysis, FaceReport
from core.documents.decision import Decision
from core.documents.policy import Exits
from core.media.types import Frame, Media, MediaRejected
from core.progress import Cancelled
from tests.support.tiny_bundle import build_tiny_bundle, tiny_policy

SPEC = AnalyzeSpec(files=["x"], frames=6)


class Listener:
    """Keeps what a reporter hears."""

    def __init__(self):
        self.parts, self.fractions = [], []

    def progress(self, fraction, message):
        self.fractions.append(fraction)

    def metric(self, step, values):
        pass

    def part(self, document):
        self.parts.append(Analysis.model_validate(document))


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory):
    return Analyzer(open_bundle(build_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")), device="cpu")


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("media") / "astronaut.png"
    Image.fromarray(photographs.astronaut()).save(path)
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Two seconds in which the astronaut drifts to the side."""
    path = tmp_path_factory.mktemp("media") / "clip.mp4"
    picture = photographs.astronaut()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"g": "5"})
        stream.width, stream.height, stream.pix_fmt = 400, 300, "yuv420p"
        for i in range(20):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:300, 2 * i : 400 + 2 * i]), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A photograph without a face."""
    path = tmp_path_factory.mktemp("media") / "coffee.png"
    Image.fromarray(photographs.coffee()).save(path)
    return path


def numbers(analysis):
    """Everything of an analysis that must not depend on the moment."""
    document = analysis.model_dump(mode="json", exclude={"timings"})
    steps = [*document["trace"], *(step for face in document["faces"] for step in face["decision"]["trace"])]
    for step in steps:
        step.pop("seconds")
    return document


def test_a_photograph_gets_a_verdict_with_its_trace_and_evidence(analyzer, photo, tmp_path):
    heard = Listener()
    found = analyzer.analyze(photo, SPEC, tmp_path / "out", heard)
    assert found.complete
    assert found.verdict in ("real", "fake", "uncertain")
    assert (found.media["width"], found.media["height"]) == (512, 512)
    assert len(found.faces) == 1
    x, y, w, h = found.faces[0].box
    assert 150 < x + w / 2 < 300
    assert 60 < y + h / 2 < 200
    assert [step.member for step in found.trace] == ["stage1", "texture", "other", "stage3"]
    assert found.decided_by == "stage3"
    assert found.p_fake == found.trace[-1].p_fake
    assert found.bundle.sha256 == open_bundle(analyzer.bundle.path).sha256
    assert {e.member for e in found.evidence if e.kind == "grad_cam"} == {"stage1", "texture", "other"}
    for name in [*(e.file for e in found.evidence), found.faces[0].crop, found.picture]:
        assert Image.open(tmp_path / "out" / name).size[0] > 16
    assert Analysis.model_validate_json((tmp_path / "out" / "analysis.json").read_text()) == found
    assert set(found.timings) >= {"decode", "faces", "stage1", "evidence", "total"}
    assert heard.fractions == sorted(heard.fractions)
    assert heard.fractions[-1] == 1.0


def test_parts_arrive_stage_by_stage_and_agree_with_the_end(analyzer, photo, tmp_path):
    heard = Listener()
    end = analyzer.analyze(photo, SPEC, tmp_path, heard)
    assert not any(part.complete for part in heard.parts)
    lengths = [len(part.trace) for part in heard.parts]
    assert lengths[:4] == [1, 2, 3, 4]
    for part in heard.parts:
        for early, late in zip(part.trace, end.trace, strict=False):
            assert early == late


def test_the_same_file_gives_the_same_numbers_in_any_company(analyzer, photo, clip, tmp_path):
    first = analyzer.analyze(photo, SPEC, tmp_path / "a")
    analyzer.analyze(clip, SPEC)
    again = Analyzer(open_bundle(analyzer.bundle.path), device="cpu").analyze(photo, SPEC, tmp_path / "b")
    assert numbers(first) == numbers(again)


def test_a_clip_is_answered_first_from_keyframes_then_whole(analyzer, clip):
    heard = Listener()
    found = analyzer.analyze(clip, SPEC.model_copy(update={"explain": False}), None, heard)
    assert found.media["kind"] == "video"
    assert [face.frames for face in found.faces] == [6]
    times = [t for t, _ in found.faces[0].timeline]
    assert times == sorted(times)
    assert times[0] < 0.5
    assert times[-1] > 1.4
    assert all(0 <= p <= 1 for _, p in found.faces[0].timeline)
    first = heard.parts[0]
    assert "first look" in " ".join(first.warnings)
    assert [step.member for step in first.trace] == ["stage1"]
    assert not any("first look" in warning for warning in found.warnings)
    assert found.evidence == []


def test_a_cut_parts_a_clip_and_the_card_shows_the_frame_that_the_evidence_explains(analyzer, tmp_path):
    """One face, then another in the same place: two faces, and each crop is of the most suspicious frame."""
    first = photographs.astronaut()[:300, :400]
    other = np.ascontiguousarray(first[:, ::-1, ::-1])
    canvas = [first] * 10 + [np.roll(other, first.shape[1] // 8, 1)] * 10
    with av.open(str(tmp_path / "cut.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"g": "5"})
        stream.width, stream.height, stream.pix_fmt = 400, 300, "yuv420p"
        for picture in canvas:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        container.mux(stream.encode())
    found = analyzer.analyze(tmp_path / "cut.mp4", SPEC.model_copy(update={"frames": 8}), tmp_path / "out")
    assert [face.frames for face in found.faces] == [4, 4]
    for face in found.faces:
        assert face.shown_at == max(face.timeline, key=lambda point: point[1])[0]
        assert Image.open(tmp_path / "out" / face.crop).size[0] > 16
    assert found.picture == "picture.png"
    assert max(Image.open(tmp_path / "out" / found.picture).size) == 400


def test_without_a_folder_evidence_keeps_its_words(analyzer, photo, tmp_path):
    kept, passing = analyzer.analyze(photo, SPEC, tmp_path / "out"), analyzer.analyze(photo, SPEC)
    assert [e.file for e in passing.evidence] == [None] * len(kept.evidence)
    assert [(e.kind, e.member, e.values) for e in passing.evidence] == [
        (e.kind, e.member, e.values) for e in kept.evidence
    ]


def test_evidence_that_fails_costs_no_verdict(analyzer, photo, tmp_path, monkeypatch):
    def broken(detector, crop, member, *rest):
        raise RuntimeError("no gradient")

    monkeypatch.setattr("core.analysis.evidence.explain", broken)
    found = analyzer.analyze(photo, SPEC, tmp_path)
    assert found.complete
    assert found.p_fake is not None
    assert sum("could not be drawn (RuntimeError)" in warning for warning in found.warnings) == 3


class Limited:
    """So many seconds are left; each map takes `map_seconds`."""

    def __init__(self, monkeypatch, seconds, map_seconds):
        self.now, self.end, self.drawn = 0.0, seconds, []

        def draw(detector, crop, member, *rest):
            self.now += map_seconds
            self.drawn.append(member)
            return []

        monkeypatch.setattr("core.analysis.evidence.explain", draw)
        monkeypatch.setattr("core.analysis.evidence.time.perf_counter", lambda: self.now)

    def left(self):
        return self.end - self.now


@pytest.mark.parametrize(
    ("seconds", "drawn", "named"),
    [
        (1.0, 0, ["Stage1 (tiny)", "Texture (tiny)", "Other (tiny)", "the spectrum"]),
        (1100.0, 1, ["Texture (tiny)", "Other (tiny)"]),
        (1e6, 3, []),
    ],
)
def test_evidence_for_which_no_time_is_left_is_named_and_costs_no_verdict(
    analyzer, photo, tmp_path, monkeypatch, seconds, drawn, named
):
    whole = analyzer.analyze(photo, SPEC.model_copy(update={"explain": False}))
    limit = Limited(monkeypatch, seconds, map_seconds=1000.0)
    # A member's scoring time is measured; here all are alike, so that a map is expected to take as long as the last.
    monkeypatch.setattr("core.analysis.analyze.EvidenceTask", lambda member, crop, _: EvidenceTask(member, crop, 1.0))
    found = analyzer.analyze(photo, SPEC, tmp_path, seconds_left=limit.left)
    assert found.complete
    assert (found.verdict, found.p_fake, found.reason) == (whole.verdict, whole.p_fake, whole.reason)
    assert limit.drawn == ["stage1", "texture", "other"][:drawn]
    warning = [text for text in found.warnings if "time limit" in text]
    assert len(warning) == bool(named)
    for what in named:
        assert what in warning[0]
    assert ("the spectrum" in "".join(warning)) == ("spectrum" not in {piece.kind for piece in found.evidence})
    assert Analysis.model_validate_json((tmp_path / "analysis.json").read_text()) == found


def test_a_budget_expects_of_the_next_map_what_the_slowest_took(monkeypatch):
    left = 100.0
    budget = TimeBudget(lambda: left)
    assert budget.allows(2.4), "40 times the scoring time, and 2 seconds"
    assert not budget.allows(2.5)
    budget.note(1.0, 30.0)
    budget.note(2.0, 20.0)
    assert budget.allows(3.0)
    assert not budget.allows(3.5)
    assert TimeBudget(lambda: None).allows(1e9)


def test_the_verdict_is_stored_before_the_evidence(analyzer, photo, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def die(*_):
        raise Killed

    monkeypatch.setattr("core.analysis.evidence.explain", die)
    with pytest.raises(Killed):
        analyzer.analyze(photo, SPEC, tmp_path)
    stored = Analysis.model_validate_json((tmp_path / "analysis.json").read_text())
    assert (stored.complete, stored.evidence) == (False, [])
    whole = analyzer.analyze(photo, SPEC.model_copy(update={"explain": False}), tmp_path / "whole")
    assert (stored.verdict, stored.p_fake, stored.reason) == (whole.verdict, whole.p_fake, whole.reason)
    for name in (stored.picture, stored.faces[0].crop):
        assert (tmp_path / name).is_file()


def test_a_cancelled_analysis_stops(analyzer, photo):
    class Stop(Listener):
        def progress(self, fraction, message):
            if fraction > 0.5:
                raise Cancelled

    with pytest.raises(Cancelled):
        analyzer.analyze(photo, SPEC, None, Stop())


def test_an_early_exit_is_not_undone_by_asking_everybody(analyzer, photo, tmp_path):
    wide = tiny_policy(stage1=Exits(real_below=0.999))
    early = Analyzer(analyzer.bundle, wide, "cpu")
    plain = early.analyze(photo, SPEC, tmp_path / "a")
    asked = early.analyze(photo, SPEC.model_copy(update={"all_members": True}), tmp_path / "b")
    assert (plain.verdict, plain.decided_by) == ("real", "stage1")
    assert (asked.verdict, asked.p_fake, asked.decided_by) == (plain.verdict, plain.p_fake, "stage1")
    assert [step.status for step in plain.trace] == ["scored", "skipped", "skipped"]
    assert [step.status for step in asked.trace] == ["scored", "scored", "scored"]
    assert {e.member for e in plain.evidence if e.kind == "grad_cam"} == {"stage1"}
    assert {e.member for e in asked.evidence if e.kind == "grad_cam"} == {"stage1", "texture", "other"}
    assert asked.bundle.policy_id == "tiny"


def test_without_a_face_there_is_no_number_unless_the_whole_frame_is_asked_for(analyzer, scene, tmp_path):
    found = analyzer.analyze(scene, SPEC, tmp_path)
    assert (found.verdict, found.p_fake, found.decided_by, found.faces) == ("not_applicable", None, None, [])
    assert "whole frame" in found.reason
    assert found.rule == ""
    assert found.reason not in found.warnings
    whole = analyzer.analyze(scene, SPEC.model_copy(update={"whole_frame": True}), tmp_path)
    assert whole.p_fake is not None
    height, width = photographs.coffee().shape[:2]
    assert whole.faces[0].box == ((width - height) / 2, 0, height, height)
    assert any("centre square" in warning for warning in whole.warnings)


@pytest.mark.parametrize(("side", "said"), [(1, "1 px"), (30, "30 px"), (300, "too blurred")])
def test_a_whole_frame_that_holds_nothing_is_uncertain(analyzer, tmp_path, side, said):
    Image.new("RGB", (side, side), (90, 90, 90)).save(tmp_path / "grey.png")
    found = analyzer.analyze(tmp_path / "grey.png", SPEC.model_copy(update={"whole_frame": True}))
    assert found.verdict == "uncertain"
    assert said in found.reason


def test_every_face_is_scored_apart_and_the_rest_is_named(analyzer, tmp_path):
    two = np.concatenate([photographs.astronaut(), photographs.astronaut()[:, ::-1]], axis=1)
    Image.fromarray(two).save(tmp_path / "two.png")
    both = analyzer.analyze(tmp_path / "two.png", SPEC)
    assert len(both.faces) == 2
    assert both.faces[0].decision.p_fake is not None
    one = analyzer.analyze(tmp_path / "two.png", SPEC.model_copy(update={"max_faces": 1}))
    assert len(one.faces) == 1
    assert "2 faces were found and 1 scored" in one.reason
    assert one.verdict != "real"
    assert "up to 2 times as likely" in both.rule
    assert "any face is fake" in one.rule


def test_a_file_that_is_no_media_is_rejected(analyzer, tmp_path):
    (tmp_path / "x.png").write_bytes(b"not a picture")
    with pytest.raises(MediaRejected):
        analyzer.analyze(tmp_path / "x.png", SPEC)


def test_a_file_name_is_only_text(analyzer, photo, tmp_path):
    name = "<img src=x onerror=alert(1)>![x](evil).png"
    (tmp_path / name).write_bytes(photo.read_bytes())
    found = analyzer.analyze(tmp_path / name, SPEC, tmp_path / "out")
    assert found.file_name == name
    assert json.loads((tmp_path / "out" / "analysis.json").read_text())["file_name"] == name
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".png", ".json"}
    assert not any("img" in path.name for path in (tmp_path / "out").iterdir())


def test_a_face_too_small_is_uncertain_with_the_reason(analyzer, tmp_path):
    face = Image.fromarray(photographs.astronaut()).crop((130, 20, 320, 210)).resize((58, 58), Image.Resampling.LANCZOS)
    canvas = Image.fromarray(photographs.coffee())
    canvas.paste(face, (250, 150))
    canvas.save(tmp_path / "small.png")
    found = analyzer.analyze(tmp_path / "small.png", SPEC)
    if not found.faces:
        pytest.skip("this face detector does not find a face of 36 px")
    assert found.verdict == "uncertain"
    assert "px" in found.reason
    assert found.withheld == found.faces[0].decision.withheld
    assert bool(found.withheld) == ("is withheld" in found.reason)


def report(index, verdict, p_fake):
    decision = Decision(verdict=verdict, p_fake=p_fake, decided_by="stage3", reason="Because.", trace=[])
    return FaceReport(face=index, box=(0, 0, 9, 9), detection_score=1, frames=1, decision=decision)


@pytest.mark.parametrize(
    ("faces", "verdict", "chosen"),
    [
        ([("real", 0.1), ("fake", 0.9), ("uncertain", 0.95)], "fake", 1),
        ([("real", 0.1), ("uncertain", 0.5)], "uncertain", 1),
        ([("real", 0.1), ("real", 0.2)], "real", 1),
        ([("fake", 0.7), ("fake", 0.9)], "fake", 1),
        ([("real", 0.1), ("uncertain", None)], "uncertain", 1),
        ([("real", 0.1), ("real", 0.1)], "real", 0),
        ([], "not_applicable", None),
    ],
)
def test_the_stated_rule(faces, verdict, chosen):
    found = judge([report(i, v, p) for i, (v, p) in enumerate(faces)])
    assert (found.verdict, found.face) == (verdict, chosen)


def test_faces_left_out_forbid_real_only():
    unsure = judge([report(0, "real", 0.1)], left_out=1)
    assert unsure.verdict == "uncertain"
    assert unsure.withheld == unsure.reason
    assert "every face" in unsure.withheld
    assert judge([report(0, "uncertain", 0.1)], left_out=1).withheld == ""
    fake = judge([report(0, "fake", 0.9)], left_out=28)
    assert fake.verdict == "fake"
    assert fake.reason.startswith("29 faces were found and 1 scored.")


def test_abstaining_keeps_the_trace_and_says_why():
    why, warnings = input_problems(30, 100)
    assert "30 px" in why
    assert warnings
    decision = abstain(report(0, "fake", 0.9).decision, why)
    assert decision.verdict == "uncertain"
    assert decision.withheld == why
    assert decision.reason == f"{why} The answer of the cascade (fake) is withheld: Because."
    unsure = abstain(report(0, "uncertain", 0.5).decision, why)
    assert (unsure.verdict, unsure.withheld, unsure.reason) == ("uncertain", "", f"{why} Because.")
    assert input_problems(200, 1)[0] is not None
    assert input_problems(200, 100) == (None, [])
    assert "64 px" in input_problems(63.4, 100)[0]
    assert input_problems(64, 100) == (None, [])
    assert (input_problems(200, 15)[0], len(input_problems(200, 15)[1])) == (None, 1)


def test_a_withheld_answer_is_stated_in_the_document_and_its_step_keeps_its_outcome(analyzer, photo, monkeypatch):
    wide = tiny_policy(stage1=Exits(real_below=0.999))
    early = Analyzer(analyzer.bundle, wide, "cpu")
    plain = early.analyze(photo, SPEC.model_copy(update={"explain": False}))
    monkeypatch.setattr("core.analysis.document.objections", lambda *_: ["The members disagree."])
    found = early.analyze(photo, SPEC.model_copy(update={"explain": False}))
    assert (plain.verdict, plain.withheld, plain.faces[0].decision.withheld) == ("real", "", "")
    assert (found.verdict, found.decided_by, found.withheld) == ("uncertain", "stage1", "The members disagree.")
    assert found.faces[0].decision.withheld == found.withheld
    assert [step.outcome for step in found.trace] == [step.outcome for step in plain.trace]
    assert found.trace[0].outcome == "real"


def test_a_document_from_before_answers_were_withheld_still_loads(analyzer, photo):
    document = analyzer.analyze(photo, SPEC.model_copy(update={"explain": False})).model_dump(mode="json")
    del document["withheld"], document["faces"][0]["decision"]["withheld"]
    loaded = Analysis.model_validate(document)
    assert (loaded.withheld, loaded.faces[0].decision.withheld) == ("", "")


def test_one_face_needs_no_rule_of_many():
    assert "any face" not in rule_of(1)
    assert "one face at a time" in rule_of(1)
    assert "any face" in rule_of(3)
    assert "3 times" in rule_of(3)


def test_brief_tracks_are_taken_for_mistakes(monkeypatch):
    """A steady face in ten frames, a ghost elsewhere in one."""
    pictures = [np.zeros((100, 200, 3), np.uint8)] * 10
    media = Media("video", "0", "mp4", 200, 100, 5.0, 2.0, [Frame(rgb, i / 2, i) for i, rgb in enumerate(pictures)])
    calls = iter(range(10))

    def fake(rgb, detector):
        i = next(calls)
        steady = FaceDetection((10 + i, 20, 40, 40), 0.99)
        return [steady, FaceDetection((150, 10, 20, 20), 0.7)] if i == 4 else [steady]

    monkeypatch.setattr("core.analysis.faces.find_faces", fake)
    found = find_face_candidates(media, "any", 8)
    assert (len(found.candidates), found.brief, found.left_out, found.seen) == (1, 1, 0, 10)
    assert len(found.candidates[0].times) == 10


def test_boxes_are_told_in_pixels_of_the_original():
    candidate = FaceCandidate([np.zeros((50, 100, 3), np.uint8)], [(10.0, 5.0, 20.0, 20.0)], [0.0], 1.0)
    media = Media("image", "0", "png", 400, 200, 0.0, 0.0, [])
    assert candidate.shown_box(media) == (40.0, 20.0, 80.0, 80.0)


def test_each_member_can_have_a_heat_map_of_its_own_kind(analyzer, photo):
    asked = SPEC.model_copy(update={"all_members": True, "heat_maps": ["layer_cam", "texture=grad_cam_plus_plus"]})
    kinds = {
        e.member: e.kind for e in analyzer.analyze(photo, asked).evidence if "similarity_to_randomised" in e.values
    }
    assert kinds == {"stage1": "layer_cam", "texture": "grad_cam_plus_plus", "other": "layer_cam"}
    with pytest.raises(ValueError, match="members are stage1, texture, other"):
        analyzer.analyze(photo, SPEC.model_copy(update={"heat_maps": ["nobody=layer_cam"]}))
    with pytest.raises(ValueError, match="no kind of map tarot"):
        AnalyzeSpec(files=["a"], heat_maps=["texture=tarot"])
