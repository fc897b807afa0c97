"""What every bi-encoder has in common, whatever runs it: texts to tokens, batches, vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from decoct.inference.batch import by_length
from decoct.inference.onnx_graph import run_all
from decoct.kb.base import Query
from decoct.retriever.settings import EncoderSettings
from decoct.retriever.templates import Template
from decoct.store import sha256_json
from decoct.text.glossary import Glossary

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

_CHUNK_TEXTS = 8192
Floats = NDArray[np.float32]


class BiEncoder(ABC):
    """Names and mentions, each read by itself, become vectors of length 1.

    Args:
        tokenizer: the encoder's own; truncation and padding are set here.
        settings: `pooling` must not be `auto`.
        max_tokens: of a text, special tokens included.
        pad_id: token id to pad with.

    Attributes:
        exact: whether its weights are whole, so that names may be read with it.
        threads: batches that are read at the same time.
    """

    exact: bool = True
    threads: int = 1

    def __init__(
        self, tokenizer: Tokenizer, settings: EncoderSettings, max_tokens: int, pad_id: int
    ) -> None:
        self.tokenizer = tokenizer
        self.settings = settings
        self.max_tokens = max_tokens
        self.pad_id = pad_id
        self.glossary = Glossary.load(settings.glossary) if settings.glossary else None
        self.template = Template(settings.template, tokenizer, max_tokens, self.glossary)

    @property
    @abstractmethod
    def n_dimensions(self) -> int:
        """How long vectors are."""

    @property
    @abstractmethod
    def weights_sha256(self) -> str:
        """Hash of the weights, before any rounding."""

    @abstractmethod
    def vectors(self, arrays: Mapping[str, NDArray[np.int64]]) -> Floats:
        """Return the vectors of one batch, see `arrays`: (n_texts, n_dimensions)."""

    @property
    def fingerprint(self) -> str:
        """Hash of all that a vector depends on beside its text, made anew each time."""
        read: list[object] = [self.settings.pooling, self.settings.template, self.max_tokens]
        if self.glossary:
            read.append(self.glossary.fingerprint)
        return sha256_json([self.weights_sha256, self.tokenizer.to_str(), read])

    def tokens(self, texts: Sequence[str | Query]) -> list[Encoding]:
        """Return the tokens of names (strings) and mentions (queries), cut to `max_tokens`."""
        return self.template.encode(texts)

    def arrays(self, encodings: Sequence[Encoding]) -> dict[str, NDArray[np.int64]]:
        """Pad texts to one rectangle: ids, mask and types, each (n_texts, n_tokens) int64."""
        n_tokens = max(1, *(len(encoding) for encoding in encodings))
        ids = np.full((len(encodings), n_tokens), self.pad_id, dtype=np.int64)
        mask, types = np.zeros_like(ids), np.zeros_like(ids)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding)] = encoding.ids
            types[row, : len(encoding)] = encoding.type_ids
            mask[row, : max(len(encoding), 1)] = 1
        return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}

    def encode(self, texts: Sequence[str | Query]) -> Floats:
        """Return vectors of length 1, best made many at a time: (n_texts, n_dimensions)."""
        found = np.zeros((len(texts), self.n_dimensions), dtype=np.float32)
        for first in range(0, len(texts), _CHUNK_TEXTS):
            chunk = self.tokens(texts[first : first + _CHUNK_TEXTS])
            groups = by_length([len(encoding) for encoding in chunk], *self._limits)
            rows = found[first : first + _CHUNK_TEXTS]
            run_all(partial(self._fill, rows, chunk), groups, self.threads)
        return found

    @property
    def _limits(self) -> tuple[int, int]:
        """The most texts in a batch, and the most tokens."""
        return self.settings.batch_texts, self.settings.batch_tokens

    def _fill(self, rows: Floats, encodings: Sequence[Encoding], group: list[int]) -> None:
        rows[group] = self.vectors(self.arrays([encodings[place] for place in group]))
