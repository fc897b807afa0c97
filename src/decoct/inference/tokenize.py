"""From text to token ids and the word that each token belongs to."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from decoct.errors import ArtifactError
from decoct.text.align import Place
from decoct.text.windows import Window, cut_windows
from decoct.text.words import find_words

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NO_WORD = -1


@dataclass(frozen=True, slots=True)
class Piece:
    """A window of a text, ready for the encoder.

    Attributes:
        input_ids: (n_tokens,) int64, special tokens included.
        word_of_token: (n_tokens,) int64, position in `words`, or `NO_WORD` for special tokens.
        words: places in the whole text.
        window: where this piece stands, and what it owns.
    """

    input_ids: NDArray[np.int64]
    word_of_token: NDArray[np.int64]
    words: tuple[Place, ...]
    window: Window

    def __len__(self) -> int:
        return len(self.input_ids)


class WordTokenizer:
    """A Hugging Face tokenizer that also says which word each token belongs to.

    Args:
        tokenizer: from `tokenizers`; its own truncation and padding are switched off.
        max_tokens: the encoder's window, special tokens included.
    """

    def __init__(self, tokenizer: Tokenizer, max_tokens: int) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self._n_special = tokenizer.num_special_tokens_to_add(False)

    @classmethod
    def from_folder(cls, folder: Path, max_tokens: int) -> WordTokenizer:
        """Read `tokenizer.json`.

        Raises:
            ArtifactError: it is missing or broken.
        """
        from tokenizers import Tokenizer

        path = folder / "tokenizer.json"
        if not path.is_file():
            raise ArtifactError(f"{folder}: holds no tokenizer.json")
        try:
            return cls(Tokenizer.from_file(str(path)), max_tokens)
        except Exception as error:  # the Rust library raises bare Exception
            raise ArtifactError(f"{path}: can't be read: {error}") from None

    def pieces(self, text: str) -> Iterator[Piece]:
        """Yield the pieces of a text: one if it fits the window, else sentence by sentence."""
        words = find_words(text)
        if not words:
            return
        whole = self._piece(text, words, Window(0, len(text), 0, len(text) + 1))
        if len(whole) <= self.max_tokens:
            yield whole
            return
        counts = np.bincount(whole.word_of_token[whole.word_of_token >= 0], minlength=len(words))
        total = [0, *accumulate(counts.tolist())]
        room = self.max_tokens - self._n_special
        for window in cut_windows(
            text, words, lambda first, last: total[last] - total[first], room
        ):
            first = bisect.bisect_left(words, window.start, key=lambda word: word.start)
            last = bisect.bisect_left(words, window.end, key=lambda word: word.start)
            yield self._piece(text, words[first:last], window)

    def _piece(self, text: str, words: list[Place], window: Window) -> Piece:
        encoding = self.tokenizer.encode(text[window.start : window.end])
        starts = np.array([word.start for word in words], dtype=np.int64) - window.start
        offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
        # the last character of a token decides: byte-level tokens may start with the space before
        word_of_token = np.searchsorted(starts, offsets[:, 1] - 1, side="right") - 1
        special = np.array(encoding.special_tokens_mask, dtype=bool) | (
            offsets[:, 1] <= offsets[:, 0]
        )
        word_of_token = np.where(special, NO_WORD, word_of_token)
        return Piece(np.array(encoding.ids, dtype=np.int64), word_of_token, tuple(words), window)
