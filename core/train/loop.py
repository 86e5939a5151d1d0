"""The training loop: one for every network and every loss. Read it from top to bottom.

`train` is the whole of it. What it needs to go on after a kill is one object, `State`, saved whole; everything else
(the order of the pictures, their augmentation, the learning rate) is a function of the seed and the step.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from timm.utils import ModelEmaV3
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from core.artifacts.checkpoint import (
    flatten_optimizer,
    load_tensors,
    restore_optimizer,
    save_tensors,
    save_weights,
    with_prefix,
    without_prefix,
)
from core.data.loading.dataset import EpochSampler, TrainFaces
from core.data.loading.transforms import normalise
from core.models.detector import Detector
from core.progress import Cancelled, Reporter
from core.train.objectives import Objective
from core.train.optim import build_optimizer, rate_factor, set_frozen, set_rates
from core.train.recipes import Recipe
from core.train.validate import validation_row

CHECKPOINT = "last.ckpt"
BEST = "best_model.safetensors"


@dataclass(frozen=True)
class Plan:
    """Numbers of one training, all settled. `checkpoint_seconds`: least time between two checkpoints in an epoch."""

    epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    patience: int
    save_every: int
    mixed_precision: bool
    workers: int
    seed: int
    device: torch.device
    checkpoint_seconds: float = 60.0


@dataclass
class Sums:
    """Running sums of an epoch, over items."""

    items: int = 0
    correct: int = 0
    loss: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass
class State:
    """Where a training stands. `step` counts within the epoch; `rows` are the finished epochs' metrics.

    `best_epoch` is kept: the best AUROC and, of equals, the lowest loss. `gain_epoch` is the last one that raised the
    AUROC: patience counts from it.
    """

    epoch: int = 0
    step: int = 0
    best_auroc: float = -1.0
    best_loss: float = -1.0
    best_epoch: int = -1
    gain_epoch: int = -1
    finished: bool = False
    sums: Sums = field(default_factory=Sums)
    rows: list[dict[str, float]] = field(default_factory=list)


Validate = Callable[[Detector], dict[str, float]]


class Training:
    """A detector, its optimiser and its average, with the state that a checkpoint holds."""

    def __init__(self, detector: Detector, recipe: Recipe, plan: Plan) -> None:
        # Channels last: a quarter less time a step for depthwise networks on a CPU, and what tensor cores want.
        self.detector = detector.to(device=plan.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = build_optimizer(detector, recipe, plan.lr, plan.weight_decay)
        self.ema = ModelEmaV3(detector, decay=recipe.ema_decay, use_warmup=True) if recipe.ema_decay > 0 else None
        half = plan.mixed_precision and plan.device.type == "cuda"
        self.half = (torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16) if half else None
        self.scaler = torch.amp.GradScaler(plan.device.type, enabled=self.half == torch.float16)
        self.state = State()

    def autocast(self, device: torch.device) -> AbstractContextManager[Any]:
        """Open the context of a forward pass: half precision where the plan asks for it and the device has it.

        Args:
            device: Where the forward runs.

        Returns:
            A context manager.
        """
        return torch.autocast(device.type, dtype=self.half) if self.half else nullcontext()

    @property
    def judged(self) -> Detector:
        """The weights that are validated and kept: the average where there is one."""
        return self.ema.module if self.ema is not None else self.detector

    def save(self, path: Path) -> None:
        """Write all that a resumed training needs: weights, average, optimiser, scaler, random numbers, counters.

        Args:
            path: The checkpoint file.
        """
        optimizer, rest = flatten_optimizer(self.optimizer)
        tensors = {
            **with_prefix("model", self.detector.state_dict()),
            **with_prefix("optimizer", optimizer),
            **(with_prefix("ema", self.ema.module.state_dict()) if self.ema else {}),
            "rng:cpu": torch.get_rng_state(),
            **({"rng:cuda": torch.cuda.get_rng_state()} if self.half or torch.cuda.is_initialized() else {}),
        }
        document = {"state": asdict(self.state), "optimizer": rest, "scaler": self.scaler.state_dict()}
        save_tensors(path, tensors, document)

    def restore(self, path: Path) -> None:
        """Return to where `save` was called; all random numbers from then on are the same.

        Args:
            path: The checkpoint file.
        """
        tensors, document = load_tensors(path)
        self.detector.load_state_dict(without_prefix("model", tensors))
        restore_optimizer(self.optimizer, without_prefix("optimizer", tensors), document["optimizer"])
        if self.ema is not None:
            self.ema.module.load_state_dict(without_prefix("ema", tensors))
        self.scaler.load_state_dict(document["scaler"])
        torch.set_rng_state(tensors["rng:cpu"])
        if "rng:cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["rng:cuda"])
        self.state = State(**{**document["state"], "sums": Sums(**document["state"]["sums"])})


def train(
    detector: Detector,
    objective: Objective,
    faces: TrainFaces,
    sampler: EpochSampler,
    validate: Validate,
    recipe: Recipe,
    plan: Plan,
    folder: Path,
    report: Reporter,
    on_epoch: Callable[[list[dict[str, float]]], None],
) -> State:
    """Train until the epochs are done or patience ends; resume from `folder/last.ckpt` where it exists.

    Writes best_model.safetensors, epoch_NNN.safetensors and last.ckpt into `folder`; leaves the last weights in
    `detector`. On a CPU a training that was killed anywhere and resumed ends with the same bits.

    Args:
        detector: The network.
        objective: What is minimised.
        faces: Augmented training pictures.
        sampler: Order of the pictures in an epoch.
        validate: Gives the figures of an epoch.
        recipe: Optimiser and schedule.
        plan: The numbers of this training.
        folder: Folder of the run.
        report: Receives progress and figures.
        on_epoch: Called with all rows after each epoch.

    Returns:
        Where the training ended.

    Raises:
        Cancelled: `report` asks to stop between two steps; a checkpoint is written first.
        FloatingPointError: The loss is not finite.
    """
    training = Training(detector, recipe, plan)
    checkpoint = folder / CHECKPOINT
    if checkpoint.exists():
        training.restore(checkpoint)
    state, device = training.state, plan.device
    steps = steps_of(len(sampler.rows), plan.batch_size)

    while not state.finished and state.epoch < plan.epochs:
        set_frozen(detector, state.epoch < recipe.freeze_epochs)
        sampler.epoch, sampler.start = state.epoch, state.step * plan.batch_size
        clock = saved = time.monotonic()
        for pixels, labels in batches(faces, sampler, plan):
            step = state.epoch * steps + state.step
            set_rates(training.optimizer, rate_factor(recipe, step, steps, plan.epochs))
            one_step(training, objective, pixels, labels, recipe, step, device)
            state.step += 1
            now = time.monotonic()
            state.sums.seconds += now - clock
            clock = now
            if now - saved > plan.checkpoint_seconds and state.step < steps:
                training.save(checkpoint)
                saved = time.monotonic()
            say(report, state, steps, plan, lambda: training.save(checkpoint))

        last_rate = plan.lr * rate_factor(recipe, (state.epoch + 1) * steps - 1, steps, plan.epochs)
        row = validation_row(state.epoch, state.sums, validate(training.judged), last_rate)
        keep(training, row, plan, folder)
        report.metric(state.epoch + 1, {k: v for k, v in row.items() if k != "epoch"})
        state.epoch, state.step, state.sums = state.epoch + 1, 0, Sums()
        on_epoch(state.rows)
        training.save(checkpoint)

    if training.ema is not None:
        detector.load_state_dict(training.ema.module.state_dict())
    return state


def steps_of(items: int, batch_size: int) -> int:
    """Count the steps of an epoch.

    A rest of one item joins the batch before it: the statistics of a BatchNorm over one item are no statistics, and on
    a map of one pixel torch refuses them.

    Args:
        items: Items in the epoch, at least 1.
        batch_size: Items in a batch.

    Returns:
        Number of batches, at least 1.
    """
    whole, rest = divmod(items, batch_size)
    return max(1, whole + (rest > 1 or (rest == 1 and batch_size == 1)))


class EpochBatches(Sampler[list[tuple[int, int]]]):
    """Batches of what is left of a sampler's epoch; see `steps_of` for a rest of one."""

    def __init__(self, sampler: EpochSampler, batch_size: int) -> None:
        self.sampler, self.batch_size = sampler, batch_size

    def __len__(self) -> int:
        return steps_of(len(self.sampler), self.batch_size)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        items, left = iter(self.sampler), len(self.sampler)
        while left:
            joined = left == self.batch_size + 1 > 2
            take = left if joined else min(self.batch_size, left)
            left -= take
            yield [next(items) for _ in range(take)]


