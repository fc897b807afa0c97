"""Folds: which documents are held out together, and what may be learnt from meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from decoct.errors import ConfigError, EvaluationError
from decoct.evaluation.items import normalize_surface
from decoct.records import Document


@dataclass(frozen=True, slots=True)
class Folding:
    """How documents are divided into folds.

    Attributes:
        n_folds: how many, at least two.
        seed: of the division.
        group_by: field of `meta` whose documents stay together, such as `pmid`; None for texts that
            have nothing to do with each other.
    """

    n_folds: int = 10
    seed: int = 7
    group_by: str | None = None

    def assign(self, documents: Sequence[Document]) -> dict[str, int]:
        """Return document id -> fold, see `assign_folds`."""
        return assign_folds(documents, self.n_folds, self.seed, self.group_by)

    def signature(self, done: Sequence[int]) -> str:
        """Return what a score's signature says of the folds, such as `folds:10|fold_seed:7|...`.

        Args:
            done: the folds that were scored; they are named where some are left out.
        """
        some = "" if len(done) == self.n_folds else f"{','.join(map(str, sorted(done)))}/"
        grouped = self.group_by or "text"
        return f"folds:{some}{self.n_folds}|fold_seed:{self.seed}|group:{grouped}"

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types."""
        return asdict(self)


@dataclass(frozen=True, slots=True, repr=False)
class Split:
    """One fold's documents.

    Attributes:
        learn: those to learn from, in the order they came.
        held_out: those to be scored on.
    """

    learn: tuple[Document, ...]
    held_out: tuple[Document, ...]

    def __repr__(self) -> str:
        return f"Split({len(self.learn)} to learn from, {len(self.held_out)} held out)"


def assign_folds(
    documents: Sequence[Document], n_folds: int, seed: int, group_by: str | None = None
) -> dict[str, int]:
    """Divide documents into folds of as many groups each, by chance.

    Texts that differ at most in case and white space are always in one fold. A text that occurs in
    several groups goes where the first of them by name is. The order of the documents does not
    count.

    Args:
        documents: of different ids.
        n_folds: how many folds.
        seed: of the division.
        group_by: field of `meta` that names a document's group; None makes each text a group.

    Returns:
        document id -> fold, from 0.

    Raises:
        ConfigError: fewer than two folds, or a negative seed.
        EvaluationError: an id occurs twice, a document lacks the field, or there are fewer groups
            than folds.
    """
    if n_folds < 2:
        raise ConfigError(f"{n_folds} folds: there must be two or more")
    if seed < 0:
        raise ConfigError(f"fold seed {seed}: it must not be negative")
    group_of: dict[str, str] = {}
    for document in documents:
        text = normalize_surface(document.text)
        name = text if group_by is None else _group(document, group_by)
        group_of[text] = min(name, group_of.get(text, name))
    groups = sorted(set(group_of.values()))
    if len(groups) < n_folds:
        raise EvaluationError(
            f"{len(groups)} {f'values of meta.{group_by}' if group_by else 'different texts'} "
            f"can't be divided into {n_folds} folds; ask for fewer folds"
        )
    order = np.random.default_rng(seed).permutation(len(groups))
    fold = {groups[position]: rank % n_folds for rank, position in enumerate(order)}
    fold_of = {
        document.id: fold[group_of[normalize_surface(document.text)]] for document in documents
    }
    if len(fold_of) < len(documents):
        raise EvaluationError("a document id occurs twice; ids must be unique within a file")
    return fold_of


def split_fold(
    gold: Sequence[Document],
    silver: Sequence[Document] | None,
    fold_of: Mapping[str, int],
    fold: int,
    group_by: str | None = None,
) -> Split:
    """Choose what is held out in a fold and what is learnt from.

    Nothing is learnt from a document with the id or the text (but for case and white space) of one
    that is held out, nor, where documents are grouped, from silver beyond gold of a group that is.
    All other silver is learnt from in every fold, whether or not there is gold for it.

    Args:
        gold: the documents that were divided.
        silver: what to learn from; None takes the other folds' gold.
        fold_of: document id -> fold, from `assign_folds`.
        fold: the one to hold out.
        group_by: as given to `assign_folds`.
    """
    held_out = tuple(document for document in gold if fold_of[document.id] == fold)
    ids = {document.id for document in held_out}
    texts = {normalize_surface(document.text) for document in held_out}
    gold_texts = {normalize_surface(document.text) for document in gold}
    groups = {_group(document, group_by) for document in held_out} if group_by else set()

    def is_learnt(document: Document) -> bool:
        text = normalize_surface(document.text)
        if document.id in ids or text in texts:
            return False
        return text in gold_texts or str(document.meta.get(group_by or "", "")) not in groups

    return Split(tuple(filter(is_learnt, gold if silver is None else silver)), held_out)


def _group(document: Document, group_by: str) -> str:
    """Return the name of a document's group.

    Raises:
        EvaluationError: its meta has no such field, or something else than a name in it.
    """
    name = document.meta.get(group_by)
    if not isinstance(name, str | int) or name == "":
        raise EvaluationError(
            f"document {document.id!r}: meta has no {group_by!r} to group by; "
            "add it to every document, or name another field"
        )
    return str(name)
