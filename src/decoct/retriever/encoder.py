"""A bi-encoder: names and mentions, each read by itself, become vectors of length 1."""

from __future__ import annotations

import json
from collections.abc import Sequence
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
from decoct.inference.batch import by_length
from decoct.kb.base import Query
from decoct.retriever.settings import EncoderSettings
from decoct.retriever.templates import Template
from decoct.store import read_json, sha256_json, write_json, write_text
from decoct.text.glossary import Glossary
from decoct.training.device import autocast, choose_device, uses_bf16

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

_CHUNK_TEXTS = 8192
_POOLING = "1_Pooling/config.json"
_ST = "sentence_transformers.models"


class TextEncoder:
    """An encoder, how its states are pooled, and how texts are put to it.

    Args:
        model: a transformers model without a head.
        tokenizer: its own; truncation and padding are set here.
        settings: `pooling` must not be `auto`.

    Example:
        encoder = TextEncoder.load(EncoderSettings(encoder="embedded"))
        encoder.encode(["heart attack", Query("MI", "Had an MI in 2019.", 7, 9)])
    """

    def __init__(self, model: Any, tokenizer: Tokenizer, settings: EncoderSettings) -> None:  # noqa: ANN401
        self.device = choose_device(settings.device)
        self.model = model.to(self.device).eval()
        self.tokenizer = tokenizer
        self.settings = settings
        self.max_tokens = window_tokens(model, settings.max_tokens)
        self.glossary = Glossary.load(settings.glossary) if settings.glossary else None
        self.template = Template(settings.template, tokenizer, self.max_tokens, self.glossary)
        self.bf16 = uses_bf16(settings.precision, self.device)
        self._pad_id = pad_id_of(model)
        self._types = int(getattr(model.config, "type_vocab_size", 0) or 0) > 1

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
    def fingerprint(self) -> str:
        """Hash of all that a vector depends on beside its text, made anew each time."""
        read: list[object] = [self.settings.pooling, self.settings.template, self.max_tokens]
        if self.glossary:
            read.append(self.glossary.fingerprint)
        return sha256_json([hash_weights(self.model), self.tokenizer.to_str(), read])

    def tokens(self, texts: Sequence[str | Query]) -> list[Encoding]:
        """Return the tokens of names (strings) and mentions (queries), cut to `max_tokens`."""
        return self.template.encode(texts)

    def batch(self, encodings: Sequence[Encoding]) -> dict[str, torch.Tensor]:
        """Pad texts to one rectangle, as the model takes it."""
        n_tokens = max(1, *(len(encoding) for encoding in encodings))
        ids = np.full((len(encodings), n_tokens), self._pad_id, dtype=np.int64)
        mask, types = np.zeros_like(ids), np.zeros_like(ids)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding)] = encoding.ids
            types[row, : len(encoding)] = encoding.type_ids
            mask[row, : max(len(encoding), 1)] = 1
        arrays = {"input_ids": ids, "attention_mask": mask}
        if self._types and types.any():
            arrays["token_type_ids"] = types
        return {name: torch.from_numpy(array).to(self.device) for name, array in arrays.items()}

    def pool(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return vectors of length 1, differentiable: (n_texts, n_dimensions) float32."""
        states = self.model(**batch).last_hidden_state.float()
        if self.settings.pooling == "cls":
            pooled = states[:, 0]
        else:
            mask = batch["attention_mask"].unsqueeze(-1).to(states.dtype)
            pooled = (states * mask).sum(1) / mask.sum(1)
        return torch.nn.functional.normalize(pooled, dim=-1)

    def encode(self, texts: Sequence[str | Query]) -> NDArray[np.float32]:
        """Return vectors of length 1, best made many at a time: (n_texts, n_dimensions)."""
        vectors = np.zeros((len(texts), self.n_dimensions), dtype=np.float32)
        for first in range(0, len(texts), _CHUNK_TEXTS):
            chunk = self.tokens(texts[first : first + _CHUNK_TEXTS])
            lengths = [len(encoding) for encoding in chunk]
            limits = self.settings.batch_texts, self.settings.batch_tokens
            for group in by_length(lengths, *limits):
                with torch.inference_mode(), autocast(self.device, self.bf16):
                    found = self.pool(self.batch([chunk[position] for position in group]))
                vectors[first + np.array(group)] = found.float().cpu().numpy()
        return vectors

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
        pad = self.tokenizer.id_to_token(self._pad_id)
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
