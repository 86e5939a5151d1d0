"""The properties that every table of items has: its labels and its groups."""

from __future__ import annotations

import numpy as np


class ItemRows:
    """For a class whose `frame` holds one row an item, with the columns label and group."""

    @property
    def labels(self) -> np.ndarray:
        """(N,) int64, 1 = fake."""
        return self.frame["label"].to_numpy(np.int64)  # type: ignore[attr-defined]

    @property
    def groups(self) -> np.ndarray:
        """(N,) str, the unit that must not cross a split."""
        return self.frame["group"].astype(str).to_numpy()  # type: ignore[attr-defined]
