"""Silver as students see it that did not learn from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from decoct.errors import ConfigError
from decoct.records import Document
from decoct.student.silver.caveats import drop_caveats

FitAndPredict = Callable[[list[Document], list[Document]], list[Document]]


def out_of_fold(
    documents: Sequence[Document], n_folds: int, seed: int, fit_and_predict: FitAndPredict
) -> list[Document]:
    """Predict each document with a student of the other folds.

    Documents of the same text are in one fold, so that no student has learnt the text it judges.

    Args:
        documents: silver.
        n_folds: how many students; each learns from all folds but one.
        seed: of the folds.
        fit_and_predict: trains on the first documents and predicts the second, which come to it
            without annotations, in their order.

    Returns:
        The predictions, in the order of `documents`.

    Raises:
        ConfigError: there are fewer than two folds, or fewer texts than folds.
        ValueError: `fit_and_predict` returned other documents than it was given.
    """
    texts = list(dict.fromkeys(document.text for document in documents))
    if not 2 <= n_folds <= len(texts):
        raise ConfigError(f"{n_folds} folds of {len(texts)} texts; it takes 2 to as many as texts")
    order = np.random.default_rng(seed).permutation(len(texts))
    fold_of = {texts[place]: rank % n_folds for rank, place in enumerate(order)}
    predicted: dict[int, Document] = {}
    for fold in range(n_folds):
        held = [place for place, one in enumerate(documents) if fold_of[one.text] == fold]
        learnt = [one for one in documents if fold_of[one.text] != fold]
        found = fit_and_predict(learnt, [drop_caveats(documents[place]).bare() for place in held])
        if [(one.id, one.text) for one in found] != [
            (documents[place].id, documents[place].text) for place in held
        ]:
            raise ValueError("fit_and_predict must return the documents it was given, in order")
        predicted.update(zip(held, found, strict=True))
    return [predicted[place] for place in range(len(documents))]
