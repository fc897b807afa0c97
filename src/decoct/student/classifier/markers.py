"""Markers, such as `@GENE$`: strings that stand for an entity and become tokens of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from decoct.records import Document

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_MARKER = re.compile(r"@[A-Z][A-Z0-9_-]*\$")


def find_markers(documents: Iterable[Document]) -> tuple[str, ...]:
    """Return the strings of the form `@NAME$` in texts, sorted."""
    return tuple(sorted({found for one in documents for found in _MARKER.findall(one.text)}))


def add_markers(
    encoder: Any,  # noqa: ANN401 (any transformers model)
    tokenizer: Tokenizer,
    markers: Iterable[str],
) -> tuple[int, ...]:
    """Make markers tokens of their own; each begins as the mean of what it was cut into before.

    Args:
        encoder: its table of word embeddings grows.
        tokenizer: gets the tokens.
        markers: the strings.

    Returns:
        Their token ids.
    """
    import torch
    from tokenizers import AddedToken

    shreds = {marker: tokenizer.encode(marker, add_special_tokens=False).ids for marker in markers}
    tokenizer.add_tokens([AddedToken(marker, normalized=False) for marker in shreds])
    table = encoder.get_input_embeddings()
    n_rows = max(tokenizer.get_vocab_size(), len(table.weight))
    if n_rows > len(table.weight):
        grows = table.weight.requires_grad
        table = encoder.resize_token_embeddings(n_rows, mean_resizing=False)
        table.weight.requires_grad_(grows)
    vocabulary = tokenizer.get_vocab()
    ids = tuple(vocabulary[marker] for marker in shreds)
    with torch.no_grad():
        for id_, pieces in zip(ids, shreds.values(), strict=True):
            if pieces:
                table.weight[id_] = table.weight[pieces].mean(dim=0)
    return ids
