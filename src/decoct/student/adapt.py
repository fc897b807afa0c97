"""Domain-adaptive pretraining: an encoder reads the user's own text, and guesses hidden words.

Source: Gururangan et al. 2020 (arXiv 2004.10964), masked language modelling on text of the domain
before fine-tuning. The head that guesses is made anew and tied to the word embeddings, so that an
encoder whose own was dropped, as `embedded`'s, can be adapted too.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from decoct.encoder.load import load_encoder, window_tokens
from decoct.errors import ConfigError
from decoct.progress import Progress, Silent
from decoct.store import sha256_json
from decoct.student.adapt_settings import AdaptSettings
from decoct.student.masking import KEPT, Block, Vocabulary, make_blocks, mask_words, shuffle
from decoct.training.checkpoint import Position, load_checkpoint, save_checkpoint
from decoct.training.device import autocast, choose_device, uses_bf16
from decoct.training.loop import learning_rate_factor, parameter_groups

_SCHEDULE_STEPS = 10_000
_NOTE_EVERY_S = 60.0
_ROWS = 128
_HEAD_NAMES = ("guess",)
Texts = Callable[[], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Adapted:
    """An adapted encoder and how it went.

    Attributes:
        encoder: the transformers model, without the head that guessed.
        tokenizer: unchanged.
        n_steps: steps in all, those before an interruption too.
        n_tokens: tokens read.
        n_texts: documents read, counted again where the text was read again.
        seconds: of training.
        first_loss: mean over the first fiftieth of the steps, in nats a hidden token.
        last_loss: mean over the last.
        device: where it ran.
        bf16: whether under bf16 autocast.
    """

    encoder: Any
    tokenizer: Tokenizer
    n_steps: int
    n_tokens: int
    n_texts: int
    seconds: float
    first_loss: float
    last_loss: float
    device: str
    bf16: bool


class WordGuesser(nn.Module):
    """An encoder and the head that guesses its hidden words.

    Inputs -> targets: ids (n_blocks, n_tokens) with hidden tokens -> the hidden ids, cross-entropy
    over the vocabulary, `KEPT` elsewhere.
    """

    def __init__(self, encoder: Any) -> None:  # noqa: ANN401 (any transformers model)
        super().__init__()
        self.encoder = encoder
        embeddings: Tensor = encoder.get_input_embeddings().weight
        self.guess = nn.Sequential(
            nn.Linear(int(encoder.config.hidden_size), embeddings.shape[1]),
            nn.GELU(),
            nn.LayerNorm(embeddings.shape[1]),
        )
        self.guess_bias = nn.Parameter(torch.zeros(embeddings.shape[0]))

    def forward(self, ids: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss over hidden tokens, a scalar."""
        mask = torch.ones_like(ids)
        hidden: Tensor = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        # as many rows in each step, or nearly: a new shape costs a new kernel, kept for good
        learnt = (targets != KEPT).flatten().nonzero().squeeze(1)
        n_rows = -(-len(learnt) // _ROWS) * _ROWS
        rows = nn.functional.pad(learnt, (0, n_rows - len(learnt)))
        wanted = nn.functional.pad(targets.flatten()[learnt], (0, n_rows - len(learnt)), value=KEPT)
        guessed = self.guess(hidden.flatten(0, 1)[rows])
        logits = guessed @ self.encoder.get_input_embeddings().weight.T + self.guess_bias
        return nn.functional.cross_entropy(logits.float(), wanted, ignore_index=KEPT)


def adapt(
    texts: Texts,
    settings: AdaptSettings,
    *,
    progress: Progress | None = None,
    checkpoints: Path | None = None,
    data: str = "",
) -> Adapted:
    """Go on pretraining an encoder on texts, which are read again from the start as they end.

    Args:
        texts: opens the stream of documents' texts; no more than a few thousand blocks are held.
        settings: encoder and training.
        progress: shown the loss now and then.
        checkpoints: folder for resuming; an interrupted run goes on there, up to
            `shuffle_blocks` blocks further on in the text.
        data: hash of the texts: a run on others is not gone on with.

    Raises:
        ConfigError: too little text, an encoder without a mask token, or a loss that is no number.
        ArtifactError: the encoder can't be loaded.
    """
    progress = progress or Silent()
    encoder, tokenizer = load_encoder(settings.encoder)
    torch.manual_seed(settings.seed)  # the head's first weights
    run = _Run(WordGuesser(encoder), tokenizer, settings, progress, checkpoints, data)
    return run.go(texts)


class _Run:
    """One run, and how far it has come."""

    def __init__(
        self,
        model: WordGuesser,
        tokenizer: Tokenizer,
        settings: AdaptSettings,
        progress: Progress,
        checkpoints: Path | None,
        data: str,
    ) -> None:
        self.settings, self.progress, self.checkpoints = settings, progress, checkpoints
        self.tokenizer = tokenizer
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.vocabulary = _vocabulary(model.encoder, tokenizer)
        self.width = window_tokens(model.encoder, settings.block_tokens)
        self.device = choose_device(settings.device)
        self.bf16 = uses_bf16(settings.precision, self.device)
        self.model = model.to(self.device)
        rates = (settings.learning_rate, settings.head_learning_rate, settings.weight_decay)
        self.optimizer = torch.optim.AdamW(parameter_groups(model, _HEAD_NAMES, *rates))
        known_by = settings.model_dump(mode="json")
        self.fingerprint = sha256_json({**known_by, "data": data} if data else known_by)
        self.n_steps = self.n_texts = 0
        self.seconds = 0.0
        self.losses: list[float] = []

    def go(self, texts: Texts) -> Adapted:
        self._resume()
        torch.manual_seed(self.settings.seed + self.n_steps)
        rng = np.random.default_rng([self.settings.seed, self.n_steps])
        self.model.train()
        began, said, saved = time.perf_counter() - self.seconds, 0.0, self.seconds
        for batch, n_texts in self._batches(texts, rng):
            self.n_texts = max(self.n_texts, n_texts)
            self._step(*mask_words(batch, self.vocabulary, self.settings.mask_prob, rng))
            self.seconds = time.perf_counter() - began
            if self.seconds - said >= _NOTE_EVERY_S:
                said = self.seconds
                self.progress.note(self._news())
            if self.seconds - saved >= 60 * self.settings.checkpoint_minutes:
                saved = self.seconds
                self._save()
            if self.way >= 1:
                break
        self._save()
        self.model.eval()
        return Adapted(
            encoder=self.model.encoder,
            tokenizer=self.tokenizer,
            n_steps=self.n_steps,
            n_tokens=self.n_steps * self.settings.batch_blocks * self.width,
            n_texts=self.n_texts,
            seconds=round(self.seconds, 1),
            first_loss=_mean(self.losses[: _few(self.losses)]),
            last_loss=_mean(self.losses[-_few(self.losses) :]),
            device=str(self.device),
            bf16=self.bf16,
        )

    @property
    def way(self) -> float:
        """How much of the run is behind, 0 to 1."""
        if self.settings.max_steps:
            return self.n_steps / self.settings.max_steps
        return self.seconds / (60 * (self.settings.max_minutes or math.inf))

    def _batches(self, texts: Texts, rng: np.random.Generator) -> Iterator[tuple[list[Block], int]]:
        """Yield batches without end, and how many texts they have taken."""
        blocks = make_blocks(self._endless(texts), self.tokenizer, self.vocabulary, self.width)
        batch: list[Block] = []
        start = self.n_texts
        for block, n_texts in shuffle(blocks, self.settings.shuffle_blocks, rng):
            batch.append(block)
            if len(batch) == self.settings.batch_blocks:
                yield batch, start + n_texts
                batch = []

    def _endless(self, texts: Texts) -> Iterator[str]:
        """Yield texts again and again, from where an interrupted run was."""
        skip = self.n_texts
        while True:
            n_chars = n_texts = 0
            for text in texts():
                n_texts += 1
                n_chars += len(text)
                if skip:
                    skip -= 1
                    continue
                yield text
            if n_chars < self.width:
                raise ConfigError("adapt: there is hardly any text to learn from")

    def _step(self, ids: np.ndarray[Any, Any], targets: np.ndarray[Any, Any]) -> None:
        if not (targets != KEPT).any():
            return
        at = min(_SCHEDULE_STEPS - 1, int(self.way * _SCHEDULE_STEPS))
        factor = learning_rate_factor(at, _SCHEDULE_STEPS, self.settings.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        with autocast(self.device, self.bf16):
            loss = self.model(
                torch.from_numpy(ids).to(self.device), torch.from_numpy(targets).to(self.device)
            )
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.max_grad_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise ConfigError("adapt: the loss is no longer a number; lower learning_rate")
        self.losses.append(value)
        self.n_steps += 1

    def _news(self) -> str:
        return (
            f"adapt: {self.way:.0%}, step {self.n_steps}, loss {_mean(self.losses[-50:]):.3f}, "
            f"{self.n_steps * self.settings.batch_blocks * self.width / self.seconds:,.0f} tokens/s"
        )

    def _save(self) -> None:
        if self.checkpoints:
            entry = {"n_texts": self.n_texts, "seconds": self.seconds}
            history = (entry, *({"loss": loss} for loss in self.losses))
            position = Position(self.fingerprint, self.n_steps, 0.0, 0, history)
            save_checkpoint(self.checkpoints, position, self.model, {}, self.optimizer)

    def _resume(self) -> None:
        found = (
            load_checkpoint(self.checkpoints, self.fingerprint, self.model, self.optimizer)
            if self.checkpoints
            else None
        )
        if found:
            first, *losses = found[0].history
            self.n_steps, self.n_texts = found[0].epoch, int(first["n_texts"])
            self.seconds = first["seconds"]
            self.losses = [entry["loss"] for entry in losses]
            self.progress.note(f"adapt: resumed at step {self.n_steps}")


def _few(losses: list[float]) -> int:
    """Return how many are a fiftieth of them, one at least."""
    return max(1, len(losses) // 50)


def _mean(losses: list[float]) -> float:
    return round(sum(losses) / len(losses), 4)


def _vocabulary(encoder: Any, tokenizer: Tokenizer) -> Vocabulary:  # noqa: ANN401
    """Find the ids that masking needs, by what the tokenizer puts around a text."""
    around = tokenizer.encode("a")
    marked = [
        i for i, special in zip(around.ids, around.special_tokens_mask, strict=True) if special
    ]
    names = ("[MASK]", "<mask>")
    mask = next((i for name in names if (i := tokenizer.token_to_id(name)) is not None), None)
    if mask is None or len(marked) < 2:
        raise ConfigError(
            "adapt: this encoder's tokenizer has no mask token; name one that was trained by "
            "masked language modelling"
        )
    return Vocabulary(marked[0], marked[-1], mask, int(encoder.config.vocab_size))
