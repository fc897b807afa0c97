"""Fine-tuning a bi-encoder on labelled mentions, so that they come to lie near their entities.

At the start of each epoch the names of the knowledge base, or as many as the bank holds, are
encoded anew, and those most like each mention become its hard negatives. In a batch a mention is
told from its own hard negatives and from all names of the others'. Names that stand still while the
mentions move are no use as negatives: mentions and their own names can go away from them together.

Sources: Wu et al. 2020 (BLINK, arXiv 1911.03814) for in-batch and hard negatives; Sung et al. 2020
(BioSyn, arXiv 2005.00239) for refreshing them and for the sum over an entity's names, which is a
maximum here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from decoct.errors import ConfigError
from decoct.kb.base import Entity, Query
from decoct.progress import Progress, Silent
from decoct.retriever.encoder import TextEncoder
from decoct.retriever.fit_settings import FitSettings, Pair
from decoct.store import sha256_json
from decoct.training.loop import Job, Training, train

_NAMES_PER_ENTITY = 2  # encoded freshly for each entity of a batch
_FAR = -1e4  # stands for no similarity at all
_CHUNK = 512  # mentions that are compared with the bank at a time

_Example = tuple[Query, int, float, int]  # mention, entity, weight, its row in the bank or -1


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fine-tuned bi-encoder, and how training went."""

    encoder: TextEncoder
    training: Training


def fit(
    entities: Sequence[Entity],
    pairs: Sequence[Pair],
    settings: FitSettings | None = None,
    *,
    dev: Sequence[Pair] = (),
    encoder: TextEncoder | None = None,
    progress: Progress | None = None,
) -> Fitted:
    """Fine-tune a bi-encoder.

    Args:
        entities: the knowledge base.
        pairs: what to learn; pairs of entities that are not in the knowledge base are refused.
        settings: None for the defaults.
        dev: the epoch with the best Acc@1 on these is kept; with none, the last.
        encoder: what to go on with, changed in place; None for the settings' encoder.
        progress: shown each epoch.

    Raises:
        ConfigError: there is nothing to learn from, or an entity is not in the knowledge base.
        ArtifactError: the encoder can't be loaded.
    """
    settings = settings or FitSettings()
    corpus = _Corpus.of(entities, [*pairs, *dev])
    if not pairs and not settings.alias_pairs:
        raise ConfigError("no labelled mentions; give some, or set alias_pairs to learn from names")
    torch.manual_seed(settings.seed)
    encoder = encoder or TextEncoder.load(settings.reading())
    if settings.freeze_embeddings:
        encoder.model.get_input_embeddings().requires_grad_(False)
    work = _Work(encoder, corpus, tuple(pairs), tuple(dev), settings)
    training = train(work.job(), settings, progress or Silent())
    return Fitted(encoder, training)


@dataclass(frozen=True, slots=True)
class _Corpus:
    """The names of a knowledge base, in rows.

    Attributes:
        names: of all entities.
        entity_of: (n_names,) each name's entity, as a number.
        rows_of: the rows of each entity's names.
        number: entity id -> its number.
    """

    names: list[str]
    entity_of: NDArray[np.int64]
    rows_of: list[range]
    number: dict[str, int]

    @classmethod
    def of(cls, entities: Sequence[Entity], pairs: Sequence[Pair]) -> _Corpus:
        names: list[str] = []
        rows_of = []
        for entity in entities:
            rows_of.append(range(len(names), len(names) + len(entity.names)))
            names += entity.names
        number = {entity.id: place for place, entity in enumerate(entities)}
        for pair in pairs:
            if pair.entity not in number:
                raise ConfigError(
                    f"mention {pair.text!r}: its entity {pair.entity!r} is not in the knowledge "
                    "base; leave it out, or add the entity"
                )
        sizes = [len(rows) for rows in rows_of]
        return cls(names, np.repeat(np.arange(len(rows_of)), sizes), rows_of, number)


