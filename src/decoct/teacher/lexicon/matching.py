"""Look up phrases and word endings in a text, in one pass over its words.

Words are compared in a folded form, so that case, accents and British spelling make no
difference, while offsets stay those of the original text.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from decoct.teacher.lexicon import Affix

__all__ = ["AffixIndex", "PhraseIndex", "Word", "fold", "singulars", "split_words"]

_WORD = re.compile(r"[^\W_]+")
_MAX_JOINER_CHARS = 3
_JOINERS = frozenset(" \t\r\n\u00a0-\u2010\u2011\u2013'\u2019/.")
# ae and oe before the vowels they lost in American spelling; both sides are folded, so that
# an over-eager rule costs nothing.
_SPELLINGS = (("ae", "e"), ("oe", "e"), ("our", "or"), ("leuc", "leuk"), ("sulph", "sulf"))
_ISE = re.compile(r"is(?=e[ds]?$|ing$|ations?$)")


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text.

    Attributes:
        start: first code point.
        end: code point after the last.
        folded: comparable form.
        is_upper: whether the text writes it in capitals.
        is_joined: whether only a space, hyphen or slash parts it from the word before.
    """

    start: int
    end: int
    folded: str
    is_upper: bool
    is_joined: bool


def fold(word: str) -> str:
    """Fold case, accents and British spelling away.

    Args:
        word: one word.

    Returns:
        The form under which words are compared.

    Example:
        >>> fold("Hyperkalaemia"), fold("Sulphasalazine"), fold("Barré")
        ('hyperkalemia', 'sulfasalazine', 'barre')
    """
    folded = word.casefold()
    if not folded.isascii():
        parts = unicodedata.normalize("NFKD", folded)
        folded = "".join(char for char in parts if not unicodedata.combining(char)) or folded
    for british, american in _SPELLINGS:
        folded = folded.replace(british, american)
    return _ISE.sub("iz", folded)


def _is_joiner(gap: str) -> bool:
    return gap == "," or (len(gap) <= _MAX_JOINER_CHARS and _JOINERS.issuperset(gap))


def split_words(text: str) -> list[Word]:
    """Split a text into words of letters and digits.

    Args:
        text: any text.

    Returns:
        Its words in order.
    """
    words: list[Word] = []
    folded_by_surface: dict[str, str] = {}
    previous_end = 0
    for match in _WORD.finditer(text):
        surface = match.group()
        folded = folded_by_surface.get(surface)
        if folded is None:
            folded = folded_by_surface[surface] = fold(surface)
        start = match.start()
        gap = text[previous_end : min(start, previous_end + _MAX_JOINER_CHARS + 1)]
        joined = bool(words) and _is_joiner(gap)
        words.append(Word(start, match.end(), folded, surface.isupper(), joined))
        previous_end = match.end()
    return words


def singulars(word: str) -> tuple[str, ...]:
    """Return a word and what it could be the plural of.

    Args:
        word: a folded word.

    Returns:
        Candidates, the word itself first.

    Example:
        >>> singulars("psychoses")
        ('psychoses', 'psychose', 'psychosis', 'psychos')
    """
    if not word.endswith("s") or word.endswith("ss") or len(word) < 4:
        return (word,)
    found = [word, word[:-1]]
    if word.endswith("ies"):
        found.append(word[:-3] + "y")
    elif word.endswith("ses"):
        found += [word[:-2] + "is", word[:-2]]
    elif word.endswith("es"):
        found.append(word[:-2])
    return tuple(found)


