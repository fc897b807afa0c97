"""What a card says of the silver that was learnt from, and of how training went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from decoct.records import Document
from decoct.store import sha256_json
from decoct.training.loop import Training


def describe_silver(
    silver: Sequence[Document], annotations: Mapping[str, object]
) -> dict[str, object]:
    """Return how much silver there is, its hash, and who made it.

    Args:
        silver: all that was given.
        annotations: what it holds, by name.
    """
    teachers = Counter(
        f"{document.meta.get('backend')}:{document.meta.get('model')}"
        if document.source == "silver"
        else str(document.source)
        for document in silver
    )
    return {
        "documents": len(silver),
        **annotations,
        "sha256": sha256_json([document.to_json() for document in silver]),
        "made_by": listed(teachers),
    }


def describe_training(
    training: Training, n_train: int, n_dev: int, *, score: str, more: Mapping[str, int]
) -> dict[str, object]:
    """Return what was learnt from, the best epoch, and where and how long it ran.

    Args:
        training: how it went.
        n_train: documents learnt from.
        n_dev: documents kept for early stopping.
        score: what the dev score is called.
        more: other counts, by name; those of 0 are left out.
    """
    return {
        "train_documents": n_train,
        "dev_documents": n_dev,
        **{name: count for name, count in more.items() if count},
        "best_epoch": training.best_epoch,
        score: round(training.best_score, 4),
        "device": training.device,
        "bf16": training.bf16,
        "seconds": round(sum(entry["seconds"] for entry in training.history), 1),
        "history": [dict(entry) for entry in training.history],
    }


def listed(counts: Counter[str]) -> str:
    """Return counts in words, by name.

    Example:
        >>> listed(Counter("baa"))
        'a (2), b (1)'
    """
    return ", ".join(f"{name} ({count})" for name, count in sorted(counts.items()))
