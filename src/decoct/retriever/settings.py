"""Settings of an index: which retrievers, how each works, how they are fused."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from decoct.config import Settings
from decoct.encoder.load import EMBEDDED

Sizes = tuple[Annotated[int, Field(ge=1, le=8)], ...]
LEXICAL = ("ngram", "bm25")
_WEIGHTS = {"ngram": 0.5, "bm25": 0.0, "dense": 1.0}


class NgramSettings(Settings):
    """Character n-grams.

    Attributes:
        letters: sizes of n-grams of letters and digits, the gaps between words counted.
        characters: sizes of n-grams of CJK characters.
        share: of a mention's weight, looked up among all names; see `lexical.Effort`.
        n_postings: names looked at for a mention at the least.
    """

    letters: tuple[Annotated[int, Field(ge=2, le=8)], ...] = (3,)
    characters: Sizes = (1,)
    share: float = Field(default=0.75, ge=0, le=1)
    n_postings: int = Field(default=20_000, ge=0)


class Bm25Settings(Settings):
    """Words by BM25.

    Attributes:
        k1: how soon more of a word counts no more.
        b: how much a name's length counts against it, 0 to 1.
        characters: sizes of n-grams of CJK characters, which stand in for words.
        share: of a mention's weight, looked up among all names; see `lexical.Effort`.
        n_postings: names looked at for a mention at the least.
    """

    k1: float = Field(default=1.2, ge=0)
    b: float = Field(default=0.75, ge=0, le=1)
    characters: Sizes = (1, 2)
    share: float = Field(default=0.75, ge=0, le=1)
    n_postings: int = Field(default=20_000, ge=0)


class EncoderSettings(Settings):
    """How texts become vectors.

    Attributes:
        encoder: `embedded`, a folder (an encoder's, or one in sentence-transformers' layout), or a
            hub id.
        pooling: `mean` of the tokens' states, `cls` for the first token's, or `auto`: what the
            folder says, and the mean where it says nothing.
        template: what of a mention is read: `mention` itself, or `mention_context`: the mention and
            then, as the second of a pair, the text around it. Names are always read alone.
        max_tokens: of a text, special tokens included; of a longer one the first are read, and of
            a context those around the mention.
        glossary: what puts Chinese into the encoder's language, word by word: `cc-cedict`, or a
            file of words, tabs and meanings; empty to read texts as they are.
        device: auto, cpu, cuda, cuda:1, mps.
        precision: auto, bf16 or fp32.
        batch_texts: the most texts in a batch.
        batch_tokens: the most tokens in a batch, padding included.
    """

    encoder: str = EMBEDDED
    pooling: Literal["auto", "mean", "cls"] = "auto"
    template: Literal["mention", "mention_context"] = "mention"
    max_tokens: int = Field(default=64, ge=4)
    glossary: str = ""
    device: str = "auto"
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    batch_texts: int = Field(default=256, ge=1)
    batch_tokens: int = Field(default=8192, ge=1)

    @model_validator(mode="after")
    def _check_glossary(self) -> Self:
        if self.glossary and self.template != "mention":
            raise ValueError("glossary: goes with template mention; a context is not glossed")
        return self


class DenseSettings(EncoderSettings):
    """A bi-encoder's vectors.

    Attributes:
        kind: `exact` compares with every name; `hnsw` walks a graph over 8-bit vectors; `pq` looks
            into cells of product-quantised ones; `int8` compares with every 8-bit vector.
        exact_below: a segment of fewer names is compared exactly whatever the kind.
        refine: names that an inexact kind brings for each that is asked for, to be compared anew
            with their vectors as they are.
        n_links: neighbours of a name in the graph.
        n_explored: names kept in view while walking it, when it is searched.
        n_explored_building: likewise when it is built.
        n_cells: cells for `pq`; None for the square root of the number of names.
        n_probed: cells looked into.
        pq_bytes: of a name's code; it must divide the number of dimensions.
        seed: of what is learnt from a sample of the vectors.
    """

    kind: Literal["exact", "hnsw", "pq", "int8"] = "exact"
    exact_below: int = Field(default=10_000, ge=1)
    refine: int = Field(default=8, ge=1)
    n_links: int = Field(default=32, ge=2)
    n_explored: int = Field(default=128, ge=1)
    n_explored_building: int = Field(default=100, ge=1)
    n_cells: int | None = Field(default=None, ge=1)
    n_probed: int = Field(default=64, ge=1)
    pq_bytes: int = Field(default=48, ge=1)
    seed: int = 0


class IndexSettings(Settings):
    """An index.

    Attributes:
        retrievers: names on the shelf; None for the lexical ones, and `dense` where it is set up.
        weights: retriever -> how much its ranks count. One of weight 0 brings no candidates and
            scores those that others bring. Where nothing is said, 1 for `dense`, 0.5 for `ngram`
            and 0 for `bm25`, whose ranks made lists worse wherever it was tried beside `ngram`;
            1 for a retriever that is alone.
        rrf_k: what is added to a rank before it divides; the larger, the less the first ones count.
            Source: 60 in Cormack et al. 2009, for long lists; for linking, where one entity is
            right, 5 found more.
        ngram: character n-grams.
        bm25: words.
        dense: vectors; None for none.
        others: settings of retrievers that are no part of decoct, by name.
    """

    retrievers: tuple[str, ...] | None = None
    weights: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    rrf_k: float = Field(default=5.0, ge=0)
    ngram: NgramSettings = NgramSettings()
    bm25: Bm25Settings = Bm25Settings()
    dense: DenseSettings | None = None
    others: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> IndexSettings:
        if self.retrievers is not None and not self.retrievers:
            raise ValueError("retrievers: name one at least")
        if len(set(self.kinds)) < len(self.kinds):
            raise ValueError("retrievers: one is named twice")
        unknown = sorted(self.weights.keys() - set(self.kinds))
        if unknown:
            raise ValueError(f"weights: {unknown[0]!r} is none of {', '.join(self.kinds)}")
        if not any(self.weight(kind) for kind in self.kinds):
            raise ValueError("weights: one must be above 0")
        return self

    @property
    def kinds(self) -> tuple[str, ...]:
        """The retrievers' names, none left open."""
        if self.retrievers is not None:
            return self.retrievers
        return (*LEXICAL, "dense") if self.dense else LEXICAL

    def weight(self, kind: str) -> float:
        """Return how much a retriever's ranks count."""
        alone = len(self.kinds) == 1
        return self.weights.get(kind, 1.0 if alone else _WEIGHTS.get(kind, 1.0))

    def table(self, kind: str) -> dict[str, Any]:
        """Return the settings of one retriever, as they were given."""
        if kind in ("ngram", "bm25", "dense"):
            found = getattr(self, kind)
            return found.model_dump() if found else {}
        return self.others.get(kind, {})
