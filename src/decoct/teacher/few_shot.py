"""Few-shot examples, chosen for each prompt: the same for all, or those most like its texts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, pairwise
from typing import Protocol

from decoct.errors import MissingExtraError
from decoct.tasks.base import Example, Task
from decoct.teacher.examples import read_examples, spaced
from decoct.teacher.settings import AskSettings
from decoct.text.words import find_words


class Shots(Protocol):
    """A choice of examples.

    Attributes:
        standing: shown to every document, in the order of the file.
    """

    standing: tuple[Example, ...]

    def near(self, texts: Sequence[str]) -> tuple[Example, ...]:
        """Return the examples for the documents of one prompt, the nearest last."""
        ...


class StaticShots:
    """The first `n` examples, or all that there are: the same for every document.

    They stand in the part of the prompt that never changes, which endpoints cache.
    """

    def __init__(self, examples: Sequence[Example], n: int) -> None:
        self.standing = tuple(examples[:n])

    def near(self, texts: Sequence[str]) -> tuple[Example, ...]:
        """Return none."""
        return ()


class NearestShots:
    """The `n` examples, or all that there are, whose words are most like a prompt's texts, by BM25.

    Words count whatever their case; Chinese and Japanese, which put no spaces between words, go by
    characters and pairs of characters. Of examples that are equally near the file's earlier ones
    are taken. One that has the document's own text is never shown: it would give the answer away.

    Args:
        examples: to choose from.
        n: how many a prompt shows.
        standing: others, shown to every document.

    Raises:
        MissingExtraError: bm25s is not installed.
    """

    def __init__(
        self, examples: Sequence[Example], n: int, standing: Sequence[Example] = ()
    ) -> None:
        try:
            import bm25s
        except ImportError:
            raise MissingExtraError("bm25s", "link", "pick = nearest") from None
        self.standing = tuple(standing)
        self._examples = tuple(examples)
        self._texts = [spaced(example.text) for example in examples]
        self._n = n
        self._index = bm25s.BM25(backend="numpy")
        self._index.index([_tokens(text) for text in self._texts], show_progress=False)

    def near(self, texts: Sequence[str]) -> tuple[Example, ...]:
        """Return up to `n` examples for the documents of one prompt, the nearest last."""
        asked = {spaced(text) for text in texts}
        scores = self._index.get_scores(sorted(token for text in asked for token in _tokens(text)))
        ranked = (-scores).argsort(kind="stable").tolist()
        others = (number for number in ranked if self._texts[number] not in asked)
        nearest = list(islice(others, self._n))
        return tuple(self._examples[number] for number in reversed(nearest))


def open_shots(settings: AskSettings, task: Task) -> Shots | None:
    """Return the choice of examples that the settings ask for, or None where they name no file.

    Raises:
        ConfigError: an example is wrong; names each line that is.
        StoreError: the file can't be read.
    """
    if settings.examples is None:
        return None
    return choose_shots(read_examples(settings.examples, task), settings)


def choose_shots(examples: Sequence[Example], settings: AskSettings, n_nearest: int = 0) -> Shots:
    """Return a choice of examples.

    Args:
        examples: all that there are.
        settings: `n_examples` of them are shown, as `pick` says.
        n_nearest: so many more that are nearest.
    """
    n_standing = settings.n_examples if settings.pick == "static" else 0
    n_near = n_nearest + (settings.n_examples if settings.pick == "nearest" else 0)
    others = examples[n_standing:]
    if not n_near or not others:
        return StaticShots(examples, n_standing)
    return NearestShots(others, n_near, examples[:n_standing])


def _tokens(text: str) -> list[str]:
    """Return what two texts may have in common; never nothing, which an index can't hold."""
    folded = text.casefold()
    words = [word for word in find_words(folded) if folded[word.start].isalnum()]
    pairs = [  # words touch where a script puts no spaces between them
        (first.start, second.end) for first, second in pairwise(words) if first.end == second.start
    ]
    places = [*((word.start, word.end) for word in words), *pairs]
    return [folded[start:end] for start, end in places] or ["\n"]
