"""Show frozen thresholds on other data sets, base rates, and left-out sources (a part of the Cascade page)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import pandas as pd
import streamlit as st

from app.charts import transfer as charts
from app.scores.sources import ScoreSource, predictions_of, stages_of, stamp_of
from app.ui import chart as chart_files
from app.ui import tables, widgets
from app.views.cascade.left_out_runs import left_out_part
from core.documents.policy import CascadePolicy
from core.policies.choose import choose_policy
from core.policies.replay.base_rate import at_base_rate
from core.policies.replay.transport import Cell, Place, auroc_matrix, last_score, place_rows, transport
from core.policies.spec import PolicySpec
from core.policies.table import STACK
from jobs.client import Workbench

IN_FORCE = "policy in force"
WORDS = {
    "leakage": "leakage: fakes called real / fakes",
    "false_alarms": "false alarms: reals called fake / reals",
    "exit_rate": "filtration: released by stage 1 / all",
    "precision": "precision: fakes / all called fake",
    "uncertain": "uncertain: no verdict / all",
}
PREVALENCES = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


def transfer_panel(
    workbench: Workbench, source: ScoreSource, table: pd.DataFrame, policy: CascadePolicy | None
) -> None:
    """Show everything about other data sets, one part below the other.

    Args:
        workbench: The workbench.
        source: Scores.
        table: Predictions of the source.
        policy: The policy in force; None without one.
    """
    rows = held_out(table)
    frozen = frozen_policy(source, table, policy)
    if frozen is None:
        widgets.empty("No exits to freeze", "Put a bundle in force, or choose data sets with enough groups.")
    else:
        policy_, words = frozen
        places = _places(source, policy_.to_json(), stamp_of(source))
        transport_part(places, words, rows)
        base_rate_part(places)
    matrix_part(source, rows)
    left_out_part(workbench)


@lru_cache(maxsize=32)
def _places(source: ScoreSource, policy: str, stamp: float) -> list[Place]:
    """Kept, for a page runs anew at every release of a slider. stamp: of the predictions."""
    table = predictions_of(source)
    return transport(CascadePolicy.model_validate_json(policy), held_out(table), stage1=stages_of(table)[0])


@lru_cache(maxsize=8)
def _cells(source: ScoreSource, stamp: float) -> list[Cell]:
    rows = held_out(predictions_of(source))
    return auroc_matrix(rows, last_score(rows))


def held_out(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of split test, on which nothing was chosen; all rows when there are none."""
    rows = table[table["split"] == "test"]
    return (table if rows.empty else rows).reset_index(drop=True)


def frozen_policy(
    source: ScoreSource, table: pd.DataFrame, policy: CascadePolicy | None
) -> tuple[CascadePolicy, str] | None:
    """Ask where the thresholds were frozen.

    Args:
        source: Scores.
        table: Predictions of the source.
        policy: The policy in force; None without one.

    Returns:
        (policy, where it was frozen): the one in force, or one chosen on some data sets' val_calib rows alone; None
        without either.
    """
    names = sorted(set(table.loc[table["split"] == "val_calib", "dataset"].astype(str)))
    chosen = st.multiselect(
        "Exits frozen on", names, placeholder=IN_FORCE if policy else "choose data sets",
        help="Empty: the policy in force. Else learn-then-test on the val_calib rows of these data sets alone, at the "
        "targets of the form under Let a method choose; choose reals and fakes.",
    )  # fmt: skip
    if not chosen:
        return (policy, IN_FORCE) if policy else None
    rows = table[table["dataset"].astype(str).isin(chosen)]
    members = [m for m in stages_of(table) if m != STACK]
    return choose_policy(PolicySpec(source=source.ref), rows, members), " + ".join(chosen)


def transport_part(places: Sequence[Place], words: str, rows: pd.DataFrame) -> None:
    """Show chart and table of every data set under the frozen thresholds.

    Args:
        places: Results of `transport`.
        words: Where the thresholds were frozen.
        rows: Rows that were replayed.
    """
    st.markdown("**The same exits on every data set**")
    all_rates = place_rows(places)
    rate = st.segmented_control(
        "Rate", list(WORDS), default="leakage", required=True, format_func=lambda r: WORDS[r].split(":")[0],
        label_visibility="collapsed",
    )  # fmt: skip
    part = all_rates[(all_rates["rate"] == rate) & all_rates["value"].notna()]
    if part.empty:
        st.caption(f"No data set has items for {WORDS[rate]}.")
        return
    chart_files.show_chart(charts.places(part, WORDS[rate]), f"other data sets {rate}")
    st.caption(
        f"Exits of {widgets.plain_markdown(words)}, frozen; n = {len(rows):,} test items of "
        f"{rows['group'].nunique():,} groups. Where the interval of a data set does not overlap the others, "
        "its rate differs: do not rely on the exits there. Bars are 95 % intervals over groups, exact ones at 0 "
        "and 1." + charts.without_interval({str(r.dataset): str(r.note) for r in part.itertuples() if pd.isna(r.low)})
    )
    with st.expander("All rates as a table"):
        tables.show_table(charts.place_table(all_rates), "all rates on other data sets")


def base_rate_part(places: Sequence[Place]) -> None:
    """Show precision over the share of fakes, and the numbers at one share."""
    every = places[-1]
    rates = {name: every.rates[name].value for name in ("found", "false_alarms", "leakage", "spared")}
    if any(value is None for value in rates.values()):
        return
    st.markdown("**The same rates at another share of fakes**")
    at = st.select_slider("Share of fakes among all items", PREVALENCES, 0.05, format_func=lambda v: f"{v:.1%}")
    ends = [
        [every.rates[name].low if low else every.rates[name].high for name in ("found", "false_alarms")]
        for low in (True, False)
    ]
    chart_files.show_chart(charts.base_rates(rates, ends, at), "base rates")
    now = at_base_rate(at, *(rates[k] for k in ("found", "false_alarms", "leakage", "spared")))  # type: ignore[arg-type]
    st.caption(
        f"At {at:.1%} fakes, of 1,000 items {now.alarms[0]:.1f} are called fake, {now.false_alarms[0]:.1f} of them "
        f"wrongly: an alarm is right in {now.precision_fake[0]:.1%} of cases, a release in "
        f"{now.precision_real[0]:.2%}; {now.missed[0]:.1f} fakes are called real and {now.undecided[0]:.0f} items stay "
        f"undecided. The rates by class are those of all {every.n:,} test items; the band joins their 95 % limits over "
        f"{every.groups:,} groups."
    )


def matrix_part(source: ScoreSource, rows: pd.DataFrame) -> None:
    """Show the AUROC of reals of one source against fakes of another.

    Args:
        source: Scores.
        rows: Rows that were scored.
    """
    cells = _cells(source, stamp_of(source))
    if not cells:
        return
    st.markdown("**Fakes of one source against reals of another**")
    chart_files.show_chart(charts.matrix(cells), "fakes against reals of other sources")
    st.caption(
        "AUROC of the last stage, 95 % interval over groups below it (none under five groups of a class), n = "
        f"{len(rows):,}. Each row has the same fakes: if it changes much from column to column, the score follows the "
        "source, not the forgery."
    )