class PhraseIndex:
    """A set of phrases, each with a value, looked up at a position of a text.

    Example:
        >>> index = PhraseIndex({"renal failure": 1})
        >>> index.longest(split_words("acute renal failures"), 1)
        (3, 1)
    """

    def __init__(
        self, phrases: dict[str, int], *, acronyms: Iterable[str] = (), plurals: bool = True
    ) -> None:
        """Index phrases by their first word.

        Args:
            phrases: phrase -> value returned with a hit.
            acronyms: one-word phrases that must be written in capitals.
            plurals: whether the last word may stand in the plural.
        """
        self._values: dict[tuple[str, ...], int] = {}
        lengths: dict[str, set[int]] = {}
        for phrase, value in phrases.items():
            key = tuple(word.folded for word in split_words(phrase))
            self._values[key] = max(value, self._values.get(key, value))
            lengths.setdefault(key[0], set()).add(len(key))
            if plurals and len(key) == 1:
                # The first word of a one-word phrase is also the one that takes the plural.
                for plural in (key[0] + "s", key[0] + "es", key[0][:-1] + "ies"):
                    lengths.setdefault(plural, set()).add(1)
                if key[0].endswith("is"):
                    lengths.setdefault(key[0][:-2] + "es", set()).add(1)
        self._lengths = {
            first: tuple(sorted(sizes, reverse=True)) for first, sizes in lengths.items()
        }
        self._acronyms = frozenset(fold(acronym) for acronym in acronyms)
        self._plurals = plurals

    def longest(self, words: Sequence[Word], i: int) -> tuple[int, int] | None:
        """Find the longest phrase that starts at word `i`.

        Args:
            words: the words of a text.
            i: index of the first word.

        Returns:
            Index after the last word and the phrase's value, or None.
        """
        for size in self._lengths.get(words[i].folded, ()):
            end = i + size
            if end > len(words) or not all(word.is_joined for word in words[i + 1 : end]):
                continue
            value = self._value(words[i:end])
            if value is not None:
                return end, value
        return None

    def ending_at(self, words: Sequence[Word], end: int, max_words: int = 3) -> int | None:
        """Find the longest phrase whose last word is the one before `end`.

        Args:
            words: the words of a text.
            end: index after the last word.
            max_words: longest phrase looked for.

        Returns:
            Index of the first word, or None.
        """
        for size in range(min(max_words, end), 0, -1):
            start = end - size
            if (
                size in self._lengths.get(words[start].folded, ())
                and all(word.is_joined for word in words[start + 1 : end])
                and self._value(words[start:end]) is not None
            ):
                return start
        return None

    def _value(self, words: Sequence[Word]) -> int | None:
        key = tuple(word.folded for word in words)
        if len(key) == 1 and key[0] in self._acronyms and not words[0].is_upper:
            return None
        if not self._plurals:
            return self._values.get(key)
        for last in singulars(key[-1]):
            value = self._values.get((*key[:-1], last))
            if value is not None:
                return value
        return None


class AffixIndex:
    """Recognizes words by their ending or beginning.

    Example:
        >>> AffixIndex([Affix("osis", 7, frozenset({"diagnosis"}))]).matches("fibrosis")
        True
    """

    def __init__(self, affixes: Iterable[Affix]) -> None:
        """Index affixes by their letters.

        Args:
            affixes: endings and beginnings.
        """
        self._suffixes: dict[str, Affix] = {}
        self._prefixes: dict[str, Affix] = {}
        for affix in affixes:
            table = self._prefixes if affix.is_prefix else self._suffixes
            table[fold(affix.text)] = affix
        self._suffix_chars = sorted({len(text) for text in self._suffixes})
        self._prefix_chars = sorted({len(text) for text in self._prefixes})

    def matches(self, word: str) -> bool:
        """Say whether a word or its singular carries one of the affixes.

        Args:
            word: a folded word.

        Returns:
            Whether it does.
        """
        return any(self._matches_singular(candidate) for candidate in singulars(word))

    def _matches_singular(self, word: str) -> bool:
        hits = [self._suffixes.get(word[-size:]) for size in self._suffix_chars]
        hits += [self._prefixes.get(word[:size]) for size in self._prefix_chars]
        affixes = [affix for affix in hits if affix is not None]
        if any(word in affix.exclusions for affix in affixes):
            return False
        return any(len(word) >= affix.min_chars for affix in affixes)
