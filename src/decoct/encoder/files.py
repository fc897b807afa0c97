"""A network on an encoder, on disk as the ecosystem has it."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import nn

from decoct.encoder.load import CONFIG, build_encoder, one_line
from decoct.errors import ArtifactError, StoreError
from decoct.store import write_json, write_text

_WEIGHTS = "model.safetensors"
_ENCODER, _OWN = "encoder.", "decoct."
M = TypeVar("M", bound=nn.Module)


def save_network(folder: Path, model: nn.Module, tokenizer: Tokenizer, noun: str) -> None:
    """Write weights and tokenizer; the encoder's tensors have the names of its own library.

    Args:
        folder: made if it is not there.
        model: has its encoder under `encoder`.
        tokenizer: the encoder's.
        noun: what to call the network where it can't be written.

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
        raise StoreError(f"{folder}: {noun} can't be written: {error}") from None
    write_text(folder / "tokenizer.json", tokenizer.to_str(pretty=True))
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"})


def save_student(
    folder: Path,
    model: nn.Module,
    tokenizer: Tokenizer,
    card: dict[str, Any],
    readme: str,
    noun: str,
) -> None:
    """Write a network with what is said of it: `config.json` and the model card.

    Args:
        folder: made if it is not there.
        model: has its encoder under `encoder`.
        tokenizer: the encoder's.
        card: our part of `config.json`, beside the encoder's own.
        readme: the model card.
        noun: what to call the network where it can't be written.

    Raises:
        StoreError: the folder can't be written.
    """
    save_network(folder, model, tokenizer, noun)
    write_text(folder / "README.md", readme)
    write_json(folder / CONFIG, {**config_of(model.encoder), "decoct": card})


def hash_weights(model: nn.Module) -> str:
    """Return the hex SHA-256 of a model's weights and their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(name.encode() + flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def config_of(encoder: Any) -> dict[str, Any]:  # noqa: ANN401 (any transformers model)
    """Return an encoder's whole configuration."""
    config: dict[str, Any] = json.loads(encoder.config.to_json_string(use_diff=False))
    return config


def load_network(folder: Path, config: dict[str, Any], make: Callable[[Any], M], way_out: str) -> M:
    """Make a network and read its weights.

    Args:
        folder: from `save_network`.
        config: the encoder's own configuration.
        make: from an encoder to the network.
        way_out: what to do where the weights do not fit.

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
        raise ArtifactError(f"{folder}: weights do not fit {CONFIG}; {way_out}: {reason}") from None
    return model


def upload(
    save: Callable[[str | Path], None],
    repo_id: str,
    **options: Any,  # noqa: ANN401 (huggingface_hub's own)
) -> str:
    """Save into a folder, upload it to a hub and return its address.

    Args:
        save: writes the folder.
        repo_id: owner and name.
        options: go to `create_repo`.
    """
    import tempfile

    from huggingface_hub import HfApi

    api = HfApi()
    api.create_repo(repo_id, exist_ok=True, **options)
    with tempfile.TemporaryDirectory() as folder:
        save(folder)
        return str(api.upload_folder(repo_id=repo_id, folder_path=folder))
