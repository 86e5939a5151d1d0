"""The plan of frames: laws that hold for any clip."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.media.plan import FramePlan, Timeline, plan_frames

clips = st.lists(st.tuples(st.integers(1, 500), st.booleans()), min_size=1, max_size=80)


def timeline_of(clip: list[tuple[int, bool]]) -> Timeline:
    stamps, now = [], 0
    for step, _ in clip:
        stamps.append(now / 100)
        now += step
    return Timeline.of(stamps, [key for _, key in clip], 25.0)


@settings(deadline=None)
@given(clips, st.integers(1, 40), st.booleans())
def test_a_plan_is_small_lies_in_the_clip_and_starts_at_groups(clip, most, scout) -> None:
    timeline = timeline_of(clip)
    wanted = plan_frames(timeline, FramePlan("scout" if scout else "even", most))
    times = [timeline.steady[packet] for group in wanted.values() for packet in group]
    assert 1 <= len(times) <= most
    assert set(wanted) <= set(timeline.starts)
    assert all(0 <= time <= timeline.duration for time in times)
    assert times == sorted(times)
    assert all(timeline.group_of(packet) == start for start, group in wanted.items() for packet in group)
    assert len(times) == len(set(times))


@settings(deadline=None)
@given(st.integers(1, 200), st.integers(1, 40), st.integers(1, 50))
def test_a_steady_clip_gives_as_many_frames_as_asked(count: int, most: int, gop: int) -> None:
    timeline = timeline_of([(4, n % gop == 0) for n in range(count)])
    times = [
        timeline.times[packet] for group in plan_frames(timeline, FramePlan("even", most)).values() for packet in group
    ]
    assert len(times) == min(most, count)
    slot = timeline.duration / len(times)
    assert all(abs(time - (k + 0.5) * slot) <= 0.04 + 1e-9 for k, time in enumerate(times))


@settings(deadline=None)
@given(clips, st.integers(1, 40))
def test_scout_wants_keyframes_each_once(clip, most) -> None:
    timeline = timeline_of(clip)
    for start, packets in plan_frames(timeline, FramePlan("scout", most)).items():
        assert packets == [start]


@settings(deadline=None)
@given(clips, st.integers(1, 40))
def test_out_of_budget_slots_take_their_keyframe(clip, most: int) -> None:
    timeline = timeline_of(clip)
    exact = plan_frames(timeline, FramePlan("even", most))
    cheap = plan_frames(timeline, FramePlan("even", most), budget=0)

    def cost(plan: dict[int, list[int]]) -> int:
        return sum(max(packets) - start + 1 for start, packets in plan.items())

    assert plan_frames(timeline, FramePlan("even", most), budget=cost(exact)) == exact
    slot = timeline.duration / min(most, len(clip))
    for packet in (packet for group in cheap.values() for packet in group):
        held = int(timeline.steady[packet] / slot)
        keys = [s for s in timeline.starts if held * slot + 1e-6 < timeline.steady[s] < (held + 1) * slot - 1e-6]
        assert not keys or any(key in cheap for key in keys)


def test_a_long_clip_is_read_by_its_keyframes() -> None:
    timeline = timeline_of([(4, n % 250 == 0) for n in range(15_000)])
    plan = plan_frames(timeline, FramePlan("even", 16), budget=600)
    assert all(packets == [start] for start, packets in plan.items())
    assert len(plan) == 16


def test_a_file_without_time_stamps_goes_by_its_rate() -> None:
    timeline = Timeline.of([None] * 50, [n % 10 == 0 for n in range(50)], 25.0)
    assert timeline.duration == 2.0
    assert plan_frames(timeline, FramePlan("even", 2)) == {10: [12], 30: [37]}


@settings(deadline=None)
@given(clips, st.integers(1, 40), st.integers(1, 20))
def test_every_nth_frame_is_that(clip, most: int, step: int) -> None:
    timeline = timeline_of(clip)
    wanted = plan_frames(timeline, FramePlan("nth", most, step))
    assert sorted(p for group in wanted.values() for p in group) == list(range(0, len(clip), step))[:most]


@settings(deadline=None)
@given(clips, st.integers(1, 40), st.floats(0.05, 20))
def test_a_frame_every_so_many_seconds_is_the_one_on_display(clip, most: int, step: float) -> None:
    timeline = timeline_of(clip)
    wanted = plan_frames(timeline, FramePlan("seconds", most, step))
    shown = set()
    for k in range(most):
        if k * step < timeline.duration - 1e-6 or k == 0:
            shown.add(max(n for n, time in enumerate(timeline.steady) if time <= k * step + 1e-6))
    assert {p for group in wanted.values() for p in group} == shown


@settings(deadline=None)
@given(clips, st.integers(1, 40), st.floats(0.05, 20))
def test_even_frames_keep_their_distance(clip, most: int, step: float) -> None:
    timeline = timeline_of(clip)
    wanted = plan_frames(timeline, FramePlan("even", most, step))
    count = sum(map(len, wanted.values()))
    assert 1 <= count <= min(most, max(timeline.duration / step + 1e-6, 1))


@pytest.mark.parametrize("faulty", [("even", 0, 0.0), ("nth", 5, 0.5), ("seconds", 5, 0.0), ("even", 5, -1.0)])
def test_a_plan_that_means_nothing_is_an_error(faulty) -> None:
    with pytest.raises(ValueError, match=r"at least"):
        FramePlan(*faulty)
