"""Sentences of English and Chinese biomedical text, by exact offsets.

Rules, no model. pysbd and three other libraries were measured beside them and find less
(`benchmarks/sentences.py`): they know general abbreviations, but not doses, genera, superscript
citations or wrapped lines.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from decoct.text.align import CJK, Place
from decoct.text.brackets import outer_brackets
from decoct.text.lines import NEWLINES, is_paragraph_end, line_ends_sentence, starts_item
from decoct.text.stops import ends_before, is_abbreviation, is_marker, word_before

_STOPS = ".!?…。！？；｡．"
_CLOSERS = "\"'”’»)\\]」』）》】〕］"
_CANDIDATE = re.compile(
    rf"(?P<stops>[{_STOPS}]+)(?P<more>(?:[{_CLOSERS}]+[{_STOPS}]+)*[{_CLOSERS}]*)|[{NEWLINES}]\s*"
)
_SURE = re.compile("[。！？；｡]")
_FULL_STOPS = (".", "．")
_CITATION = re.compile(
    r" ?[\[［]\d[\d,;–\- ]{0,40}[\]］]|[⁰¹²³⁴-⁹][⁰¹²³⁴-⁹,–-]{0,20}"
    r"|(?P<plain>\d{1,3}(?:[,–-]\d{1,3}){0,9}(?=\s+[A-Z\"“(]|\s*\Z))"
)
_SPACE = re.compile(r"\s*")
_OPENERS = re.compile(r"[\"'“‘«(\[（［「『《]{0,4}")
_GOES_ON = re.compile("[,;:，、：]")
_SAYS = re.compile(r"[^\s，。！？；：]{0,3}?[说道问答喊叫說問](?![：:])")
_BULLET = re.compile(r"[•●○▪■◦‣∙]\s")
_IS_CJK = re.compile(f"[{CJK}\u2460-\u249b【]")
# a gene or drug that begins with a small letter, but not q8h or x10
_SMALL_NAME = re.compile(r"(?!q\d|x\d)(?:[a-z]{1,5}-?(?:[A-Z]|\d)|[α-ω]-)")
_NO_SPACE = re.compile(r"[A-Z][a-z]*\s")
_MIN_WORD_CHARS = 3


def split_sentences(text: str) -> list[Place]:
    """Return the sentences of a text, without white space around them; they hold all else.

    A sentence ends after `。！？；`, and after `.`, `!` or `?` before a capital, a digit or a name
    such as `p53`, with the quotes, brackets and citations (`.[12]`, `.12`) that close there; not
    after an abbreviation, an initial or a list's number, nor inside a bracket that does not open
    the sentence. Blank lines and list items end one; a line end in a wrapped paragraph does not.
    Time is linear in the length of the text.

    Example:
        >>> text = "He took 0.5 mg q.d. The rash (cf. Fig. 2) went."
        >>> [text[place.start : place.end] for place in split_sentences(text)]
        ['He took 0.5 mg q.d.', 'The rash (cf. Fig. 2) went.']
    """
    reader = _Reader(text, text.islower(), *outer_brackets(text))
    sentences: list[Place] = []
    start, done = _skip_space(text, 0), 0
    for match in _CANDIDATE.finditer(text):
        if match.start() < max(start, done):
            continue
        ends, end, done = reader.read(match, start)
        if ends:
            while text[end - 1].isspace():
                end -= 1
            sentences.append(Place(start, end))
            start = done
    end = len(text.rstrip())
    if start < end:
        sentences.append(Place(start, end))
    return sentences


def _skip_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


@dataclass(frozen=True, slots=True)
class _Reader:
    """What may end a sentence, in the light of the whole text.

    Attributes:
        text: the text.
        caseless: it has small letters only, so that they say nothing.
        opens: where brackets open that are not within others...
        closes: ...and where they close.
    """

    text: str
    caseless: bool
    opens: list[int]
    closes: list[int]

    def read(self, match: re.Match[str], start: int) -> tuple[bool, int, int]:
        """Say whether a sentence ends at a candidate, where it ends and where the next word begins.

        Args:
            match: of `_CANDIDATE`.
            start: where the sentence begins.
        """
        at, end = match.span()
        if not match["stops"]:
            return self._line_ends(start, at, end), at, end
        word = ""
        if match["stops"] in _FULL_STOPS:
            word = word_before(self.text, start, at)
        end = self._with_citation(match, word)
        after = _skip_space(self.text, end)
        if after == len(self.text) or is_paragraph_end(self.text[end:after]):
            return True, end, after
        if self._is_bracketed(end - 1, start):
            return False, end, after
        if _SURE.search(match.group()):
            return not self._goes_on(match, end), end, after
        if after == end:
            return self._ends_without_space(match, word), end, after
        return self._stop_ends(match, start, end, after, word), end, after

    def _line_ends(self, start: int, at: int, after: int) -> bool:
        if after == len(self.text) or is_paragraph_end(self.text[at:after]):
            return True
        return line_ends_sentence(self.text, start, at, after, self.caseless)

    def _with_citation(self, match: re.Match[str], word: str) -> int:
        """Return where what ends at a candidate ends, its citations too."""
        found = _CITATION.match(self.text, match.end())
        if not found:
            return match.end()
        after = self.text[found.end() : found.end() + 1]
        if after and not (after.isspace() or _IS_CJK.match(after)):
            return match.end()
        if found["plain"]:
            is_word = len(word) >= _MIN_WORD_CHARS and word.isalpha() and not is_abbreviation(word)
            closed = match["more"] or self.text[match.start() - 1 : match.start()] in (
                "%",
                ")",
                "]",
            )
            return found.end() if is_word or closed else match.end()
        return found.end()

    def _goes_on(self, match: re.Match[str], end: int) -> bool:
        """Whether a sentence goes on after `。！？；` and what closes there: `“痛！”他说`."""
        says = match["more"] and _SAYS.match(self.text, end)
        return bool(says or _GOES_ON.match(self.text, end))

    def _is_bracketed(self, at: int, start: int) -> bool:
        """Whether a place is inside a bracket that does not open the sentence."""
        number = bisect_right(self.opens, at) - 1
        return number >= 0 and start < self.opens[number] <= at < self.closes[number]

    def _ends_without_space(self, match: re.Match[str], word: str) -> bool:
        at, end = match.start("stops"), match.end()
        if _IS_CJK.match(self.text, end):
            is_stop = match["stops"] in _FULL_STOPS or match["stops"][0] in "!?"
            return is_stop and not (self.text[at - 1 : at].isdigit() or is_abbreviation(word))
        is_word = len(word) >= _MIN_WORD_CHARS and word.isalpha() and word.islower()
        return is_word and not is_abbreviation(word) and bool(_NO_SPACE.match(self.text, end))

    def _stop_ends(self, match: re.Match[str], start: int, end: int, after: int, word: str) -> bool:
        """Whether a sentence ends at `.`, `!`, `?` or dots with white space after them."""
        text, at = self.text, match.start()
        is_line_end = any(char in NEWLINES for char in text[end:after])
        if is_line_end and starts_item(text, after):
            return True
        if is_marker(text, start, at, word):
            return False
        if not self._begins_sentence(after, word):
            return False
        if match["stops"] not in _FULL_STOPS:
            return not text[at - 1 : at].isspace() or match["stops"][0] in "!?"
        opened = _OPENERS.match(text, after)
        ends = ends_before(text, start, at, word, opened.end() if opened else after)
        if ends is None:
            return is_line_end and line_ends_sentence(text, start, end, after, self.caseless)
        return ends

    def _begins_sentence(self, after: int, word: str) -> bool:
        """Whether a sentence may begin at `after`, the stop before it being on `word`."""
        opened = _OPENERS.match(self.text, after)
        at = opened.end() if opened else after
        first = self.text[at : at + 1]
        if first.islower():
            if self.caseless:
                return not is_abbreviation(word)
            return bool(_SMALL_NAME.match(self.text, at)) and not is_abbreviation(word)
        return first.isalnum() or first in "$€£" or bool(_BULLET.match(self.text, at))
