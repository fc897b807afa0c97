"""What a re-ranker is: something that learns from choices among candidates, and then chooses.

A choice is a teacher's (silver) or a person's (gold); a re-ranker knows no difference but the
weight. "None of these" (NIL) is always one of the options, the last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from decoct.kb.base import Entity, Query
from decoct.progress import Progress
from decoct.records import Candidate
from decoct.registry import Shelf

KINDS = Shelf("decoct.reranker.kinds", noun="re-ranker")

Lookup = Callable[[str], Entity]  # from an entity's id to the entity; raises KeyError


@dataclass(frozen=True, slots=True)
class Question:
    """A mention and the candidates to choose from.

    Attributes:
        query: the mention.
        candidates: best first by the retriever; may be empty.
    """

    query: Query
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """A question and its answer, to learn from.

    Attributes:
        question: what was asked.
        target: place of the right candidate in the list; the list's length for NIL.
        weight: how much it counts, above 0 to 1; a sure teacher's more than a doubtful one's.
        gold: whether a person made it.
    """

    question: Question
    target: int
    weight: float = 1.0
    gold: bool = False


class Scorer(Protocol):
    """What scores the options of questions, whatever runs it.

    Attributes:
        kind: its name on the shelf, such as `cross_encoder`.
    """

    kind: ClassVar[str]

    def scores(self, questions: Sequence[Question], lookup: Lookup) -> list[NDArray[np.float32]]:
        """Return logits for each question: one for each candidate, and last one for NIL.

        A softmax over one row gives the probability of each option. Rows do not depend on which
        other questions are asked in the same call.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write it into a folder, `config.json` included, which holds `{"kind": ...}`."""
        ...


class Reranker(Scorer, Protocol):
    """A re-ranker as its shelf has it: one that can be trained."""

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
        """Learn from choices.

        Args:
            choices: to learn from.
            lookup: gives a candidate's aliases and definition.
            settings: of this kind; an unknown one is refused.
            dev: to stop early on; where there are none, training takes the epochs that it is told.
            progress: shown how far it is.

        Raises:
            ConfigError: a setting is wrong.
            MissingExtraError: a library that this kind needs is not installed.
        """
        ...

    @classmethod
    def load(cls, folder: Path, device: str = "auto") -> Self:
        """Read it from a folder.

        Args:
            folder: that `save` wrote.
            device: where torch runs it, if torch does.

        Raises:
            ArtifactError: it is not one of this kind, or it is damaged.
        """
        ...
