"""The data set card: what is in a manifest, what follows from its balance, and what to beware of."""

from __future__ import annotations

from typing import Any

import pandas as pd

from core.data.splits import SPLITS


def dataset_card(frame: pd.DataFrame) -> dict[str, Any]:
    """Counts, prevalence and warnings of a manifest frame, JSON. Prevalence = fakes / all."""
    labels = frame["label"]
    return {
        "items": len(frame),
        "real": int((labels == 0).sum()),
        "fake": int((labels == 1).sum()),
        "prevalence": round(float(labels.mean()), 4) if len(frame) else 0.0,
        "groups": int(frame["group"].nunique()),
        "identities": int(frame.loc[frame["identity"] != "", "identity"].nunique()),
        "splits": _by_split(frame),
        "datasets": _counts(frame, "dataset"),
        "methods": {str(name): int(n) for name, n in frame.loc[labels == 1, "method"].value_counts().items()},
        "ceiling": filtration_sentence(float(labels.mean())) if len(frame) else "",
        "warnings": warnings_of(frame),
    }


def filtration_sentence(prevalence: float, leakage: float = 0.05) -> str:
    """What prevalence alone makes impossible for a filter that lets through simple reals.

    All reals and at most `leakage` of the fakes can exit: (1 - prevalence) + leakage * prevalence of all items."""
    reals = 1.0 - prevalence
    most = reals + leakage * prevalence
    return (
        f"{prevalence:.0%} of the items are fake, so a perfect filter exits {reals:.0%} of them, and with "
        f"{leakage:.0%} leakage no filter can exit more than {most:.0%}; "
        f"calling everything fake has an F1 of {2 * prevalence / (1 + prevalence):.2f}."
    )


def warnings_of(frame: pd.DataFrame) -> list[str]:
    """Sentences on shortcuts and on splits too small to judge anything."""
    found = []
    judged = frame[frame["split"].isin(["val_calib", "test"])]
    single = [str(name) for name, labels in frame.groupby("dataset")["label"] if labels.nunique() == 1]
    if single and frame["dataset"].nunique() > 1:
        found.append(
            f"One label only in {', '.join(single)}: a detector can learn which source a picture is from instead of "
            "whether it is fake. Report per pair of sources and sample by source."
        )
    thin = sorted(
        {str(name) for (name, _), rows in judged.groupby(["dataset", "split"]) if rows["group"].nunique() < 5}
    )
    if thin:
        found.append(
            f"Fewer than 5 independent groups of {', '.join(thin)} in val_calib or test: figures for it are anecdotes."
        )
    if len(frame) and (frame["group"] == frame["path"]).all():
        found.append(
            "No column group, video or identity: every picture counts as independent, and pictures of one clip or "
            "person may lie on two sides of a split. Figures are then too good; add the column and prepare again."
        )
    crossing = frame[frame["identity"] != ""].groupby("identity")["split"].nunique()
    if (crossing > 1).any():
        found.append(
            f"{int((crossing > 1).sum())} identities appear in more than one split (the groups are finer than people): "
            "a detector can recognise the person. Use the identity as the group to prevent it."
        )
    if frame["label"].nunique() == 1:
        word = "fake" if frame["label"].iloc[0] == 1 else "real"
        found.append(f"Every item is {word}: nothing can be trained or measured on this alone.")
    for split in SPLITS:
        rows = frame[frame["split"] == split]
        if rows.empty:
            found.append(f"The split {split} is empty.")
        elif rows["label"].nunique() == 1:
            found.append(f"The split {split} holds one label only.")
        elif split in ("val_calib", "test"):
            fakes = rows.loc[rows["label"] == 1, "group"].nunique()
            if fakes < 59:
                found.append(
                    f"The split {split} has {fakes} independent fake groups: even with no miss, a leakage of 5 % "
                    "cannot be certified at 95 % with fewer than 59 (2 %: 149)."
                )
    return found


def _by_split(frame: pd.DataFrame) -> dict[str, dict[str, int]]:
    known = [name for name in SPLITS if (frame["split"] == name).any()]
    return {name: _count(frame[frame["split"] == name]) for name in known}


def _counts(frame: pd.DataFrame, column: str) -> dict[str, dict[str, int]]:
    return {str(name): _count(rows) for name, rows in frame.groupby(column, sort=True)}


def _count(rows: pd.DataFrame) -> dict[str, int]:
    return {
        "items": len(rows),
        "real": int((rows["label"] == 0).sum()),
        "fake": int((rows["label"] == 1).sum()),
        "groups": int(rows["group"].nunique()),
    }
