"""Input of `import_scores`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from core.spec import Spec


class ImportScoresSpec(Spec):
    """Bring the scores of any detector onto the bench: a CSV or Parquet file with id, label, score and group."""

    file: str = Field(description="CSV (UTF-8, with a header) or Parquet: one row for each item.")
    name: str = Field("", description="Name of the run; empty: `scores` and time.", pattern=r"^[a-z0-9_.-]*$")
    score: Literal["p_fake", "log_odds", "number"] = Field(
        "p_fake",
        description="What a score is: p_fake in [0, 1]; log_odds, any size; or number, which only ranks.",
    )
    larger: Literal["fake", "real"] = Field(
        "fake", description="What a larger score means. real: every score is inverted."
    )
    fake_words: list[str] = Field(["1", "fake"], min_length=1, description="What the label column calls a fake.")
    real_words: list[str] = Field(["0", "real"], min_length=1, description="What the label column calls a real.")
    id_column: str = Field("id", description="Column that names the item; every name occurs once.")
    label_column: str = Field("label", description="Column with the true label.")
    score_column: str = Field("score", description="Column with the score; an empty one, nan or inf is a failed item.")
    group_column: str = Field(
        "group",
        description="Column of the person or clip, the unit that intervals count; absent: `video`, else the id.",
    )
    data: str = Field(
        "", max_length=80, description="Name of the data set when there is no `dataset` column; empty: as the run."
    )
    calib_share: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Without a `split` column: share of the groups set aside (val_calib) to fit a calibrator and "
        "choose exits on; 0: every item is judged.",
    )
    gflops: float | None = Field(None, gt=0, description="Cost of one item in GFLOP, if you know it.")

    @model_validator(mode="after")
    def _words_apart(self) -> ImportScoresSpec:
        both = {w.strip().lower() for w in self.fake_words} & {w.strip().lower() for w in self.real_words}
        if both:
            raise ValueError(f"{', '.join(sorted(both))} cannot mean both fake and real")
        columns = [self.id_column, self.label_column, self.score_column, self.group_column]
        if len({c.strip().lower() for c in columns}) < len(columns):
            raise ValueError("id, label, score and group need a column each")
        return self
