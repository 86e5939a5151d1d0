"""Load a checked bundle into memory: detectors, calibrators, stage 3. Torch begins here.

A bundle is loaded once for each process and device: a second call gets the same objects while they are in use.
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import Tensor

from core.artifacts.files import read_json
from core.bundles.bundle import Bundle
from core.calibrate import load_calibrator
from core.cascade.units import Scores
from core.data.loading.transforms import normalise, resize_uint8
from core.documents.bundle import Member
from core.documents.inputs import InputSpec
from core.documents.read import BundleError
from core.models.detector import Detector
from core.models.inference.scoring import pick_device
from core.models.registry import build_detector
from core.spec import fingerprint
from core.stacking.member_identity import MemberIdentity, weights_fingerprint
from core.stacking.meta_model import MetaModel, load_meta

_loaded: weakref.WeakValueDictionary[tuple[str, str], LoadedBundle] = weakref.WeakValueDictionary()
_lock = threading.Lock()


@dataclass
class LoadedMember:
    """A detector with its calibrator: a `Scorer` of the cascade."""

    name: str
    title: str
    role: Literal["stage1", "expert"]
    input: InputSpec
    detector: Detector
    calibrator: Any
    device: str

    def inputs(self, crops: np.ndarray) -> Tensor:
        """Prepare crops for the detector, as in evaluation.

        Args:
            crops: (N, H, W, 3) uint8.

        Returns:
            (N, 3, size, size) float32 on the device, normalised.
        """
        batch = torch.tensor(crops).permute(0, 3, 1, 2)
        inputs = normalise(resize_uint8(batch, self.input.size), self.input).to(self.device)
        return inputs.contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def score(self, crops: np.ndarray) -> Scores:
        """Score each crop in a forward pass of its own.

        The digits of a crop then depend on nothing that is scored with it. A CPU gains nothing from batches.

        Args:
            crops: (N, H, W, 3) uint8.

        Returns:
            Uncalibrated log-odds (N,) and embeddings (N, D).
        """
        log_odds, embeddings = [], []
        for crop in self.inputs(crops).split(1):
            output = self.detector(crop)
            log_odds.append(float(output.log_odds.float().cpu()[0]))
            embeddings.append(output.embedding.float().cpu().numpy()[0])
        return Scores(np.array(log_odds, np.float64), np.stack(embeddings))

    def p_fake(self, log_odds: np.ndarray) -> np.ndarray:
        """Calibrate log-odds.

        Args:
            log_odds: (N,) uncalibrated.

        Returns:
            (N,) calibrated p_fake in [0, 1].
        """
        return np.asarray(self.calibrator.transform(np.asarray(log_odds, np.float64)), np.float64)


@dataclass(eq=False)
class LoadedBundle:
    """The networks of one bundle on one device.

    Attributes:
        bundle: The checked bundle.
        device: Where the networks are.
        members: In the manifest's order, stage 1 first.
        meta: Stage 3; None when the bundle has none.
    """

    bundle: Bundle
    device: str
    members: list[LoadedMember]
    meta: MetaModel | None

    def member(self, name: str) -> LoadedMember:
        """Find a member by its name.

        Args:
            name: As in bundle.json.

        Returns:
            The member.

        Raises:
            LookupError: The bundle has no such member.
        """
        for member in self.members:
            if member.name == name:
                return member
        raise LookupError(f"bundle {self.bundle.manifest.name} has no member {name!r}")


def load_bundle(bundle: Bundle, device: str = "cpu") -> LoadedBundle:
    """Load a bundle, or return what this process has loaded from it already.

    Args:
        bundle: The checked bundle.
        device: auto, cpu, cuda or cuda:N.

    Returns:
        Its networks, in evaluation mode.

    Raises:
        BundleError: A file changed after the check, or has wrong keys, shapes or values; the message names it.
    """
    device = str(pick_device(device))
    key = (bundle.sha256, device)
    with _lock:
        loaded = _loaded.get(key)
        if loaded is None:
            members = [_load_member(bundle, member, device) for member in bundle.manifest.members]
            meta = _load_stage3(bundle, members) if bundle.manifest.stacked else None
            loaded = LoadedBundle(bundle, device, members, meta)
            _loaded[key] = loaded
        return loaded


def _load_stage3(bundle: Bundle, members: list[LoadedMember]) -> MetaModel:
    """Stage 3, held to the members it was fitted on: order, detectors, weights, calibrators, embedding sizes."""
    meta = load_meta(bundle.path / "stack")
    identities = [
        MemberIdentity(
            name=member.name,
            detector=member.detector.name,
            embedding_size=member.detector.embedding_size,
            weights=weights_fingerprint({k: t.cpu().numpy() for k, t in member.detector.state_dict().items()}),
            calibrator=fingerprint(read_json(bundle.path / member.name / "calibrator.json")),
        )
        for member in members
    ]
    try:
        meta.check(identities, str(bundle.path))
    except ValueError as error:
        raise BundleError(str(error)) from error
    return meta


def _load_member(bundle: Bundle, member: Member, device: str) -> LoadedMember:
    name = f"{member.name}/weights.safetensors"
    detector = build_detector(member.detector, weights="none", **member.options)
    load_weights(detector, bundle.path / name, bundle.manifest.files[name])
    detector.input_spec = member.input
    detector.to(device=device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    calibrator = load_calibrator(bundle.path / member.name / "calibrator.json")
    return LoadedMember(member.name, member.title, member.role, member.input, detector, calibrator, device)


def load_weights(detector: Detector, path: Path, expected: str) -> None:
    """Load weights into a detector; keys, shapes and values must all fit.

    The tensors come from the very bytes that are hashed here. float16 is widened to float32.

    Args:
        detector: Receives the weights.
        path: A .safetensors file.
        expected: SHA-256 (hex) that bundle.json names.

    Raises:
        BundleError: The hash differs, the file is damaged, or a tensor does not fit.
    """
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != expected:
        raise BundleError(f"{path} does not have the hash that bundle.json names: it was changed or damaged")
    try:
        state = load_tensors(data)
    except SafetensorError as error:
        raise BundleError(f"{path} is not a whole .safetensors file: {error}") from error
    own = detector.state_dict()
    problems = {
        "missing": sorted(set(own) - set(state)),
        "unknown": sorted(set(state) - set(own)),
        "of another shape": sorted(k for k in state if k in own and state[k].shape != own[k].shape),
        "not finite": sorted(k for k, t in state.items() if t.is_floating_point() and not bool(t.isfinite().all())),
        "of another kind": sorted(
            k for k in state if k in own and state[k].is_floating_point() != own[k].is_floating_point()
        ),
    }
    for what, keys in problems.items():
        if keys:
            raise BundleError(f"{path}: {len(keys)} tensor(s) {what}: {', '.join(keys[:4])}")
    detector.load_state_dict({key: value.to(own[key].dtype) for key, value in state.items()}, strict=True)
