"""What a cross-encoder's folder says of itself; read without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from decoct.errors import ArtifactError
from decoct.reranker.artifact import Card, read_config
from decoct.reranker.features import RetrieverFeatures
from decoct.training.settings import TrainingSettings

KIND = "cross_encoder"
Pooling = Literal["mean", "first"]


class CrossEncoderSettings(TrainingSettings):
    """Training settings and the cross-encoder's own; a batch is one of questions.

    Attributes:
        encoder: `embedded`, a local folder or a hub id.
        pooling: what stands for a pair: the `mean` of its tokens, or the `first`.
        dropout: on that.
        max_tokens: the most tokens of a pair; mention and context take half of them at most.
        max_aliases: names beside the preferred one that are read, those most like the mention.
        definitions: read a definition where there is room.
        train_candidates: candidates of a question in a step: the right one, of the others half from
            the retriever's best, half drawn anew in each epoch; 0 for all.
    """

    encoder: str = "embedded"
    epochs: Annotated[int, Field(ge=1)] = 6
    patience: Annotated[int, Field(ge=0)] = 3
    pooling: Pooling = "mean"
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    max_tokens: Annotated[int, Field(ge=16)] = 96
    max_aliases: Annotated[int, Field(ge=0)] = 3
    definitions: bool = True
    train_candidates: Annotated[int, Field(ge=0)] = 10


class CrossEncoderCard(Card):
    """What the folder says of itself.

    Attributes:
        settings: what it was trained with.
        retriever: the retriever's scores and their scales.
    """

    settings: CrossEncoderSettings
    retriever: dict[str, Any]


def read_cross_encoder(
    folder: Path,
) -> tuple[CrossEncoderCard, dict[str, Any], RetrieverFeatures]:
    """Read a cross-encoder's card, its encoder's configuration, and the retriever's scales.

    Raises:
        ArtifactError: it is not one's folder, or damaged.
    """
    card, config = read_config(folder, KIND, CrossEncoderCard)
    try:
        return card, config, RetrieverFeatures.from_json(card.retriever)
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"{folder}: the retriever's scales are damaged: {error}") from None
