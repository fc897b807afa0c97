"""From text to token ids and the word that each token belongs to."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from decoct.errors import ArtifactError
from decoct.text.align import Place
from decoct.text.windows import Window, cut_sentences, cut_windows
from decoct.text.words import find_words

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NO_WORD = -1


@dataclass(frozen=True, slots=True)
class Piece:
    """A window of a text, ready for the encoder.

    Attributes:
        input_ids: (n_tokens,) int64, special tokens included.
        word_of_token: (n_tokens,) int64, position in `words`, or `NO_WORD` for special tokens
            and for those of white space alone.
        words: places in the whole text.
        window: where this piece stands, and what it owns.
    """

    input_ids: NDArray[np.int64]
    word_of_token: NDArray[np.int64]
    words: tuple[Place, ...]
    window: Window

    def __len__(self) -> int:
        return len(self.input_ids)

    def owns(self, start: int) -> bool:
        """Whether what begins at a code point of the text is this piece's to tell."""
        return self.window.owns_from <= start < self.window.owns_to


def read_tokenizer(folder: Path) -> Tokenizer:
    """Read a folder's `tokenizer.json`.

    Raises:
        ArtifactError: it is missing or broken.
    """
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ArtifactError(f"{folder}: holds no tokenizer.json")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust library raises bare Exception
        raise ArtifactError(f"{path}: can't be read: {error}") from None


class WordTokenizer:
    """A Hugging Face tokenizer that also says which word each token belongs to.

    Args:
        tokenizer: from `tokenizers`; its own truncation and padding are switched off.
        max_tokens: the encoder's window, special tokens included.
        by_sentence: read each sentence by itself, also where several would fit.
    """

    def __init__(self, tokenizer: Tokenizer, max_tokens: int, *, by_sentence: bool = False) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.by_sentence = by_sentence

    def pieces(self, text: str) -> Iterator[Piece]:
        """Yield the pieces of a text: one if it fits the window, else overlapping ones.

        A piece has at most `max_tokens` tokens and as many words; of a single word of more tokens
        than that the first ones stand for it.
        """
        words = find_words(text)
        if not words:
            return
        whole = self._encode(text, words)
        fits = max(len(whole.ids), len(words)) <= self.max_tokens
        room = self.max_tokens - whole.n_head - whole.n_tail
        windows = () if fits and not self.by_sentence else self._windows(text, words, whole, room)
        if fits and len(windows) < 2:
            yield Piece(whole.ids, whole.word_of_token, tuple(words), _whole(text))
            return
        for window in windows:
            first = bisect.bisect_left(words, window.start, key=lambda word: word.start)
            last = bisect.bisect_left(words, window.end, key=lambda word: word.start)
            ids, word_of_token = whole.cut(first, last, room)
            if len(ids):
                yield Piece(ids, word_of_token, tuple(words[first:last]), window)

    def _windows(
        self, text: str, words: list[Place], whole: _Encoded, room: int
    ) -> Sequence[Window]:
        # a word without a token of its own takes room too, so that words are bounded as well
        counts = np.maximum(np.bincount(whole.owners, minlength=len(words)), 1)
        total = [0, *accumulate(counts.tolist())]
        cut = cut_sentences if self.by_sentence else cut_windows
        return cut(text, words, lambda first, last: total[last] - total[first], room)

    def _encode(self, text: str, words: list[Place]) -> _Encoded:
        encoding = self.tokenizer.encode(text)
        starts = np.array([word.start for word in words], dtype=np.int64)
        ends = np.array([word.end for word in words], dtype=np.int64)
        offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
        added = np.array(encoding.special_tokens_mask, dtype=bool)
        n_head = len(added) if added.all() else int(np.argmin(added))
        n_tail = 0 if added.all() else int(np.argmin(added[::-1]))
        # the last character of a token decides: byte-level tokens may start with the space before
        last_chars = offsets[:, 1] - 1
        owners = np.clip(np.searchsorted(starts, last_chars, side="right") - 1, 0, None)
        outside = (last_chars < starts[owners]) | (last_chars >= ends[owners])
        outside |= added | (offsets[:, 1] <= offsets[:, 0])
        return _Encoded(
            ids=np.array(encoding.ids, dtype=np.int64),
            word_of_token=np.where(outside, NO_WORD, owners),
            owners=owners[n_head : len(owners) - n_tail],
            n_head=n_head,
            n_tail=n_tail,
        )


def _whole(text: str) -> Window:
    return Window(0, len(text), 0, len(text) + 1)


@dataclass(frozen=True, slots=True)
class _Encoded:
    """A whole text's tokens.

    Attributes:
        ids: (n_tokens,) int64.
        word_of_token: (n_tokens,) int64, `NO_WORD` for special tokens and white space.
        owners: (n_tokens less special ones,) int64, the word that each stands in or after, rising.
        n_head: special tokens before the text's own.
        n_tail: special tokens after them.
    """

    ids: NDArray[np.int64]
    word_of_token: NDArray[np.int64]
    owners: NDArray[np.int64]
    n_head: int
    n_tail: int

    def cut(self, first: int, last: int, room: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return ids and words of words [first, last), between the special tokens."""
        begin, end = np.searchsorted(self.owners, [first, last]) + self.n_head
        end = min(end, begin + room)
        kept = np.r_[: self.n_head, begin:end, len(self.ids) - self.n_tail : len(self.ids)]
        word_of_token = self.word_of_token[kept]
        return self.ids[kept], np.where(word_of_token == NO_WORD, NO_WORD, word_of_token - first)
