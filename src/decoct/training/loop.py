"""The one training loop: any model whose batches can be turned into a loss.

Each epoch seeds itself from (seed, epoch), so a run that resumes at an epoch's start does exactly
what an uninterrupted one would have done.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch

from decoct.errors import ConfigError
from decoct.progress import Progress
from decoct.training.checkpoint import Position, load_checkpoint, save_checkpoint
from decoct.training.device import autocast, choose_device, uses_bf16
from decoct.training.settings import TrainingSettings

B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Job(Generic[B]):
    """What is trained, in the loop's terms.

    Attributes:
        model: trained in place.
        head_names: prefixes of parameter names that take the head's learning rate.
        n_batches: batches in an epoch.
        batches: epoch number -> that epoch's batches, always the same for the same number.
        loss: batch -> scalar loss; the model is in training mode and under autocast.
        dev_score: -> score on the dev part, higher is better; the model is in evaluation mode. None
            where there is no such part: the last epoch is kept.
        fingerprint: hash of data and settings, for resuming.
    """

    model: torch.nn.Module
    head_names: tuple[str, ...]
    n_batches: int
    batches: Callable[[int], Sequence[B]]
    loss: Callable[[B], torch.Tensor]
    dev_score: Callable[[], float] | None
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Training:
    """What came of a training run.

    Attributes:
        best_epoch: from 1; its weights are the model's now.
        best_score: its dev score, or its number where there is no dev part.
        history: one entry an epoch: `epoch`, `loss`, `dev_score`, `seconds`.
        device: where it ran.
        bf16: whether under bf16 autocast.
        resumed_at: epochs that were done before this process began.
    """

    best_epoch: int
    best_score: float
    history: tuple[Mapping[str, float], ...]
    device: str
    bf16: bool
    resumed_at: int


def train(
    job: Job[B], settings: TrainingSettings, progress: Progress, checkpoints: Path | None = None
) -> Training:
    """Train, keep the weights of the best epoch by dev score, and say how it went.

    Args:
        job: model, data and loss.
        settings: how.
        progress: shown a bar for each epoch.
        checkpoints: folder for the state after each epoch; None keeps none.

    Raises:
        ConfigError: the device can't be used, or the loss is no longer a number.
        StoreError: a checkpoint can't be written.
    """
    device = choose_device(settings.device)
    bf16 = uses_bf16(settings.precision, device)
    model = job.model.to(device)
    groups = parameter_groups(
        model,
        job.head_names,
        settings.learning_rate,
        settings.head_learning_rate,
        settings.weight_decay,
    )
    optimizer = torch.optim.AdamW(groups, fused=device.type != "mps")
    position = Position(job.fingerprint, 0, -math.inf, 0, ())
    best: dict[str, torch.Tensor] = {}
    resumed = (
        load_checkpoint(checkpoints, job.fingerprint, model, optimizer) if checkpoints else None
    )
    if resumed:
        position, best = resumed
        progress.note(f"resumed after epoch {position.epoch}")
    resumed_at = position.epoch

    while position.epoch < settings.epochs and not _is_stale(position, settings):
        epoch = position.epoch + 1
        started = time.perf_counter()
        torch.manual_seed(settings.seed * 1_000_003 + epoch)
        model.train()
        loss = _run_epoch(job, settings, epoch, device, bf16, optimizer, progress)
        model.eval()
        with torch.inference_mode(), autocast(device, bf16):
            score = job.dev_score() if job.dev_score else float(epoch)
        entry = {
            "epoch": epoch,
            "loss": loss,
            "dev_score": score,
            "seconds": time.perf_counter() - started,
        }
        better = not best or score > position.best_score
        if better:
            best = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        position = Position(
            job.fingerprint,
            epoch,
            score if better else position.best_score,
            epoch if better else position.best_epoch,
            (*position.history, entry),
        )
        if checkpoints:
            save_checkpoint(checkpoints, position, model, best, optimizer)
        scored = f", dev score {score:.4f}{' (best)' if better else ''}" if job.dev_score else ""
        progress.note(f"epoch {epoch}: loss {loss:.4f}{scored}")

    model.load_state_dict(best)
    model.eval()
    return Training(
        position.best_epoch, position.best_score, position.history, str(device), bf16, resumed_at
    )


def _is_stale(position: Position, settings: TrainingSettings) -> bool:
    """A model that has not yet found anything is not given up on."""
    waited = position.epoch - position.best_epoch
    return position.best_score > 0 and 0 < settings.patience <= waited


def _run_epoch(
    job: Job[B],
    settings: TrainingSettings,
    epoch: int,
    device: torch.device,
    bf16: bool,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
) -> float:
    total = 0.0
    step = (epoch - 1) * job.n_batches
    batches = job.batches(epoch)
    for batch in progress.track(batches, len(batches), f"epoch {epoch}/{settings.epochs}"):
        factor = learning_rate_factor(step, settings.epochs * job.n_batches, settings.warmup)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        with autocast(device, bf16):
            loss = job.loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(job.model.parameters(), settings.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        total += float(loss.detach())
        step += 1
    if not math.isfinite(total):
        raise ConfigError(f"the loss is no longer a number in epoch {epoch}; lower learning_rate")
    return total / max(1, len(batches))


def learning_rate_factor(step: int, n_steps: int, warmup: float) -> float:
    """Return the share of the peak learning rate at a step: linear rise, then fall to zero."""
    rise = max(1, round(n_steps * warmup))
    if step < rise:
        return (step + 1) / rise
    return max(0.0, (n_steps - step) / max(1, n_steps - rise))


def parameter_groups(
    model: torch.nn.Module,
    head_names: tuple[str, ...],
    learning_rate: float,
    head_learning_rate: float,
    weight_decay: float,
) -> list[dict[str, object]]:
    """Return AdamW's parameter groups, each with its `peak` learning rate.

    Args:
        model: what is trained.
        head_names: prefixes of parameter names that take the head's learning rate.
        learning_rate: peak, for all else.
        head_learning_rate: peak, for the heads.
        weight_decay: not applied to biases and norms.
    """
    groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = (name.startswith(head_names), parameter.ndim >= 2)
            groups.setdefault(key, []).append(parameter)
    return [
        {
            "params": parameters,
            "peak": head_learning_rate if is_head else learning_rate,
            "weight_decay": weight_decay if decays else 0.0,
        }
        for (is_head, decays), parameters in groups.items()
    ]
