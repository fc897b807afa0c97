"""Training state on disk as safetensors, so that an interrupted run goes on where it was."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from decoct.errors import StoreError

_STATE = "state.safetensors"


@dataclass(frozen=True, slots=True)
class Position:
    """How far a run has come.

    Attributes:
        fingerprint: hash of data and settings; a checkpoint of another run is not resumed.
        epoch: epochs done.
        best_score: the best dev score so far.
        best_epoch: the epoch that reached it, from 1.
        history: one entry an epoch: loss, dev score, seconds.
    """

    fingerprint: str
    epoch: int
    best_score: float
    best_epoch: int
    history: tuple[Mapping[str, float], ...]


def save_checkpoint(
    folder: Path,
    position: Position,
    model: torch.nn.Module,
    best: Mapping[str, torch.Tensor],
    optimizer: torch.optim.Optimizer,
) -> None:
    """Write weights, best weights and optimizer state as one file, there whole or not at all."""
    tensors = {f"model/{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"best/{name}": tensor for name, tensor in best.items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": tensor for name, tensor in state.items()}
    part = folder / f"{_STATE}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file(
            {k: v.contiguous().clone() for k, v in tensors.items()},
            part,
            {"position": json.dumps(asdict(position))},
        )
        part.replace(folder / _STATE)
    except (OSError, SafetensorError) as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise StoreError(f"{folder}: checkpoint can't be written: {error}") from None


def load_checkpoint(
    folder: Path, fingerprint: str, model: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[Position, dict[str, torch.Tensor]] | None:
    """Put a checkpoint back into model and optimizer; return its position and the best weights.

    Returns None where there is none, or where it belongs to other data or settings.
    """
    path = folder / _STATE
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as stored:
            position = _position(json.loads(stored.metadata()["position"]))
            if position.fingerprint != fingerprint:
                return None
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return None
    weights, best = _under("model/", tensors), _under("best/", tensors)
    if not _fits(weights, model) or (best and not _fits(best, model)):
        return None
    model.load_state_dict(weights)
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in _under("optimizer/", tensors).items():
        index, _, field = name.partition("/")
        state.setdefault(int(index), {})[field] = tensor
    optimizer.load_state_dict(
        {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}
    )
    return position, best


def _position(data: dict[str, Any]) -> Position:
    return Position(**{**data, "history": tuple(data["history"])})


def _fits(tensors: Mapping[str, torch.Tensor], model: torch.nn.Module) -> bool:
    wanted = {name: tensor.shape for name, tensor in model.state_dict().items()}
    return {name: tensor.shape for name, tensor in tensors.items()} == wanted


def _under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
