"""Tables of running text, and how moments and p-values are written."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pandas as pd

from app.ui.formatting import local_time, p_text, when, zone_of
from app.ui.html import facts, moment
from app.ui.tables import as_html


def test_an_interval_goes_under_its_figure_and_text_is_escaped():
    rows = pd.DataFrame(
        {"figure": ["<b>AUROC</b>"], "A": ["0.951 (0.933 to 0.976)"], "says": ["Chance (of one) (or two)."]}
    )
    found = as_html(rows, wide=["says"])
    assert "&lt;b&gt;AUROC&lt;/b&gt;" in found
    assert '<span class="aw-num">0.951</span> <small class="aw-num">0.933 to 0.976</small>' in found
    assert '<td class="wide">Chance (of one) (or two).</td>' in found
    assert "<td>–</td>" in as_html(pd.DataFrame({"a": [float("nan")]}))


def test_no_p_value_is_nought():
    assert [p_text(p) for p in (0.0, 1e-9, 0.00099, 0.001, 0.0353, 1.0, None)] == [
        "< .001", "< .001", "< .001", ".001", ".035", "1.000", "–",
    ]  # fmt: skip


def test_moments_are_told_in_utc_whatever_they_come_as():
    here = datetime(2026, 11, 22, 6, 54, tzinfo=timezone(timedelta(hours=2)))
    told = "2026-11-22 04:54 UTC"
    assert [when(m) for m in (here, here.isoformat(), here.timestamp(), datetime(2026, 11, 22, 4, 54))] == [told] * 4
    assert when(None) == when("") == ""


def test_a_reader_sees_the_time_of_the_own_zone_with_utc_as_its_tooltip():
    berlin = ZoneInfo("Europe/Berlin")
    assert local_time("2026-11-22T04:54:00", berlin) == "2026-11-22 05:54"
    assert local_time("2026-07-22T04:54:00", berlin) == "2026-07-22 06:54", "summer time"
    assert local_time("2026-11-22T04:54:00", UTC) == "2026-11-22 04:54 UTC"
    assert local_time(None, berlin) == local_time("", berlin) == ""
    drawn = facts({"started": moment("2026-11-22T04:54:00", berlin), "x": "<b>"})
    assert 'title="2026-11-22 04:54 UTC">2026-11-22 05:54</time>' in drawn
    assert "&lt;b&gt;" in drawn


def test_an_unknown_zone_is_utc():
    assert zone_of(None) is zone_of("") is zone_of("Mars/Olympus") is zone_of("../etc") is zone_of("Etc/UTC") is UTC
    assert zone_of("Europe/Berlin") == ZoneInfo("Europe/Berlin")
