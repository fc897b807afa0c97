"""The light re-ranker: a linear model of lexical and retriever features, without any encoder.

It serves every language at once, trains in seconds and knows nothing that it was not shown: which
words of a mention may be missing in the right name, which words of a name may be added, how much
the retriever is to be believed.
"""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from decoct.config import Settings, check
from decoct.errors import ArtifactError, StoreError
from decoct.progress import Progress, Silent
from decoct.reranker.artifact import OTHER_VERSION, Card, read_config, write_config
from decoct.reranker.base import Choice, Lookup, Question
from decoct.reranker.features import RetrieverFeatures, Scale
from decoct.reranker.lessons import check_choices, describe_choices, targets_of
from decoct.reranker.listwise import Lists, Vector, fit_listwise, mean_log_prob
from decoct.reranker.similarity import COLUMNS, Rarity
from decoct.reranker.tables import Tables
from decoct.store import read_json, versions, write_json

_PENALTIES = (300.0, 100.0, 30.0, 10.0, 3.0)
_RETRIEVER_SHARE = 0.1  # its few numbers are believed more easily than the many others
_TERM_SHARE = 0.3
_LITTLE = 1e-3
_FOLDS = 3
_WEIGHTS, _WORDS = "weights.npz", "words.json"


class FeatureSettings(Settings):
    """How the light re-ranker learns.

    Attributes:
        penalty: what large weights cost; 0 tries several and takes the one under which choices that
            were not learnt from are likeliest: those of the dev part, or a third of all, in turn.
        terms: learn weights of single words and CJK n-grams that only one of mention and name has.
        ids: learn a weight for each candidate that is often right, or wrong.
        min_lists: a term in fewer lists gets no weight.
        max_names: of a candidate with more names, those spelt most like the mention are looked at.
        seed: of the thirds.
    """

    penalty: Annotated[float, Field(ge=0)] = 0.0
    terms: bool = True
    ids: bool = True
    min_lists: Annotated[int, Field(ge=1)] = 2
    max_names: Annotated[int, Field(ge=1)] = 8
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 13


class FeatureCard(Card):
    """What the folder says of itself.

    Attributes:
        settings: what it was trained with.
        retriever: the retriever's scores and their scales.
        alike: scale of the numbers between mention and name.
        best: scale of the best of them in a list.
        n_names: names that the rarity of n-grams was counted in.
        columns: names of those numbers.
    """

    settings: FeatureSettings
    retriever: dict[str, Any]
    alike: dict[str, list[float]]
    best: dict[str, list[float]]
    n_names: Annotated[int, Field(ge=0)]
    columns: tuple[str, ...]


