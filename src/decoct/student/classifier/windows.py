"""From a document to the token ids of its windows: one text, or a pair of them.

Put together from ids, so that it is the same for every tokenizer, those without special tokens
included: `[CLS] first [SEP]`, or `[CLS] first [SEP] second [SEP]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from decoct.errors import ArtifactError, ConfigError
from decoct.records import Document
from decoct.student.classifier.lines import N_FEATURES, headings, overlap_features, rank_lines
from decoct.student.classifier.settings import ClassifierCard
from decoct.text.align import Place

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_BETWEEN = "|"
Ids = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """What the encoder reads at once.

    Attributes:
        ids: token ids, special ones included.
        n_first: how many of them belong to the first text, with what stands around it.
    """

    ids: Ids
    n_first: int

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Reading:
    """All that is read of a document.

    Attributes:
        windows: at least one.
        n_left_out: further windows that `max_windows` leaves out.
        first_cut: whether the first text of a pair did not fit beside the second in one piece.
        features: (n_features,) float32, see `overlap_features`; none where they are not asked for.
    """

    windows: tuple[Window, ...]
    n_left_out: int
    first_cut: bool
    features: NDArray[np.float32]


class WindowTokenizer:
    """Cuts documents into windows.

    Args:
        tokenizer: the encoder's; its own truncation and padding are switched off.
        card: says where the second text is, and how long a window.

    Raises:
        ArtifactError: a window has no room for a text beside the tokenizer's special tokens.
    """

    def __init__(self, tokenizer: Tokenizer, card: ClassifierCard) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.tokenizer = tokenizer
        self.card = card
        self._head, self._tail = _around(tokenizer)
        self._between = _inside(tokenizer) or self._tail or self._ids(_BETWEEN)
        special = len(self._head) + len(self._tail)
        pair = card.second is not None
        self._room = card.settings.max_tokens - special - (len(self._between) if pair else 0)
        if self._room < 4:
            raise ArtifactError(
                f"a window of {card.settings.max_tokens} tokens has no room for a text; "
                "set max_tokens higher or take another encoder"
            )

    @property
    def n_features(self) -> int:
        """How many numbers `Reading.features` has."""
        return n_features(self.card)

    def read(self, document: Document) -> Reading:
        """Cut a document into windows.

        Raises:
            ConfigError: the task is of pairs and the document has no second text.
        """
        settings = self.card.settings
        first = self._ids(document.text)
        second = second_text(document, self.card)
        if second is None:
            made = [self._window(part) for part in self._cut(first, self._room)]
            first_cut = False
        else:
            # the first text goes into every window, so it may take half of one at most
            firsts = self._cut(first, max(self._room // 2, self._room - self._n_ids(second)))
            first_cut = len(firsts) > 1
            seconds = self._parts(document.text, second, self._room - max(map(len, firsts)))
            made = [self._window(one, other) for other in seconds for one in firsts]
        kept = made[: settings.max_windows or None]
        numbers = overlap_features(document.text, second or "") if self.n_features else []
        return Reading(
            tuple(kept), len(made) - len(kept), first_cut, np.array(numbers, dtype=np.float32)
        )

    def _window(self, first: Ids, second: Ids | None = None) -> Window:
        if second is None:
            ids = (*self._head, *first, *self._tail)
            return Window(ids, len(ids))
        before = (*self._head, *first, *self._between)
        return Window((*before, *second, *self._tail), len(before))

    def _parts(self, first: str, second: str, room: int) -> list[Ids]:
        """Return the second text's ids in parts of at most `room`."""
        if self.card.settings.order == "given" or self._n_ids(second) <= room:
            return self._cut(self._ids(second), room)
        ranked = rank_lines(first, second)
        above = headings(second, ranked)
        ids = {line: self._ids(second[line.start : line.end]) for line in ranked}
        groups: list[set[Place]] = [set()]
        for line in ranked:
            if any(line in group for group in groups):  # as the heading of another
                continue
            more = {place for place in (line, above.get(line)) if place}
            if groups[-1] and sum(len(ids[place]) for place in groups[-1] | more) > room:
                groups.append(set())
            groups[-1] |= more
        return [
            part
            for group in groups
            for part in self._cut(_joined(ids[place] for place in sorted(group)), room)
        ]

    def _cut(self, ids: Ids, room: int) -> list[Ids]:
        """Cut ids into overlapping parts of at most `room`, all but the last of just so many."""
        if len(ids) <= room:
            return [ids]
        step = max(1, room - int(room * self.card.settings.overlap))
        starts = [*range(0, len(ids) - room, step), len(ids) - room]
        return [ids[start : start + room] for start in starts]

    def _n_ids(self, text: str) -> int:
        return len(self._ids(text))

    def _ids(self, text: str) -> Ids:
        return tuple(self.tokenizer.encode(text, add_special_tokens=False).ids) if text else ()


@dataclass(frozen=True, slots=True)
class WindowBatch:
    """Windows padded to one rectangle.

    Attributes:
        input_ids: (n_windows, n_tokens) int64.
        attention_mask: (n_windows, n_tokens) int64, 1 for a token and 0 for padding.
        token_type_ids: (n_windows, n_tokens) int64, 1 for the second text's.
    """

    input_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]
    token_type_ids: NDArray[np.int64]


def pad_windows(windows: Sequence[Window], pad_id: int) -> WindowBatch:
    """Pad windows to the longest of them."""
    shape = (len(windows), max(map(len, windows)))
    ids = np.full(shape, pad_id, dtype=np.int64)
    mask, types = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for row, window in enumerate(windows):
        ids[row, : len(window)] = window.ids
        mask[row, : len(window)] = 1
        types[row, window.n_first : len(window)] = 1
    return WindowBatch(ids, mask, types)


def n_features(card: ClassifierCard) -> int:
    """Return how many numbers about the pair the head is told."""
    return N_FEATURES if card.settings.overlap_features and card.second is not None else 0


def second_text(document: Document, card: ClassifierCard) -> str | None:
    """Return the second text of a pair, None where the task has none.

    Raises:
        ConfigError: the document lacks it.
    """
    if card.second is None:
        return None
    text = document.meta.get(card.second)
    if not isinstance(text, str):
        raise ConfigError(
            f"document {document.id!r}: meta.{card.second} must hold the second text of the pair "
            f"for task {card.task}, got {type(text).__name__}"
        )
    return text


def _joined(parts: Iterable[Ids]) -> Ids:
    return tuple(id_ for part in parts for id_ in part)


def _around(tokenizer: Tokenizer) -> tuple[Ids, Ids]:
    """Return the ids that a tokenizer puts before and behind a text."""
    encoding = tokenizer.encode("a")
    own = [at for at, flag in enumerate(encoding.special_tokens_mask) if not flag]
    if not own:
        return tuple(encoding.ids), ()
    return tuple(encoding.ids[: own[0]]), tuple(encoding.ids[own[-1] + 1 :])


def _inside(tokenizer: Tokenizer) -> Ids:
    """Return the ids that a tokenizer puts between two texts."""
    encoding = tokenizer.encode("a", "a")
    of_text = list(encoding.sequence_ids)
    if 0 not in of_text or 1 not in of_text:
        return ()
    last = len(of_text) - 1 - of_text[::-1].index(0)
    return tuple(encoding.ids[last + 1 : of_text.index(1)])
