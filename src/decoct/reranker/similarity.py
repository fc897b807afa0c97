"""How a mention and a name are alike: numbers that need no encoder, for any language."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from rapidfuzz import fuzz
from rapidfuzz.distance import JaroWinkler, LCSseq

from decoct.reranker.text import MAX_MENTION_CHARS, cut_middle, normalize
from decoct.text.align import CJK
from decoct.text.words import find_words

Terms = frozenset[str]
_CJK = re.compile(rf"[{CJK}]")
_MAX_TERM_CHARS = 3
_COVERED = (0.34, 0.67, 0.999)
_ROMAN = {"ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "vii": "7", "viii": "8", "ix": "9"}
_HAN = {sign: str(number) for number, sign in enumerate("一二三四五六七八九十", start=1)}
_STEMS = {"甲": "a", "乙": "b", "丙": "c", "丁": "d", "戊": "e"}
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_HAN_NUMBER = re.compile(rf"([{''.join(_HAN)}])(?=[期级型度类])|([{''.join(_STEMS)}])(?=[型肝])")
_SIDES = {"左": "left", "右": "right", "双": "both", "两": "both", "bilateral": "both"}
_SIDES |= {side: side for side in ("left", "right", "both")}
_NEGATIONS = frozenset(("no", "not", "non", "without", "none", "never", "无", "未", "非", "不"))
COLUMNS = (
    *(f"{of}_{n}" for n in (1, 2, 3) for of in ("of_mention", "of_name", "of_both")),
    *("missing", "extra", "words_of_mention", "words_of_name"),
    *("ratio", "partial", "sorted", "set", "front", "back", "run_of_mention", "run_of_name"),
    *("longer", "length_gap", "equal", "inside", "around", "initials"),
    *(f"{kind}_{what}" for kind in ("number", "side", "negation") for what in ("+", "-", "~")),
)
_CACHED_TEXTS = 2**15


@dataclass(frozen=True, slots=True)
class Text:
    """A mention or a name, taken apart once.

    Attributes:
        text: normalised, at most `MAX_MENTION_CHARS`.
        grams: the sets of character n-grams of 1, 2 and 3, spaces around the text included.
        words: words without punctuation; a CJK character is one.
        terms: what weights can be learnt for: words and their character trigrams, CJK n-grams.
        numbers: numbers in one form, Roman, Chinese and single letters included.
        sides: left, right, both.
        negations: words that deny.
        initials: the words' first letters.
    """

    text: str
    grams: tuple[Terms, ...]
    words: Terms
    terms: Terms
    numbers: Terms
    sides: Terms
    negations: Terms
    initials: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Take a text apart."""
        short = cut_middle(normalize(text), MAX_MENTION_CHARS)
        words = [short[place.start : place.end] for place in find_words(short)]
        words = [word for word in words if word[0].isalnum()]
        padded = f" {short} "
        grams = (
            frozenset(short.replace(" ", "")),
            *(frozenset(padded[i : i + n] for i in range(len(padded) - n + 1)) for n in (2, 3)),
        )
        return cls(
            text=short,
            grams=grams,
            words=frozenset(words),
            terms=_terms(short, words),
            numbers=_numbers(short, words),
            sides=frozenset(_SIDES[word] for word in words if word in _SIDES),
            negations=_NEGATIONS & frozenset(words),
            initials="".join(word[0] for word in words),
        )


class Rarity:
    """How much an n-gram says: the fewer names it is in, the more.

    Args:
        counts: n-gram -> names that it is in; one that is not there counts as one of one name.
        n_names: names in all.
    """

    def __init__(self, counts: Mapping[str, int], n_names: int) -> None:
        self.counts = dict(counts)
        self.n_names = n_names
        self._most = self._weight(1)
        self._weights = {gram: self._weight(count) for gram, count in self.counts.items()}

    @classmethod
    def learn(cls, texts: Iterable[Text]) -> Self:
        """Count the n-grams of names."""
        counts: Counter[str] = Counter()
        n_names = 0
        for text in texts:
            counts.update(gram for grams in text.grams for gram in grams)
            n_names += 1
        return cls({gram: count for gram, count in counts.items() if count > 1}, n_names)

    def mass(self, grams: Iterable[str]) -> float:
        """Return the weight of n-grams, together."""
        weights, most = self._weights, self._most
        return math.fsum(weights.get(gram, most) for gram in grams)

    def _weight(self, count: int) -> float:
        return math.log((self.n_names + 1) / count) + 0.1


