"""Show how well a thumbnail or a spectrum alone predicts sources and labels: a detector must do better than this."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

NAMES = {"thumbnail": "12x12 thumbnail", "spectrum": "radial spectrum"}


def warning(card: dict[str, Any]) -> list[str]:
    """Return the warning that the label can be read from the source; none where it cannot."""
    said = card.get("source_check", {}).get("warning")
    return [said] if said else []


def draw_shortcut_check(card: dict[str, Any], words: tuple[str, str]) -> None:
    """Show the baselines of every pair of sources, and how well the sources themselves are predicted.

    Args:
        card: The card of the data set.
        words: What label 0 and label 1 are called.
    """
    st.subheader("Baselines without a face", anchor=False)
    check = card.get("source_check")
    if check is None:
        st.caption("Not measured for this set. Prepare it again with the source check switched on.")
        return
    if check.get("why"):
        st.caption(f"Not measured: {check['why']}.")
        return
    st.caption(
        f"Logistic regression on {check['items']:,} pictures, cross-validated by group; it looks at no face. A "
        "detector with a lower AUROC on that pair of sources has shown nothing. 0.5 is chance."
    )
    st.dataframe(
        pairs(check["pairs"], words), hide_index=True, width="stretch",
        column_config={name: st.column_config.NumberColumn(f"{name}, AUROC", format="%.2f") for name in NAMES.values()},
    )  # fmt: skip
    for sentence in told(check, words):
        st.caption(sentence)


def pairs(rows: list[dict[str, Any]], words: tuple[str, str]) -> pd.DataFrame:
    """Make the table of baselines, easiest pair first.

    Args:
        rows: `pairs` of the card's source check.
        words: What label 0 and label 1 are called.

    Returns:
        A row per pair of sources: AUROC in [0, 1], empty where it could not be cross-validated.
    """
    columns = {"real": f"Source of {words[0]}", "fake": f"Source of {words[1]}", "items": "Pictures", **NAMES}
    return pd.DataFrame(rows, columns=list(columns)).rename(columns=columns)


def told(check: dict[str, Any], words: tuple[str, str]) -> list[str]:
    """Say how often the source is named correctly within a label, and the AUROC of that guess alone.

    Args:
        check: The card's source check.
        words: What label 0 and label 1 are called.

    Returns:
        Sentences.
    """
    sentences = []
    for label, word in enumerate(words):
        rows = [row for row in check["source"] if row["label"] == label]
        if rows:
            shares = " and ".join(f"{row['accuracy']:.0%} by the {NAMES[row['features']]}" for row in rows)
            sentences.append(
                f"The source of {word} pictures, one of {rows[0]['sources']}, is named correctly for {shares}; "
                f"by chance for {rows[0]['chance']:.0%}."
            )
    if read := check["read"]:
        figures = " and ".join(f"{value:.2f} by the {NAMES[kind]}" for kind, value in read.items())
        sentences.append(f"The label, guessed from the guessed source alone, reaches an AUROC of {figures}.")
    return sentences
