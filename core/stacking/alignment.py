"""Turn the embedding of a network that was trained again into the space of the final network.

Two trainings of one recipe see the same things but write them down in different axes: the embedding is known up to
(about) a rotation. Stage 3 is asked about the final network's axes, so every fold's embedding is turned into them by
orthogonal Procrustes (Schoenemann 1966) on rows that both networks have scored and neither has trained on. Labels are
not used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Alignment:
    """An affine map from one network's embedding to another's: mean_to + scale * (x - mean_from) @ turn.

    Attributes:
        mean_from: (D,) mean of the source rows.
        mean_to: (D,) mean of the target rows.
        turn: (D, D), of rank at most the number of rows that it was fitted on.
        scale: Factor between the two spaces.
    """

    mean_from: np.ndarray
    mean_to: np.ndarray
    turn: np.ndarray
    scale: float

    def __call__(self, embedding: np.ndarray) -> np.ndarray:
        """Map embeddings into the other network's space.

        Args:
            embedding: (N, D) of the source network.

        Returns:
            (N, D) float32.
        """
        centred = np.asarray(embedding, np.float64) - self.mean_from
        return (self.mean_to + self.scale * centred @ self.turn).astype(np.float32)


def fit_alignment(source: np.ndarray, target: np.ndarray, size: int = 256) -> Alignment:
    """Fit an orthogonal Procrustes alignment between two embeddings of the same rows.

    Both are cut to their first principal directions: others, in which the rows hardly differ, would be turned at
    random.

    Args:
        source: (N, D) of the network to turn, N at least 2.
        target: (N, D) of the same rows by the final network.
        size: Most principal directions that are kept; fewer where the rows allow no more.

    Returns:
        The map from `source` to `target`.

    Raises:
        ValueError: The shapes differ, or there are fewer than two rows.
    """
    from scipy.linalg import orthogonal_procrustes

    if source.shape != target.shape or len(source) < 2:
        raise ValueError(f"networks are aligned on the same two rows or more, not {source.shape} and {target.shape}")
    a, b = np.asarray(source, np.float64), np.asarray(target, np.float64)
    mean_from, mean_to = a.mean(0), b.mean(0)
    a, b = a - mean_from, b - mean_to
    kept = min(size, a.shape[1], len(a) - 1)
    axes_from, axes_to = _axes(a, kept), _axes(b, kept)
    rotation, overlap = orthogonal_procrustes(a @ axes_from, b @ axes_to)
    spread = float(((a @ axes_from) ** 2).sum())
    return Alignment(mean_from, mean_to, axes_from @ rotation @ axes_to.T, overlap / spread if spread else 1.0)


def _axes(centred: np.ndarray, count: int) -> np.ndarray:
    """(D, count) first right singular vectors."""
    return np.linalg.svd(centred, full_matrices=False)[2][:count].T


def explained(aligned: np.ndarray, target: np.ndarray) -> float:
    """Compute the share of the target's variance that the aligned embedding explains on these rows.

    Args:
        aligned: (N, D) embedding after the alignment.
        target: (N, D) of the same rows by the final network.

    Returns:
        1: the same; 0: no better than the mean, or a target that does not vary; below 0: worse than the mean.
    """
    total = float(((target - target.mean(0)) ** 2).sum())
    return 1.0 - float(((aligned - target) ** 2).sum()) / total if total else 0.0
