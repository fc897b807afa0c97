"""Terms of texts, hashed: character n-grams and words, many texts at a time.

A term is a 32-bit hash, so that there is no vocabulary to keep, to grow and to agree on. Of a
million different terms some hundred share theirs with another, which no ranking notices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoct.retriever.fold import CHARACTER, LETTER, MAX_CHARS, Folded

_BETWEEN = np.uint32(ord(" "))
_PRIME = 0x100000001B3
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms and the texts that they are of; a term that stands in a text twice is here twice.

    Attributes:
        hashes: (n_terms,) uint32.
        owners: (n_terms,) int32, the text of each.
        n_texts: how many texts there are, those without a term included.
    """

    hashes: NDArray[np.uint32]
    owners: NDArray[np.int32]
    n_texts: int

    @classmethod
    def joined(cls, parts: Sequence[Terms], n_texts: int) -> Terms:
        """Put terms of several kinds together."""
        return cls(
            np.concatenate([np.zeros(0, np.uint32), *(part.hashes for part in parts)]),
            np.concatenate([np.zeros(0, np.int32), *(part.owners for part in parts)]),
            n_texts,
        )


def ngrams(texts: Sequence[str], letters: Sequence[int], characters: Sequence[int]) -> Terms:
    """Return the character n-grams of texts.

    An n-gram of letters and digits may hold gaps: one between any two words, whatever stands there,
    and one at each end. An n-gram of a script that puts no
    spaces between words holds nothing but its characters.

    Args:
        texts: any.
        letters: sizes of n-grams of letters and digits, gaps counted, from 2 on.
        characters: sizes of n-grams of CJK characters, from 1 on.
    """
    folded = Folded.of(texts)
    is_letter = folded.kinds == LETTER
    kept = is_letter.copy()  # of several gaps in a row the first
    kept[1:] |= is_letter[:-1] | (folded.owners[1:] != folded.owners[:-1])
    kept[0] = True
    is_letter, owners = is_letter[kept], folded.owners[kept]
    spaced = np.where(is_letter, folded.codes[kept], _BETWEEN)
    touching = is_letter[1:] | is_letter[:-1]  # two gaps in a row stand between texts
    parts = [_windows(spaced, touching, owners, n, len(texts)) for n in letters]
    parts += _characters(folded, characters, len(texts))
    return Terms.joined(parts, len(texts))


def words(texts: Sequence[str], characters: Sequence[int]) -> Terms:
    """Return the words of texts: runs of letters and digits, and n-grams of CJK characters.

    Args:
        texts: any.
        characters: sizes of n-grams of CJK characters, from 1 on.
    """
    folded = Folded.of(texts)
    places = np.flatnonzero(folded.kinds == LETTER)
    begins = np.ones(len(places), dtype=bool)
    begins[1:] = places[1:] != places[:-1] + 1
    first = np.flatnonzero(begins)
    parts = _characters(folded, characters, len(texts))
    if len(first):
        inside = np.arange(len(places)) - first[np.cumsum(begins) - 1]
        powers = np.cumprod(np.full(MAX_CHARS, _PRIME, dtype=np.uint64))
        sums = np.add.reduceat(folded.codes[places] * powers[inside % MAX_CHARS], first)
        parts.append(Terms(_mixed(sums), folded.owners[places[first]], len(texts)))
    return Terms.joined(parts, len(texts))


def _characters(folded: Folded, sizes: Sequence[int], n_texts: int) -> list[Terms]:
    is_character = folded.kinds == CHARACTER
    if not is_character.any():
        return []
    codes, owners = folded.codes, folded.owners
    touching = is_character[1:] & is_character[:-1]
    parts = [_windows(codes, touching, owners, n, n_texts) for n in sizes if n > 1]
    if 1 in sizes:
        alone = np.flatnonzero(is_character)
        parts.append(Terms(_mixed(codes[alone].astype(np.uint64)), owners[alone], n_texts))
    return parts


def _windows(
    codes: NDArray[np.uint32],
    touching: NDArray[np.bool_],
    owners: NDArray[np.int32],
    size: int,
    n_texts: int,
) -> Terms:
    """Return the windows of a size, two or more, in which each code may follow the one before.

    Args:
        codes: (n_chars,) of texts one after another, each begun by a gap, the last one ended by it.
        touching: (n_chars - 1,), whether a window may hold a code and the next.
        owners: (n_chars,), the text of each; a gap between two is the later one's.
        size: codes in a window.
        n_texts: how many texts there are.
    """
    n_windows = len(codes) - size + 1
    if n_windows < 1:
        return Terms(np.zeros(0, np.uint32), np.zeros(0, np.int32), n_texts)
    whole = owners[:n_windows] == owners[size - 2 : size - 2 + n_windows]
    for offset in range(size - 1):
        whole &= touching[offset : offset + n_windows]
    places = np.flatnonzero(whole)
    hashes = np.full(len(places), size, dtype=np.uint64)
    for offset in range(size):
        hashes *= np.uint64(_PRIME)
        hashes += codes[places + offset]
    return Terms(_mixed(hashes), owners[places], n_texts)


def _mixed(hashes: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """Spread hashes over 32 bits, as SplitMix64 ends."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * _MIX[0]
    hashes = (hashes ^ (hashes >> np.uint64(27))) * _MIX[1]
    return (hashes >> np.uint64(32)).astype(np.uint32)
