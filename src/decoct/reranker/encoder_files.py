"""A network on an encoder, on disk as the ecosystem has it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import nn

from decoct.encoder.load import build_encoder, one_line
from decoct.errors import ArtifactError, StoreError
from decoct.reranker.artifact import CONFIG, OTHER_VERSION
from decoct.store import write_json, write_text

_WEIGHTS, _TOKENIZER = "model.safetensors", "tokenizer.json"
_ENCODER, _OWN = "encoder.", "decoct."
M = TypeVar("M", bound=nn.Module)


def save_network(folder: Path, model: nn.Module, tokenizer: Tokenizer) -> None:
    """Write weights and tokenizer; the encoder's tensors have the names of its own library.

    Args:
        folder: made if it is not there.
        model: has its encoder under `encoder`.
        tokenizer: the encoder's.

    Raises:
        StoreError: the folder can't be written.
    """
    tensors = {
        name.removeprefix(_ENCODER) if name.startswith(_ENCODER) else f"{_OWN}{name}": tensor
        for name, tensor in model.state_dict().items()
    }
    part = folder / f".{_WEIGHTS}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        save_file(whole, part, {"format": "pt"})
        part.replace(folder / _WEIGHTS)
    except (OSError, SafetensorError) as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise StoreError(f"{folder}: re-ranker can't be written: {error}") from None
    write_text(folder / _TOKENIZER, tokenizer.to_str(pretty=True))
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"})


def config_of(encoder: Any) -> dict[str, Any]:  # noqa: ANN401 (any transformers model)
    """Return an encoder's whole configuration."""
    config: dict[str, Any] = json.loads(encoder.config.to_json_string(use_diff=False))
    return config


def load_network(folder: Path, config: dict[str, Any], make: Callable[[Any], M]) -> M:
    """Make a network and read its weights.

    Args:
        folder: from `save_network`.
        config: the encoder's own configuration.
        make: from an encoder to the network.

    Raises:
        ArtifactError: something is missing, damaged, or does not fit.
    """
    try:
        encoder = build_encoder(config)
    except Exception as error:  # as many kinds as there are architectures
        raise ArtifactError(f"{folder / CONFIG}: describes no encoder: {one_line(error)}") from None
    model = make(encoder)
    try:
        weights = load_file(folder / _WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise ArtifactError(f"{folder / _WEIGHTS}: can't be read: {one_line(error)}") from None
    named = {
        name.removeprefix(_OWN) if name.startswith(_OWN) else f"{_ENCODER}{name}": tensor
        for name, tensor in weights.items()
    }
    try:
        model.load_state_dict(named)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise ArtifactError(
            f"{folder}: weights do not fit {CONFIG}; {OTHER_VERSION}: {reason}"
        ) from None
    return model


def load_tokenizer(folder: Path) -> Tokenizer:
    """Read `tokenizer.json`.

    Raises:
        ArtifactError: it is missing or damaged.
    """
    path = folder / _TOKENIZER
    if not path.is_file():
        raise ArtifactError(f"{folder}: holds no {_TOKENIZER}")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust library raises bare Exception
        raise ArtifactError(f"{path}: can't be read: {one_line(error)}") from None
