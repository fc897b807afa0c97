"""How a bi-encoder is fine-tuned; read without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from decoct.kb.base import Query
from decoct.retriever.settings import EncoderSettings
from decoct.training.settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class Pair:
    """A mention and what it means, to learn from.

    Attributes:
        text: the mention.
        entity: the entity's id.
        weight: how much it counts, above 0 to 1; a doubtful teacher's less than a person's.
        query: the mention with what stands around it; None where it stands alone.
    """

    text: str
    entity: str
    weight: float = 1.0
    query: Query | None = None

    @classmethod
    def of(cls, query: Query, entity: str, weight: float = 1.0) -> Pair:
        """Return a pair of a mention that is read with what stands around it."""
        return cls(query.text, entity, weight, query)

    @property
    def mention(self) -> Query:
        """The mention as it is looked up."""
        return self.query or Query(self.text)


class FitSettings(TrainingSettings):
    """How a bi-encoder learns from labelled mentions and from the knowledge base's own aliases.

    Attributes:
        encoder: `embedded`, a local folder or a hub id.
        pooling: see `EncoderSettings`.
        template: see `EncoderSettings`; a mention without context is read alone.
        max_tokens: of a mention or a name; what is longer is cut off.
        glossary: see `EncoderSettings`.
        temperature: similarities are divided by it before the softmax.
        n_hard: names of other entities, of those most like a mention, that it is told from in a
            step beside the names of its batch's other mentions; drawn from twice as many.
        max_bank: names among which those are looked for, in each epoch anew: all where there are no
            more, else those of the entities that are learnt and so many others, drawn by lot.
        alias_pairs: pairs of an alias and its entity, drawn by lot, that are learnt beside the
            mentions in each epoch; 0 for none. They bring the names of one entity together
            (SapBERT's self-alignment), which pays where entities have several.
        alias_weight: how much such a pair counts.
        mentions_as_names: mentions that are learnt are names of their entities too, in the bank of
            the others, so that a mention learns to be near its likes.
    """

    encoder: str = "embedded"
    epochs: Annotated[int, Field(ge=1)] = 15
    batch_size: Annotated[int, Field(ge=2)] = 32
    learning_rate: Annotated[float, Field(gt=0)] = 5e-5
    pooling: Literal["auto", "mean", "cls"] = "auto"
    template: Literal["mention", "mention_context"] = "mention"
    max_tokens: Annotated[int, Field(ge=8)] = 64
    glossary: str = ""
    temperature: Annotated[float, Field(gt=0)] = 0.05
    n_hard: Annotated[int, Field(ge=0)] = 4
    max_bank: Annotated[int, Field(ge=16)] = 50_000
    alias_pairs: Annotated[int, Field(ge=0)] = 0
    alias_weight: Annotated[float, Field(gt=0, le=1)] = 0.5
    mentions_as_names: bool = False

    def reading(self) -> EncoderSettings:
        """Return how texts are read."""
        return EncoderSettings(
            encoder=self.encoder,
            pooling=self.pooling,
            template=self.template,
            max_tokens=self.max_tokens,
            glossary=self.glossary,
            device=self.device,
            precision=self.precision,
        )


class LearnSettings(FitSettings):
    """How a retriever learns: the bi-encoder, and then by itself from mentions without a label.

    Attributes:
        rounds: how often unlabeled mentions are linked by what was learnt so far, and those that it
            is sure of are learnt as well.
        sure_share: share of the unlabeled mentions that are learnt: the surest ones, by how much
            nearer the entity is than the next. How sure is not said in probabilities: a bi-encoder
            that has learnt few mentions by heart is sure of all.
        unlabeled_weight: how much such a mention counts; a person's counts 1.
        round_epochs: passes over all of it in each round.
        alias_trust: labelled mentions that count as much as this become aliases of their entities
            in the index, for all retrievers. A doubtful one would mislead all of them.
        doubt: what is done about labelled mentions that count less than `alias_trust`: `keep`
            learns them with the weight that they have; `check` learns the others first, and then of
            the doubtful ones those that are found by what was learnt, which takes twice as long. A
            teacher that is right in two cases of three is worth checking.
    """

    rounds: Annotated[int, Field(ge=0)] = 1
    sure_share: Annotated[float, Field(gt=0, le=1)] = 0.4
    unlabeled_weight: Annotated[float, Field(gt=0, le=1)] = 0.5
    round_epochs: Annotated[int, Field(ge=1)] = 3
    alias_trust: Annotated[float, Field(gt=0, le=1)] = 0.8
    doubt: Literal["keep", "check"] = "keep"