def batches(faces: TrainFaces, sampler: EpochSampler, plan: Plan) -> DataLoader[Any]:
    """Load what is left of the sampler's epoch.

    Args:
        faces: Augmented training pictures.
        sampler: Order of the pictures; its `start` says where to begin.
        plan: Batch size, workers, device.

    Returns:
        Batches of pixels (B, 3, S, S) uint8 and labels (B,).
    """
    return DataLoader(
        faces,
        batch_sampler=EpochBatches(sampler, plan.batch_size),
        num_workers=plan.workers,
        pin_memory=plan.device.type == "cuda",
        generator=torch.Generator().manual_seed(0),  # the loader draws a seed; it must not draw from ours
        multiprocessing_context="spawn" if plan.workers else None,
    )


def keep(training: Training, row: dict[str, float], plan: Plan, folder: Path) -> None:
    """Note a validated epoch, write its weights where they are wanted, and stop when patience is at its end.

    Args:
        training: The training; its state changes.
        row: Figures of the epoch.
        plan: The plan.
        folder: Folder of the run.
    """
    state = training.state
    state.rows.append(row)
    if row["val_auroc"] > state.best_auroc:
        state.gain_epoch = state.epoch
    if (row["val_auroc"], -row["val_loss"]) > (state.best_auroc, -state.best_loss):
        state.best_auroc, state.best_loss, state.best_epoch = row["val_auroc"], row["val_loss"], state.epoch
        save_weights(folder / BEST, training.judged)
    if plan.save_every and (state.epoch + 1) % plan.save_every == 0:
        save_weights(folder / f"epoch_{state.epoch + 1:03d}.safetensors", training.judged)
    state.finished = state.epoch - state.gain_epoch >= plan.patience


