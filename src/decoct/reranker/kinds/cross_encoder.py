"""The cross-encoder: an encoder reads mention and candidate together; the list is learnt whole.

To what it reads it adds what the retriever said, and it begins with that alone: from a few hundred
choices a plain cross-encoder learns less than a good retriever knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from decoct.config import Settings, check
from decoct.encoder.files import config_of, load_network, save_network
from decoct.encoder.load import load_encoder, pad_id_of, window_tokens
from decoct.inference.onnx_graph import remove_onnx
from decoct.inference.tokenize import read_tokenizer
from decoct.progress import Progress, Silent
from decoct.reranker.artifact import OTHER_VERSION, write_config
from decoct.reranker.base import Choice, Lookup, Question
from decoct.reranker.cross_encoder_card import (
    KIND,
    CrossEncoderCard,
    CrossEncoderSettings,
    read_cross_encoder,
)
from decoct.reranker.features import RetrieverFeatures
from decoct.reranker.lessons import check_choices, describe_choices, expected_share, first_beliefs
from decoct.reranker.options import prepare
from decoct.reranker.pair_scorer import PairScorer
from decoct.reranker.pair_training import Epochs, score_all
from decoct.reranker.pairs import PairTokenizer
from decoct.store import versions
from decoct.training.device import autocast, choose_device, uses_bf16
from decoct.training.loop import Job, Training, train

_MAX_BATCH_TOKENS = 8192
_QUESTIONS_AT_ONCE = 512


class CrossEncoder:
    """An encoder over mention and candidate, and weights for what the retriever said.

    Saved as a student is: `config.json` is the encoder's own with our part beside it, so that
    `AutoModel.from_pretrained(folder)` loads the fine-tuned encoder. It is no folder of
    sentence-transformers' `CrossEncoder`, which has no place for the retriever's numbers.

    Source: Nogueira and Cho 2019 (arXiv 1901.04085) for the cross-encoder, Cao et al. 2007
    (ListNet) for the listwise loss. The beginning at the retriever's ranking is ours.
    """

    kind: ClassVar[str] = KIND
    settings_type: ClassVar[type[Settings]] = CrossEncoderSettings

    def __init__(
        self,
        model: PairScorer,
        tokenizer: Tokenizer,
        retriever: RetrieverFeatures,
        settings: CrossEncoderSettings,
        training: Mapping[str, Any] | None = None,
        device: str = "auto",
    ) -> None:
        self.device = choose_device(device)
        self.bf16 = uses_bf16(settings.precision, self.device)
        self.model = model.to(self.device).eval()
        self.tokenizer = tokenizer
        self.retriever = retriever
        self.settings = settings
        self.training = dict(training or {})
        self.pad_id = pad_id_of(model.encoder)
        self._pairs = PairTokenizer(
            tokenizer, settings.max_tokens, settings.max_aliases, settings.definitions
        )

    @classmethod
    def fit(
        cls,
        choices: Sequence[Choice],
        lookup: Lookup,
        settings: Mapping[str, Any],
        *,
        dev: Sequence[Choice] = (),
        progress: Progress | None = None,
    ) -> Self:
        """Learn from choices; see `Reranker.fit`.

        Of the dev choices it is the probability of the right options that is watched. Where no
        epoch betters the retriever's own ranking there, that is what it stays with.
        """
        wanted = check(CrossEncoderSettings, dict(settings), cls.kind)
        check_choices(choices)
        torch.manual_seed(wanted.seed)
        encoder, tokenizer = load_encoder(wanted.encoder)
        if wanted.freeze_embeddings:
            encoder.get_input_embeddings().requires_grad_(False)
        wanted = wanted.model_copy(update={"max_tokens": window_tokens(encoder, wanted.max_tokens)})
        questions = [choice.question for choice in choices]
        retriever = RetrieverFeatures.learn(questions)
        model = PairScorer(
            encoder, retriever.n_columns, retriever.n_list_columns, wanted.pooling, wanted.dropout
        )
        model.trust(*first_beliefs(choices, [retriever.rows(q) for q in questions]))
        made = cls(model, tokenizer, retriever, wanted, device=wanted.device)
        made.training = made._train(choices, lookup, dev, progress or Silent())
        return made

    def scores(self, questions: Sequence[Question], lookup: Lookup) -> list[NDArray[np.float32]]:
        """Return logits, NIL's last; see `Reranker.scores`."""
        found: list[NDArray[np.float32]] = []
        for start in range(0, len(questions), _QUESTIONS_AT_ONCE):
            some = questions[start : start + _QUESTIONS_AT_ONCE]
            prepared = prepare(some, lookup, self._pairs, self.retriever)
            with torch.inference_mode(), autocast(self.device, self.bf16):
                found += score_all(
                    self.model, prepared, self.pad_id, self.device, _MAX_BATCH_TOKENS
                )
        return found

    def save(self, folder: Path) -> None:
        """Write weights, tokenizer and `config.json`.

        Raises:
            StoreError: the folder can't be written.
        """
        remove_onnx(folder)  # of another re-ranker that was here
        save_network(folder, self.model, self.tokenizer, "re-ranker")
        card = CrossEncoderCard(
            settings=self.settings,
            retriever=self.retriever.to_json(),
            training=self.training,
            versions=versions(),
        )
        write_config(folder, self.kind, card, config_of(self.model.encoder))

    @classmethod
    def load(cls, folder: Path, device: str = "auto") -> Self:
        """Read it from a folder; see `Reranker.load`."""
        card, config, retriever = read_cross_encoder(folder)
        settings = card.settings
        model = load_network(
            folder,
            config,
            lambda encoder: PairScorer(
                encoder,
                retriever.n_columns,
                retriever.n_list_columns,
                settings.pooling,
                settings.dropout,
            ),
            OTHER_VERSION,
        )
        return cls(model, read_tokenizer(folder), retriever, settings, card.training, device)

    def _train(
        self,
        choices: Sequence[Choice],
        lookup: Lookup,
        dev: Sequence[Choice],
        progress: Progress,
    ) -> dict[str, Any]:
        learnt = prepare([c.question for c in choices], lookup, self._pairs, self.retriever)
        watched = prepare([c.question for c in dev], lookup, self._pairs, self.retriever)
        epochs = Epochs(
            learnt,
            choices,
            batch_size=self.settings.batch_size,
            n_candidates=self.settings.train_candidates,
            seed=self.settings.seed,
            pad_id=self.pad_id,
            device=self.device,
        )

        def dev_score() -> float:
            scores = score_all(self.model, watched, self.pad_id, self.device, _MAX_BATCH_TOKENS)
            return expected_share(dev, scores)

        with torch.inference_mode(), autocast(self.device, self.bf16):
            before = dev_score() if dev else 0.0
        first = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        training = train(
            Job(
                model=self.model,
                head_names=PairScorer.head_names,
                n_batches=epochs.n_batches,
                batches=epochs.epoch,
                loss=lambda step: step.loss(self.model),
                dev_score=dev_score if dev else None,
                fingerprint="",
            ),
            self.settings,
            progress,
        )
        if dev and training.best_score <= before:
            self.model.load_state_dict(first)
            progress.note("no epoch was better than the retriever; its ranking stays")
        return {**describe_choices(choices, dev), **_describe(training, before, bool(dev))}


def _describe(training: Training, before: float, watched: bool) -> dict[str, Any]:
    scores = {
        "best_epoch": training.best_epoch if training.best_score > before else 0,
        "best_dev_share": round(max(training.best_score, before), 4),
        "retriever_dev_share": round(before, 4),
    }
    return {
        **(scores if watched else {"epochs": len(training.history)}),
        "device": training.device,
        "bf16": training.bf16,
        "seconds": round(sum(entry["seconds"] for entry in training.history), 1),
        "losses": [round(entry["loss"], 4) for entry in training.history],
    }


plugin = CrossEncoder