@dataclass(frozen=True, slots=True)
class _Bank:
    """Names as they were at the start of an epoch, learnt mentions among them if so set.

    Attributes:
        names: their texts.
        vectors: (n_names, width), of unit length.
        entities: (n_names,) whose they are.
        rows_of: entity -> the rows of its names.
        row_of_name: a name's row in the corpus -> its row here.
        row_of_mention: a learnt mention's place among the pairs -> its row.
    """

    names: list[str]
    vectors: NDArray[np.float32]
    entities: NDArray[np.int64]
    rows_of: dict[int, list[int]]
    row_of_name: dict[int, int]
    row_of_mention: dict[int, int]


@dataclass(frozen=True, slots=True)
class _Batch:
    """What one step learns from.

    Attributes:
        texts: mentions.
        names: of the entities that they mean, and of those that they are most like.
        owners: (n_names,) each name's entity, as a number of this batch's.
        n_entities: how many there are in the batch.
        targets: (n_texts,) each mention's entity.
        weights: (n_texts,).
        itself: (n_texts, n_names) bool, where a name is the mention itself.
    """

    texts: list[Query]
    names: list[str]
    owners: Tensor
    n_entities: int
    targets: Tensor
    weights: Tensor
    itself: Tensor


@dataclass(frozen=True, slots=True)
class _Work:
    """One fine-tuning."""

    encoder: TextEncoder
    corpus: _Corpus
    pairs: tuple[Pair, ...]
    dev: tuple[Pair, ...]
    settings: FitSettings

    def job(self) -> Job[_Batch]:
        n_pairs = len(self.pairs) + self._n_aliases
        facts = [
            self.settings.model_dump(mode="json"),
            self.corpus.names,
            [
                [astuple(pair.mention), pair.entity, pair.weight]
                for pair in (*self.pairs, *self.dev)
            ],
        ]
        return Job(
            model=self.encoder.model,
            head_names=(),
            n_batches=-(-n_pairs // self.settings.batch_size),
            batches=self.batches,
            loss=self.loss,
            dev_score=self.accuracy if self.dev else None,
            fingerprint=sha256_json(facts),
        )

    @property
    def _n_aliases(self) -> int:
        """Alias pairs in an epoch."""
        return min(self.settings.alias_pairs, len(self.corpus.names) - len(self.corpus.rows_of))

    def batches(self, epoch: int) -> list[_Batch]:
        """Return an epoch's batches, the bank made with the model as it is now."""
        rng = np.random.default_rng([self.settings.seed, epoch])
        learnt = [
            (pair.mention, self.corpus.number[pair.entity], pair.weight) for pair in self.pairs
        ]
        aliases = self._aliases(rng)
        bank = self._bank(rng, learnt, aliases)
        names, whose = self.corpus.names, self.corpus.entity_of
        weight = self.settings.alias_weight
        examples = [(*one, bank.row_of_mention.get(at, -1)) for at, one in enumerate(learnt)]
        examples += [
            (Query(names[row]), int(whose[row]), weight, bank.row_of_name[row]) for row in aliases
        ]
        hard = self._hard(examples, bank)
        order = rng.permutation(len(examples)).tolist()
        size = self.settings.batch_size
        return [
            self._batch([(examples[n], hard[n]) for n in order[at : at + size]], bank, rng)
            for at in range(0, len(order), size)
        ]

    def _hard(self, examples: list[_Example], bank: _Bank) -> NDArray[np.int64]:
        """Return the rows (n_examples, 2 n_hard) of the names of other entities most like each."""
        wanted = min(2 * self.settings.n_hard, len(bank.names))
        found = np.zeros((len(examples), wanted), dtype=np.int64)
        if not wanted:
            return found
        texts = self._encode([query for query, _, _, _ in examples])
        for at in range(0, len(examples), _CHUNK):
            near = texts[at : at + _CHUNK] @ bank.vectors.T
            own = np.array([entity for _, entity, _, _ in examples[at : at + _CHUNK]])
            near[bank.entities == own[:, None]] = -np.inf
            found[at : at + _CHUNK] = np.argpartition(-near, wanted - 1, axis=1)[:, :wanted]
        return found

    def _aliases(self, rng: np.random.Generator) -> list[int]:
        """Return rows of names, drawn by lot, whose entities have another."""
        several = [row for rows in self.corpus.rows_of if len(rows) > 1 for row in rows]
        return [int(row) for row in rng.permutation(several)[: self._n_aliases]]

    def _bank(
        self, rng: np.random.Generator, learnt: list[tuple[Query, int, float]], aliases: list[int]
    ) -> _Bank:
        rows = self._lot(rng, learnt, aliases)
        names = [self.corpus.names[row] for row in rows]
        whose = [int(self.corpus.entity_of[row]) for row in rows]
        row_of_name = {row: place for place, row in enumerate(rows)}
        row_of_mention = {}
        if self.settings.mentions_as_names:
            row_of_mention = {place: len(names) + place for place in range(len(learnt))}
            names += [query.text for query, _, _ in learnt]
            whose += [entity for _, entity, _ in learnt]
        rows_of = defaultdict(list)
        for row, entity in enumerate(whose):
            rows_of[entity].append(row)
        return _Bank(
            names, self._encode(names), np.array(whose), rows_of, row_of_name, row_of_mention
        )

    def _lot(
        self, rng: np.random.Generator, learnt: list[tuple[Query, int, float]], aliases: list[int]
    ) -> list[int]:
        """Return which of the corpus's names are in the bank."""
        n_names = len(self.corpus.names)
        if n_names <= self.settings.max_bank:
            return list(range(n_names))
        entities = {entity for _, entity, _ in learnt}
        entities |= {int(self.corpus.entity_of[row]) for row in aliases}
        own = {row for entity in entities for row in self.corpus.rows_of[entity]}
        others = rng.choice(n_names, self.settings.max_bank, replace=False).tolist()
        return sorted(own.union(others))

    def _batch(
        self,
        examples: list[tuple[_Example, NDArray[np.int64]]],
        bank: _Bank,
        rng: np.random.Generator,
    ) -> _Batch:
        rows: set[int] = set()
        for (_, entity, _, _), hard in examples:
            rows.update(rng.permutation(bank.rows_of[entity])[:_NAMES_PER_ENTITY].tolist())
            rows.update(rng.permutation(hard)[: self.settings.n_hard].tolist())
        chosen = sorted(rows)
        entities = sorted({int(bank.entities[row]) for row in chosen})
        number = {entity: place for place, entity in enumerate(entities)}
        itself = np.array([row for (_, _, _, row), _ in examples])
        device = self.encoder.device
        return _Batch(
            texts=[query for (query, _, _, _), _ in examples],
            names=[bank.names[row] for row in chosen],
            owners=torch.tensor([number[int(bank.entities[row])] for row in chosen], device=device),
            n_entities=len(entities),
            targets=torch.tensor([number[entity] for (_, entity, _, _), _ in examples]).to(device),
            weights=torch.tensor([weight for (_, _, weight, _), _ in examples], device=device),
            itself=torch.from_numpy(itself[:, None] == np.array(chosen)).to(device),
        )

    def loss(self, batch: _Batch) -> Tensor:
        """Cross-entropy over the batch's entities, each as near as its nearest name."""
        n_texts = len(batch.texts)
        tokens = self.encoder.tokens([*batch.texts, *batch.names])
        vectors = self.encoder.pool(self.encoder.batch(tokens))
        near = (vectors[:n_texts] @ vectors[n_texts:].T).float() / self.settings.temperature
        near = near.masked_fill(batch.itself, _FAR)
        nearest = near.new_full((n_texts, batch.n_entities), _FAR)
        nearest = nearest.scatter_reduce(1, batch.owners.expand(n_texts, -1), near, "amax")
        losses = torch.nn.functional.cross_entropy(nearest, batch.targets, reduction="none")
        return (losses * batch.weights).sum() / batch.weights.sum()

    def accuracy(self) -> float:
        """Return Acc@1 on the dev pairs against all names."""
        found = self._encode([pair.mention for pair in self.dev])
        names = self._encode(self.corpus.names)
        best = self.corpus.entity_of[(found @ names.T).argmax(axis=1)]
        right = np.array([self.corpus.number[pair.entity] for pair in self.dev])
        return float((best == right).mean())

    def _encode(self, texts: Sequence[str | Query]) -> NDArray[np.float32]:
        model = self.encoder.model
        training = model.training
        model.eval()
        found = self.encoder.encode(texts)
        model.train(training)
        return found
