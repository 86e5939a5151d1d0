"""Items of two kinds of fakes and two of reals with one score, in groups that each hold one class."""

import numpy as np
import pandas as pd


def drawn(n: int = 600, seed: int = 0) -> pd.DataFrame:
    """n rows: sample_id, group, label, dataset (gan, swap; web, film) and p_only, a score between chance and sure."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n // 6, n)
    y = group % 2
    name = np.where(y == 1, np.array(["gan", "swap"])[group % 4 // 2], np.array(["web", "film"])[group % 4 // 2])
    p = 1 / (1 + np.exp(-rng.normal(2.0 * y - 1, 1.5)))
    return pd.DataFrame({"sample_id": np.arange(n).astype(str), "group": group.astype(str), "label": y,
                         "dataset": name, "p_only": p})  # fmt: skip