def one_step(
    training: Training,
    objective: Objective,
    pixels: Tensor,
    labels: Tensor,
    recipe: Recipe,
    step: int,
    device: torch.device,
) -> None:
    """Do one step: forward, loss, backward, clip, update, average; add to the sums of the epoch.

    Args:
        training: The training; its weights and sums change.
        objective: What is minimised.
        pixels: (B, 3, S, S) uint8.
        labels: (B,) 1 = fake.
        recipe: Gives the norm at which gradients are clipped.
        step: Number of the step, counted from 0 over all epochs.
        device: Where to compute.

    Raises:
        FloatingPointError: The loss is not finite.
    """
    labels = labels.to(device, torch.float32, non_blocking=True)
    inputs = normalise(pixels.to(device, non_blocking=True), training.detector.input_spec)
    inputs = inputs.contiguous(memory_format=torch.channels_last)
    with training.autocast(device):
        output = training.detector(inputs)
        losses = objective(output, inputs, labels)
    loss = float(losses.total.detach())
    if not math.isfinite(loss):
        raise FloatingPointError(f"the loss is {loss} at step {step + 1}; lower the learning rate or clip the gradient")
    training.optimizer.zero_grad(set_to_none=True)
    training.scaler.scale(losses.total).backward()
    training.scaler.unscale_(training.optimizer)
    if recipe.clip_norm > 0:
        torch.nn.utils.clip_grad_norm_(training.detector.parameters(), recipe.clip_norm)
    training.scaler.step(training.optimizer)
    training.scaler.update()
    if training.ema is not None:
        training.ema.update(training.detector, step=step)

    sums, count = training.state.sums, len(labels)
    sums.items += count
    sums.correct += int(((output.log_odds.detach() > 0) == (labels > 0.5)).sum())
    sums.loss += loss * count
    for name, part in losses.parts.items():
        sums.parts[name] = sums.parts.get(name, 0.0) + float(part.detach()) * count


WARM_STEPS = 3


def time_left(seconds: float, epoch: int, step: int, steps: int, epochs: int) -> str:
    """Estimate how long the whole training still takes, every epoch at the pace of this one.

    Args:
        seconds: Spent on the steps of this epoch.
        epoch: Number of the epoch, from 0.
        step: Steps done in this epoch.
        steps: Steps in an epoch.
        epochs: Epochs in all.

    Returns:
        A few words; no estimate in the first steps, which are slow.
    """
    if epoch == 0 and step < min(WARM_STEPS, steps):
        return "starting"
    left = seconds / max(1, step) * ((epochs - epoch) * steps - step)
    if left < 90:
        return f"about {left:.0f} s left in all"
    return f"about {left / 60:.0f} min left in all" if left < 5400 else f"about {left / 3600:.1f} h left in all"


def say(report: Reporter, state: State, steps: int, plan: Plan, save: Callable[[], None]) -> None:
    """Report progress; save first when the reporter asks to stop.

    Args:
        report: The reporter.
        state: Where the training stands.
        steps: Steps in an epoch.
        plan: The plan.
        save: Writes a checkpoint.

    Raises:
        Cancelled: The reporter asks to stop.
    """
    share = (state.epoch + state.step / steps) / plan.epochs
    mean = state.sums.loss / max(1, state.sums.items)
    left = time_left(state.sums.seconds, state.epoch, state.step, steps, plan.epochs)
    line = f"Epoch {state.epoch + 1} of {plan.epochs}, step {state.step} of {steps}, loss {mean:.4f}, {left}"
    try:
        report.progress(min(share, 0.999), line)
    except Cancelled:
        save()
        raise


def seed_everything(seed: int) -> None:
    """Seed the random numbers of torch (all devices) and of NumPy's global generator.

    Args:
        seed: Not negative.
    """
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
