"""A cross-encoder that ONNX Runtime runs; nothing here needs torch.

::

    onnx/encode.onnx    tokens of a pair, what the retriever said -> the option's logit
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from decoct.encoder.load import pad_id_in
from decoct.errors import StoreError
from decoct.inference.batch import by_length
from decoct.inference.cores import n_cores
from decoct.inference.onnx_graph import (
    ENCODE,
    FOLDER,
    MAX_BATCH_TOKENS,
    Floats,
    OnnxCard,
    OnnxGraph,
    check_source,
    hash_card,
    read_onnx_card,
    run_all,
)
from decoct.inference.tokenize import read_tokenizer
from decoct.reranker.base import Lookup, Question
from decoct.reranker.cross_encoder_card import KIND, CrossEncoderSettings, read_cross_encoder
from decoct.reranker.features import RetrieverFeatures
from decoct.reranker.options import option_rows, prepare
from decoct.reranker.pairs import PairTokenizer, pad_pairs

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_MAX_PAIRS = 64
_QUESTIONS_AT_ONCE = 512


class OnnxCrossEncoder:
    """A cross-encoder that `decoct export` made ready to run without torch.

    Args:
        folder: where it lies.
        exported: what its exported network says of itself.
        scorer: what gives the logits.
    """

    kind: ClassVar[str] = KIND

    def __init__(self, folder: Path, exported: OnnxCard, scorer: OnnxPairScorer) -> None:
        self.folder = folder
        self.exported = exported
        self._scorer = scorer

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load it from a re-ranker's folder.

        Raises:
            ArtifactError: it is none, not exported, or damaged.
            MissingExtraError: onnxruntime is not installed.
        """
        card, config, retriever = read_cross_encoder(folder)
        exported = read_onnx_card(folder, OnnxCard)
        check_source(folder, exported, hash_card(card), "re-ranker")
        pad_id = pad_id_in(config)
        scorer = OnnxPairScorer(folder, card.settings, retriever, read_tokenizer(folder), pad_id)
        return cls(folder, exported, scorer)

    def scores(self, questions: Sequence[Question], lookup: Lookup) -> list[NDArray[np.float32]]:
        """Return logits, NIL's last; see `Scorer.scores`."""
        return self._scorer.scores(questions, lookup)

    def save(self, folder: Path) -> None:
        """Copy its folder, the weights that it was exported from included.

        Raises:
            StoreError: the folder can't be written.
        """
        if folder.exists() and folder.samefile(self.folder):
            return
        try:
            shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        except OSError as error:
            reason = " ".join(str(error).split())[:200]
            raise StoreError(f"{folder}: re-ranker can't be written: {reason}") from None


class OnnxPairScorer:
    """Runs an exported network, several batches of options at a time.

    Args:
        folder: that holds `onnx/`.
        settings: of the re-ranker.
        retriever: the retriever's scores and their scales.
        tokenizer: the encoder's.
        pad_id: token id to pad with.

    Raises:
        ArtifactError: a file is missing or broken.
        MissingExtraError: onnxruntime is not installed.
    """

    def __init__(
        self,
        folder: Path,
        settings: CrossEncoderSettings,
        retriever: RetrieverFeatures,
        tokenizer: Tokenizer,
        pad_id: int,
    ) -> None:
        self._graph = OnnxGraph(folder / FOLDER / ENCODE)
        self._retriever = retriever
        self._pairs = PairTokenizer(
            tokenizer, settings.max_tokens, settings.max_aliases, settings.definitions
        )
        self._pad_id = pad_id
        self._threads = n_cores()

    def scores(self, questions: Sequence[Question], lookup: Lookup) -> list[NDArray[np.float32]]:
        """Return logits, NIL's last; see `Scorer.scores`."""
        found: list[NDArray[np.float32]] = []
        for start in range(0, len(questions), _QUESTIONS_AT_ONCE):
            found += self._scores(questions[start : start + _QUESTIONS_AT_ONCE], lookup)
        return found

    def _scores(self, questions: Sequence[Question], lookup: Lookup) -> list[Floats]:
        prepared = prepare(questions, lookup, self._pairs, self._retriever)
        options = option_rows(prepared, [range(len(one.places)) for one in prepared])
        logits = np.zeros(len(options.pairs), dtype=np.float32)

        def work(group: list[int]) -> None:
            pairs = pad_pairs([options.pairs[at] for at in group], self._pad_id)
            (logits[group],) = self._graph.run(
                {
                    "input_ids": pairs.input_ids,
                    "attention_mask": pairs.attention_mask,
                    "token_type_ids": pairs.token_type_ids,
                    "retriever": options.retriever[group],
                    "whole": options.whole[group],
                    "is_nil": options.is_nil[group],
                }
            )

        lengths = list(map(len, options.pairs))
        n_pairs = min(_MAX_PAIRS, -(-len(lengths) // self._threads))  # of one mention too, for all
        run_all(work, by_length(lengths, n_pairs, MAX_BATCH_TOKENS), self._threads)
        return np.split(logits, np.cumsum(options.sizes)[:-1])
