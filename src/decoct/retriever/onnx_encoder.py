"""A bi-encoder that ONNX Runtime runs; nothing here needs torch.

::

    onnx/encode.onnx      tokens -> vectors
    onnx/tokenizer.json   the encoder's, which may not be at hand where the index is
    onnx/onnx.json        what it was made of, how it was checked
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray

from decoct.inference.cores import n_cores
from decoct.inference.onnx_graph import (
    ENCODE,
    FOLDER,
    MAX_BATCH_TOKENS,
    OnnxCard,
    OnnxGraph,
    has_onnx,
    read_onnx_card,
)
from decoct.inference.tokenize import read_tokenizer
from decoct.retriever.bi_encoder import BiEncoder, Floats
from decoct.retriever.settings import EncoderSettings

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class EncoderCard(OnnxCard):
    """What an exported encoder's folder says of itself; `source_sha256` is its fingerprint.

    Attributes:
        weights_sha256: of the weights before they were rounded.
        n_dimensions: of a vector.
        max_tokens: of a text.
        pooling: how tokens' states become a vector.
        pad_id: token id to pad with.
    """

    weights_sha256: str
    n_dimensions: int
    max_tokens: int
    pooling: Literal["mean", "cls"]
    pad_id: int


class OnnxTextEncoder(BiEncoder):
    """An encoder that `decoct export` made ready to run without torch.

    Its fingerprint is that of the encoder that it was made of, as long as tokenizer, template and
    glossary are the same: so it reads the mentions of an index that was built with that one.

    Args:
        graph: of the network.
        card: what it is.
        tokenizer: the encoder's.
        settings: how texts are read; pooling and length are the card's.
    """

    def __init__(
        self, graph: OnnxGraph, card: EncoderCard, tokenizer: Tokenizer, settings: EncoderSettings
    ) -> None:
        own = settings.model_copy(update={"pooling": card.pooling})
        super().__init__(tokenizer, own, card.max_tokens, card.pad_id)
        self.card = card
        self.exact = card.precision == "fp32"
        self.threads = n_cores()
        self._graph = graph

    @classmethod
    def load(cls, settings: EncoderSettings) -> Self:
        """Load it from the folder `onnx/`, which `settings.encoder` names.

        Raises:
            ArtifactError: a file is missing or broken.
            MissingExtraError: onnxruntime is not installed.
            StoreError, FormatError: the glossary can't be read.
        """
        folder = Path(settings.encoder)
        card = read_onnx_card(folder.parent, EncoderCard)
        return cls(OnnxGraph(folder / ENCODE), card, read_tokenizer(folder), settings)

    @property
    def n_dimensions(self) -> int:
        """How long vectors are."""
        return self.card.n_dimensions

    @property
    def weights_sha256(self) -> str:
        """Hash of the weights, before any rounding."""
        return self.card.weights_sha256

    def vectors(self, arrays: Mapping[str, NDArray[np.int64]]) -> Floats:
        """Return the vectors of one batch: (n_texts, n_dimensions)."""
        return self._graph.run(arrays)[0]

    @property
    def _limits(self) -> tuple[int, int]:
        return self.settings.batch_texts, min(self.settings.batch_tokens, MAX_BATCH_TOKENS)


def is_exported(encoder: str) -> bool:
    """Whether an encoder's name is the folder `onnx/` of an exported one."""
    return Path(encoder).name == FOLDER and has_onnx(Path(encoder).parent)
