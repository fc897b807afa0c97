"""A bi-encoder: names and mentions, each read by itself, become vectors of length 1."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray

from decoct.encoder.files import hash_weights
from decoct.encoder.load import (
    EMBEDDED,
    embedded_folder,
    load_encoder,
    looks_local,
    pad_id_of,
    save_encoder,
    window_tokens,
)
from decoct.errors import ArtifactError, StoreError
from decoct.retriever.bi_encoder import BiEncoder
from decoct.retriever.settings import EncoderSettings
from decoct.store import read_json, write_json, write_text
from decoct.training.device import autocast, choose_device, uses_bf16

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

_POOLING = "1_Pooling/config.json"
_ST = "sentence_transformers.models"


class TextEncoder(BiEncoder):
    """An encoder that torch runs, how its states are pooled, and how texts are put to it.

    Args:
        model: a transformers model without a head.
        tokenizer: its own; truncation and padding are set here.
        settings: `pooling` must not be `auto`.

    Example:
        encoder = TextEncoder.load(EncoderSettings(encoder="embedded"))
        encoder.encode(["heart attack", Query("MI", "Had an MI in 2019.", 7, 9)])
    """

    def __init__(self, model: Any, tokenizer: Tokenizer, settings: EncoderSettings) -> None:  # noqa: ANN401
        max_tokens = window_tokens(model, settings.max_tokens)
        super().__init__(tokenizer, settings, max_tokens, pad_id_of(model))
        self.device = choose_device(settings.device)
        self.model = model.to(self.device).eval()
        self.bf16 = uses_bf16(settings.precision, self.device)
        self.has_types = int(getattr(model.config, "type_vocab_size", 0) or 0) > 1

    @classmethod
    def load(cls, settings: EncoderSettings) -> Self:
        """Load an encoder: `embedded`, a folder, or one of a hub.

        Raises:
            ArtifactError: there is no such encoder, or it pools in a way that is not known here.
            MissingExtraError: transformers or the wheel is not installed.
            ConfigError: the device is not there.
            StoreError, FormatError: the glossary can't be read.
        """
        pooling = settings.pooling
        if pooling == "auto":
            pooling = stated_pooling(settings.encoder)
        model, tokenizer = load_encoder(settings.encoder)
        return cls(model, tokenizer, settings.model_copy(update={"pooling": pooling}))

    @property
    def n_dimensions(self) -> int:
        """How long vectors are."""
        return int(self.model.config.hidden_size)

    @property
    def weights_sha256(self) -> str:
        """Hash of the weights, made anew each time."""
        return hash_weights(self.model)

    def batch(self, encodings: Sequence[Encoding]) -> dict[str, torch.Tensor]:
        """Pad texts to one rectangle, as the model takes it."""
        return self._tensors(self.arrays(encodings))

    def pool(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return vectors of length 1, differentiable: (n_texts, n_dimensions) float32."""
        states = self.model(**batch).last_hidden_state.float()
        if self.settings.pooling == "cls":
            pooled = states[:, 0]
        else:
            mask = batch["attention_mask"].unsqueeze(-1).to(states.dtype)
            pooled = (states * mask).sum(1) / mask.sum(1)
        return torch.nn.functional.normalize(pooled, dim=-1)

    def vectors(self, arrays: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Return the vectors of one batch: (n_texts, n_dimensions)."""
        with torch.inference_mode(), autocast(self.device, self.bf16):
            return self.pool(self._tensors(arrays)).float().cpu().numpy()

    def _tensors(self, arrays: Mapping[str, NDArray[np.int64]]) -> dict[str, torch.Tensor]:
        names = ["input_ids", "attention_mask"]
        if self.has_types and arrays["token_type_ids"].any():
            names.append("token_type_ids")
        return {name: torch.from_numpy(arrays[name]).to(self.device) for name in names}

    def plain_tokenizer(self) -> str:
        """Return the tokenizer as its file has it, without truncation."""
        self.tokenizer.no_truncation()
        try:
            return str(self.tokenizer.to_str(pretty=True))
        finally:
            self.tokenizer.enable_truncation(self.max_tokens)

    def save(self, folder: Path) -> None:
        """Write it as sentence-transformers reads it, and `TextEncoder.load`.

        Raises:
            StoreError: the folder can't be written.
        """
        self.tokenizer.no_truncation()
        try:
            save_encoder(self.model, self.tokenizer, folder)
        finally:
            self.tokenizer.enable_truncation(self.max_tokens)
        try:
            for name in ("1_Pooling", "2_Normalize"):
                (folder / name).mkdir(exist_ok=True)
        except OSError as error:
            raise StoreError(f"{folder}: can't be written: {error.strerror or error}") from None
        how = self.settings.pooling
        write_json(
            folder / _POOLING,
            {
                "word_embedding_dimension": self.n_dimensions,
                "pooling_mode_cls_token": how == "cls",
                "pooling_mode_mean_tokens": how == "mean",
                "pooling_mode_max_tokens": False,
                "pooling_mode_mean_sqrt_len_tokens": False,
            },
        )
        steps = (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"))
        modules = [
            {"idx": number, "name": str(number), "path": path, "type": f"{_ST}.{kind}"}
            for number, (path, kind) in enumerate(steps)
        ]
        write_text(folder / "modules.json", json.dumps(modules, indent=2) + "\n")
        sizes = {"max_seq_length": self.max_tokens, "do_lower_case": False}
        write_json(folder / "sentence_bert_config.json", sizes)
        write_json(folder / "config_sentence_transformers.json", {"similarity_fn_name": "cosine"})
        kind = {"tokenizer_class": "PreTrainedTokenizerFast"}
        pad = self.tokenizer.id_to_token(self.pad_id)
        write_json(folder / "tokenizer_config.json", {**kind, "pad_token": pad})


def stated_pooling(name: str) -> Literal["mean", "cls"]:
    """Return how an encoder's folder says that it pools, `mean` where it says nothing.

    Raises:
        ArtifactError: it is a way that is not known here.
    """
    path = (embedded_folder() if name == EMBEDDED else Path(name)) / _POOLING
    if not path.is_file():
        path = _of_hub(name) or path
    if not path.is_file():
        return "mean"
    try:
        stated = read_json(path)
        modes = [
            mode.removeprefix("pooling_mode_") for mode, used in stated.items() if used is True
        ]
    except (StoreError, AttributeError) as error:
        raise ArtifactError(f"{path}: can't be read as a pooling: {error}") from None
    mode = stated.get("pooling_mode") or " and ".join(
        mode for mode in modes if mode != "include_prompt"
    )
    known: dict[str, Literal["mean", "cls"]] = {
        "mean": "mean",
        "mean_tokens": "mean",
        "cls": "cls",
        "cls_token": "cls",
    }
    if mode not in known:
        raise ArtifactError(
            f"{path}: pools by {mode!r}; known are mean and cls: choose one, dense.pooling = "
            '"mean", if the encoder takes it'
        )
    return known[mode]


def _of_hub(name: str) -> Path | None:
    """Return the pooling's file of a hub's encoder, or None where there is none."""
    if name == EMBEDDED or looks_local(name):
        return None
    from transformers.utils.hub import cached_file

    try:
        found = cached_file(name, _POOLING)
    except OSError:
        return None
    return Path(found) if found else None