class Comparison:
    """Compares mentions with names; what was taken apart once is kept for a while.

    Args:
        rarity: of the n-grams.
    """

    def __init__(self, rarity: Rarity) -> None:
        self.rarity = rarity
        self.prepare = lru_cache(maxsize=_CACHED_TEXTS)(Text.of)
        self._masses = lru_cache(maxsize=_CACHED_TEXTS)(self._weigh)

    def numbers(self, mention: str, name: str) -> list[float]:
        """Return the numbers of `COLUMNS` for a mention and a name; all are finite."""
        ours, theirs = self.prepare(mention), self.prepare(name)
        return [*self._grams(mention, name), *_strings(ours, theirs), *_marks(ours, theirs)]

    def terms(self, mention: str, name: str) -> list[str]:
        """Return what weights are learnt for: the terms that only one of the two has.

        Those of the name come twice, the second time with how much of the mention it covers: a
        name with "other" in it fits a mention that says more than the name, one with "unspecified"
        a mention that says all that the name does.
        """
        ours, theirs = self.prepare(mention), self.prepare(name)
        covered = len(ours.words & theirs.words) / max(1, len(ours.words))
        part = sum(covered >= edge for edge in _COVERED)
        extra = theirs.terms - ours.terms
        return [
            *(f"-{term}" for term in ours.terms - theirs.terms),
            *(f"+{term}" for term in extra),
            *(f"{part}{term}" for term in extra),
        ]

    def _weigh(self, text: str) -> tuple[float, ...]:
        return tuple(self.rarity.mass(grams) for grams in self.prepare(text).grams)

    def _grams(self, mention: str, name: str) -> list[float]:
        """Return the shares of n-grams, by weight, and how much of either is not in the other."""
        found: list[float] = []
        missing = extra = 0.0
        pairs = zip(self.prepare(mention).grams, self.prepare(name).grams, strict=True)
        masses = zip(self._masses(mention), self._masses(name), strict=True)
        for (grams, others), (ours, theirs) in zip(pairs, masses, strict=True):
            shared = self.rarity.mass(grams & others)
            found += [
                shared / ours if ours else 0.0,
                shared / theirs if theirs else 0.0,
                2 * shared / (ours + theirs) if ours + theirs else 0.0,
            ]
            missing, extra = max(0.0, ours - shared), max(0.0, theirs - shared)
        return [*found, math.log1p(missing), math.log1p(extra)]


def _strings(mention: Text, name: Text) -> list[float]:
    """Return how alike the two are as strings and as words, and how long."""
    a, b = mention.text, name.text
    n_shared = len(mention.words & name.words)
    run = LCSseq.similarity(a, b)
    longer = math.log((len(b) + 1) / (len(a) + 1))
    return [
        n_shared / max(1, len(mention.words)),
        n_shared / max(1, len(name.words)),
        fuzz.ratio(a, b) / 100,
        fuzz.partial_ratio(a, b) / 100,
        fuzz.token_sort_ratio(a, b) / 100,
        fuzz.token_set_ratio(a, b) / 100,
        JaroWinkler.similarity(a, b),
        JaroWinkler.similarity(a[::-1], b[::-1]),
        run / max(1, len(a)),
        run / max(1, len(b)),
        longer,
        abs(longer),
    ]


def _marks(mention: Text, name: Text) -> list[float]:
    """Return what must not differ: numbers, sides, negations; and whether one is in the other."""
    found = [
        float(mention.text == name.text),
        float(mention.text in name.text),
        float(name.text in mention.text),
        float(_abbreviates(mention.text, name) or _abbreviates(name.text, mention)),
    ]
    for ours, theirs in (
        (mention.numbers, name.numbers),
        (mention.sides, name.sides),
        (mention.negations, name.negations),
    ):
        found += [float(len(ours & theirs)), float(len(ours - theirs)), float(len(theirs - ours))]
    return found


def _abbreviates(short: str, long: Text) -> bool:
    letters = short.replace(".", "").replace(" ", "")
    return 2 <= len(letters) <= 6 and letters == long.initials and letters != long.text


def _terms(text: str, words: Iterable[str]) -> Terms:
    found = {word for word in words if not _CJK.match(word)}
    for word in (f"<{word}>" for word in list(found)):
        found.update(word[i : i + _MAX_TERM_CHARS] for i in range(len(word) - 2))
    for run in re.findall(rf"[{CJK}]+", text):
        for n in range(1, _MAX_TERM_CHARS + 1):
            found.update(run[i : i + n] for i in range(len(run) - n + 1))
    return frozenset(found)


def _numbers(text: str, words: Iterable[str]) -> Terms:
    found = set(_NUMBER.findall(text))
    for word in words:
        if word in _ROMAN:
            found.add(_ROMAN[word])
        elif len(word) == 1 and word.isalpha() and not _CJK.match(word):
            found.add(word)
    for number, stem in _HAN_NUMBER.findall(text):
        found.add(_HAN[number] if number else _STEMS[stem])
    return frozenset(found)
