"""Which silver documents are learnt from, and which are kept to stop by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from decoct.records import Document


def split_labelled(
    documents: Sequence[Document], share: float, seed: int
) -> tuple[list[Document], list[Document]]:
    """Split documents into (train, dev) by chance, of each label the same share.

    Documents of the same text go to the same side, and each side has at least one; the order is
    kept.

    Args:
        documents: with labels, of two different texts at least.
        share: of the texts of each label that the dev part gets.
        seed: of the draw.
    """
    label_of: dict[str, str] = {}
    for document in documents:  # a text with several labels goes with its first
        label_of.setdefault(document.text, str(document.label))
    texts: defaultdict[str, list[str]] = defaultdict(list)
    for text, label in label_of.items():
        texts[label].append(text)
    rng = np.random.default_rng(seed)
    dev: set[str] = set()
    for label in sorted(texts):
        some = texts[label]
        n_dev = min(max(1, round(len(some) * share)), len(some) - 1)
        dev |= {some[place] for place in rng.permutation(len(some))[:n_dev]}
    if not dev:  # one text of each label
        dev = {next(iter(label_of))}
    return (
        [document for document in documents if document.text not in dev],
        [document for document in documents if document.text in dev],
    )
