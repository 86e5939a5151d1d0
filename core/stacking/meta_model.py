"""Store and load stage 3: projections of the experts' embeddings, LightGBM text, JSON. No torch, no pickle.

A damaged LightGBM text can kill the interpreter or predict silently wrong, so its SHA-256 is checked against
stack.json before LightGBM reads it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.artifacts.files import read_json, write_bytes, write_json
from core.stacking.member_identity import MemberIdentity, check_identity

LOG_ODDS_PREFIX = "log_odds_"


@dataclass(frozen=True)
class Projection:
    """Affine map of one expert's embedding: (x - mean) @ components.T.

    Attributes:
        mean: (D,) float32.
        components: (K, D) float32.
    """

    mean: np.ndarray
    components: np.ndarray

    def __call__(self, embedding: np.ndarray) -> np.ndarray:
        """Project embeddings.

        Args:
            embedding: (N, D).

        Returns:
            (N, K) float64.
        """
        centred = np.asarray(embedding, np.float64) - self.mean.astype(np.float64)
        return centred @ self.components.astype(np.float64).T

    @property
    def size(self) -> int:
        return int(self.components.shape[0])


def fit_projection(embedding: np.ndarray, size: int, seed: int = 0) -> Projection:
    """Fit a PCA. It is exact (LAPACK) and therefore the same every time.

    Args:
        embedding: (N, D), N at least 2.
        size: Most dimensions; fewer where D or N - 1 is smaller.
        seed: Seed handed to the solver.

    Returns:
        The projection.

    Raises:
        ValueError: There are fewer than two samples.
    """
    from sklearn.decomposition import PCA

    kept = min(size, embedding.shape[1], embedding.shape[0] - 1)
    if kept < 1:
        raise ValueError(f"a projection needs two samples, not {embedding.shape[0]}")
    fitted = PCA(n_components=kept, svd_solver="full", random_state=seed).fit(np.asarray(embedding, np.float64))
    return Projection(fitted.mean_.astype(np.float32), fitted.components_.astype(np.float32))


def feature_names(members: Sequence[str], projections: Mapping[str, Projection]) -> list[str]:
    """Name the columns of stage 3's table: every member's calibrated log-odds, then each expert's projected embedding.

    Args:
        members: Members whose log-odds are columns.
        projections: By expert.

    Returns:
        F names, in order.
    """
    names = [LOG_ODDS_PREFIX + member for member in members]
    for expert, projection in projections.items():
        names += [f"{expert}_{i:03d}" for i in range(projection.size)]
    return names


def feature_table(
    members: Sequence[str],
    projections: Mapping[str, Projection],
    log_odds: Mapping[str, np.ndarray],
    embeddings: Mapping[str, np.ndarray],
) -> np.ndarray:
    """Build stage 3's table in the order of `feature_names`.

    Args:
        members: Members whose log-odds are columns.
        projections: By expert.
        log_odds: By member, calibrated, (N,).
        embeddings: By expert, (N, D).

    Returns:
        (N, F) float64.
    """
    columns = [np.asarray(log_odds[member], np.float64)[:, None] for member in members]
    columns += [projection(embeddings[expert]) for expert, projection in projections.items()]
    return np.hstack(columns)


class MetaModel:
    """Stage 3, loaded. Its members are stage 1 first, then the experts, as in the feature table."""

    def __init__(
        self,
        members: list[str],
        projections: dict[str, Projection],
        booster: Any,
        calibrator: Any,
        identity: Sequence[MemberIdentity] = (),
    ) -> None:
        self.members = members
        self.identity = list(identity)
        self.experts = members[1:]
        self.projections = projections
        self.booster = booster
        self.calibrator = calibrator

    def p_fake(self, log_odds: Mapping[str, float], embeddings: Mapping[str, np.ndarray]) -> float:
        """Score one unit.

        Args:
            log_odds: Calibrated log-odds by member.
            embeddings: (D,) by expert.

        Returns:
            Calibrated p_fake.
        """
        table = feature_table(
            self.members,
            self.projections,
            {name: np.array([value]) for name, value in log_odds.items()},
            {name: np.asarray(embeddings[name])[None] for name in self.experts},
        )
        return float(self.predict(table)[0])

    def check(self, members: Sequence[MemberIdentity], where: str) -> None:
        """Check that these are the members that stage 3 was fitted on, in its order.

        A stage 3 that was stored before members were recorded is held to their names and embedding sizes.

        Args:
            members: Members at hand.
            where: What is being opened, for the message.

        Raises:
            ValueError: A member is another one; the message names it.
        """
        recorded = self.identity or [
            member.model_copy(update={"name": name}) for name, member in zip(self.members, members, strict=False)
        ]
        check_identity(recorded, members, where)
        for member in members:
            asked = self.projections[member.name].mean.shape[0] if member.name in self.projections else None
            if asked not in (None, member.embedding_size):
                raise ValueError(
                    f"{where}: {member.name} gives {member.embedding_size} numbers an item, and its projection takes "
                    f"{asked}: export the bundle from its own stack"
                )

    def predict(self, table: np.ndarray) -> np.ndarray:
        """Score a feature table.

        Args:
            table: (N, F).

        Returns:
            (N,) calibrated p_fake.
        """
        return np.asarray(self.calibrator.transform(self.raw(table)), np.float64)

    def raw(self, table: np.ndarray) -> np.ndarray:
        """Sum the trees over a feature table.

        Args:
            table: (N, F).

        Returns:
            (N,) uncalibrated log-odds.
        """
        return np.asarray(self.booster.predict(table, raw_score=True, num_threads=1), np.float64)


def save_meta(
    folder: Path,
    members: list[str],
    projections: dict[str, Projection],
    model_text: str,
    calibrator: dict[str, Any],
    about: Mapping[str, Any],
) -> None:
    """Write meta.txt, projections.safetensors and stack.json, which holds the SHA-256 of both.

    Args:
        folder: Where to write.
        members: Stage 1 first, then the experts.
        projections: By expert.
        model_text: LightGBM's model text.
        calibrator: JSON of stage 3's calibrator.
        about: Further entries of stack.json.
    """
    from safetensors.numpy import save

    tensors = {}
    for expert, projection in projections.items():
        tensors[f"{expert}.mean"] = np.ascontiguousarray(projection.mean)
        tensors[f"{expert}.components"] = np.ascontiguousarray(projection.components)
    packed, text = save(tensors), model_text.encode()
    write_bytes(folder / "projections.safetensors", packed)
    write_bytes(folder / "meta.txt", text)
    document = {
        "format": 1,
        "members": members,
        "features": feature_names(members, projections),
        "projected": {expert: projection.size for expert, projection in projections.items()},
        "meta_sha256": hashlib.sha256(text).hexdigest(),
        "projections_sha256": hashlib.sha256(packed).hexdigest(),
        "calibrator": calibrator,
        **about,
    }
    write_json(folder / "stack.json", document)


def load_meta(folder: Path) -> MetaModel:
    """Read stage 3. Hashes are checked first: LightGBM and safetensors read only the bytes that stack.json names.

    Args:
        folder: Where `save_meta` wrote.

    Returns:
        Stage 3.

    Raises:
        ValueError: A hash, a shape or the feature order does not hold; the message names the file.
    """
    document = read_json(folder / "stack.json")
    text = _checked(folder / "meta.txt", document["meta_sha256"])
    packed = _checked(folder / "projections.safetensors", document["projections_sha256"])
    from lightgbm import Booster
    from safetensors.numpy import load

    from core.calibrate import calibrators

    tensors = load(packed)
    projections = {}
    for expert in document["projected"]:
        projection = Projection(tensors[f"{expert}.mean"], tensors[f"{expert}.components"])
        if projection.mean.shape != (projection.components.shape[1],):
            raise ValueError(f"{folder}: the projection of {expert} has shapes that do not fit together")
        if not (np.isfinite(projection.mean).all() and np.isfinite(projection.components).all()):
            raise ValueError(f"{folder}: the projection of {expert} holds a number that is not finite")
        projections[expert] = projection
    names = feature_names(document["members"], projections)
    if names != document["features"]:
        raise ValueError(f"{folder / 'stack.json'}: features are not the ones that its projections give")
    booster = Booster(model_str=text.decode())
    if booster.num_feature() != len(names):
        raise ValueError(f"{folder / 'meta.txt'} reads {booster.num_feature()} features, not {len(names)}")
    calibrator = calibrators.get(document["calibrator"]["method"]).from_json(document["calibrator"])
    identity = [MemberIdentity.model_validate(row) for row in document.get("identity", [])]
    return MetaModel(list(document["members"]), projections, booster, calibrator, identity)


def _checked(path: Path, expected: str) -> bytes:
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != expected:
        raise ValueError(f"{path} does not have the hash that stack.json names: it was changed or damaged")
    return data