class Features:
    """A linear model over features; a softmax over the list, NIL's score from the list as a whole.

    Source: conditional logit (McFadden 1974), the linear form of the listwise softmax loss (Cao et
    al. 2007, ListNet, with one right option).
    """

    kind: ClassVar[str] = "features"
    settings_type: ClassVar[type[Settings]] = FeatureSettings

    def __init__(
        self,
        tables: Tables,
        weights: Vector,
        settings: FeatureSettings,
        training: Mapping[str, Any] | None = None,
    ) -> None:
        self.tables = tables
        self.weights = weights
        self.settings = settings
        self.training = dict(training or {})

    @classmethod
    def fit(
        cls,
        choices: Sequence[Choice],
        lookup: Lookup,
        settings: Mapping[str, Any],
        *,
        dev: Sequence[Choice] = (),
        progress: Progress | None = None,
    ) -> Self:
        """Learn from choices; see `Reranker.fit`."""
        wanted = check(FeatureSettings, dict(settings), cls.kind)
        check_choices(choices)
        progress = progress or Silent()
        tables, lists = Tables.learn(
            [choice.question for choice in choices],
            lookup,
            max_names=wanted.max_names,
            min_lists=wanted.min_lists if wanted.terms else 0,
            with_ids=wanted.ids,
            progress=progress,
        )
        penalty = wanted.penalty or _choose_penalty(
            choices, tables, lists, dev, lookup, wanted.seed, progress
        )
        targets, weights = targets_of(choices)
        found = fit_listwise(lists, targets, weights, _costs(tables, penalty))
        training = {**describe_choices(choices, dev), "penalty": penalty}
        return cls(tables, found, wanted, training)

    def scores(self, questions: Sequence[Question], lookup: Lookup) -> list[NDArray[np.float32]]:
        """Return logits, NIL's last; see `Reranker.scores`."""
        lists = self.tables.lists(questions, lookup)
        rows, nil = lists.scores(self.weights)
        ends = np.cumsum(lists.sizes)
        return [
            np.append(rows[end - size : end], last).astype(np.float32)
            for end, size, last in zip(ends, lists.sizes, nil, strict=True)
        ]

    def save(self, folder: Path) -> None:
        """Write weights, words and `config.json`.

        Raises:
            StoreError: the folder can't be written.
        """
        part = folder / f".{_WEIGHTS}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as handle:
                np.savez_compressed(handle, weights=self.weights.astype(np.float32))
            part.replace(folder / _WEIGHTS)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            raise StoreError(f"{folder}: can't be written: {error.strerror or error}") from None
        tables = self.tables
        words = {"terms": list(tables.vocabulary), "counts": tables.rarity.counts}
        write_json(folder / _WORDS, words)
        card = FeatureCard(
            settings=self.settings,
            retriever=tables.retriever.to_json(),
            alike=tables.alike.to_json(),
            best=tables.best.to_json(),
            n_names=tables.rarity.n_names,
            columns=COLUMNS,
            training=self.training,
            versions=versions(),
        )
        write_config(folder, self.kind, card)

    @classmethod
    def load(cls, folder: Path, device: str = "auto") -> Self:
        """Read it from a folder; see `Reranker.load`. It runs on the cpu, whatever the device."""
        del device
        card, _ = read_config(folder, cls.kind, FeatureCard)
        if card.columns != COLUMNS:
            raise ArtifactError(f"{folder}: has other features than this decoct; {OTHER_VERSION}")
        try:
            words = read_json(folder / _WORDS)
            counts = {str(gram): int(count) for gram, count in words["counts"].items()}
            if min(counts.values(), default=1) < 1:
                raise ValueError("a count below 1")
            tables = Tables(
                RetrieverFeatures.from_json(card.retriever),
                Rarity(counts, card.n_names),
                Scale.from_json(card.alike),
                Scale.from_json(card.best),
                [str(term) for term in words["terms"]],
                card.settings.max_names,
            )
        except (StoreError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise ArtifactError(f"{folder / _WORDS}: is damaged: {_reason(error)}") from None
        weights = _read_weights(folder / _WEIGHTS)
        if weights.shape != (sum(tables.widths),):
            raise ArtifactError(
                f"{folder}: {_WEIGHTS} holds {weights.size} weights where {_WORDS} and config.json "
                f"need {sum(tables.widths)}; copy the folder again, or train it again"
            )
        return cls(tables, weights, card.settings, card.training)


def _costs(tables: Tables, penalty: float) -> Vector:
    """Return what each weight costs."""
    retriever, alike, terms, nil, best = tables.widths
    return np.concatenate(
        [
            np.full(retriever, _RETRIEVER_SHARE * penalty),
            np.full(alike, penalty),
            np.full(terms, _TERM_SHARE * penalty),
            [_LITTLE],
            np.full(nil - 1, _RETRIEVER_SHARE * penalty),
            np.full(best, penalty),
        ]
    )


def _choose_penalty(
    choices: Sequence[Choice],
    tables: Tables,
    lists: Lists,
    dev: Sequence[Choice],
    lookup: Lookup,
    seed: int,
    progress: Progress,
) -> float:
    """Return the penalty under which choices that were not learnt from are likeliest."""
    targets, weights = targets_of(choices)
    parts: list[tuple[Lists, Any, Any, Lists, Any, Any]] = []
    if dev:
        other = tables.lists([choice.question for choice in dev], lookup)
        parts.append((lists, targets, weights, other, *targets_of(dev)))
    else:
        folds = _folds(choices, seed)
        for fold in range(_FOLDS):
            learnt, kept = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            if len(learnt) and len(kept):
                parts.append(
                    (
                        *(lists.take(learnt.tolist()), targets[learnt], weights[learnt]),
                        *(lists.take(kept.tolist()), targets[kept], weights[kept]),
                    )
                )
    totals = dict.fromkeys(_PENALTIES, 0.0)
    for part in progress.track(parts, len(parts), "penalty"):
        model: Vector | None = None
        for penalty in _PENALTIES:
            model = fit_listwise(*part[:3], _costs(tables, penalty), model)
            totals[penalty] += mean_log_prob(*part[3:], model)
    return max(_PENALTIES, key=lambda penalty: totals[penalty])


def _folds(choices: Sequence[Choice], seed: int) -> NDArray[np.int64]:
    """Return each choice's fold; one mention's choices are in one fold."""
    mentions = sorted({choice.question.query.text for choice in choices})
    drawn = np.random.default_rng(seed).permutation(len(mentions)) % _FOLDS
    fold = dict(zip(mentions, drawn.tolist(), strict=True))
    return np.array([fold[choice.question.query.text] for choice in choices], dtype=np.int64)


def _read_weights(path: Path) -> Vector:
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as stored:
            weights = np.asarray(stored["weights"], dtype=np.float64)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{path}: can't be read: {_reason(error)}") from None
    if not np.isfinite(weights).all():
        raise ArtifactError(f"{path}: is damaged: holds numbers that are none")
    return weights


def _reason(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


plugin = Features
