"""What a document's abbreviations stand for, read off where it defines them.

`long form (SF)`, `SF (long form)` and `... (long form, SF)` are read, in round, square and
full-width brackets, within a sentence. Every letter and digit of the short form must stand in the
long one in order, its first at the beginning of a word; a Chinese character is a word.

Source: Schwartz and Hearst 2003, "A simple algorithm for identifying abbreviation definitions in
biomedical text" (PSB 8:451-462): the short form's shape, the bound on the long form's words, the
match from the right. Departures, to keep out what only looks like a definition: a short form has a
capital, a digit or is Chinese, and is no Roman numeral; a long form does not begin with an article
or preposition, and fills its bracket if it stands in one; a Chinese long form ends with the short
one's last character unless a word such as 简称 announces it. To find more of them: the initials of
the last words are looked at first ("hereditary hemochromatosis (HH)"), and letters do not matter
where what stands before the bracket and what stands in it are both known to be mentions, as in
"myotonic dystrophy (DM)" or `慢性阻塞性肺疾病（COPD）`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from decoct.kb.base import Query, queries_of
from decoct.records import Document, Span
from decoct.text.align import CJK, Place
from decoct.text.sentences import split_sentences

_BRACKETS = re.compile(r"[(（\[【]([^()（）\[\]【】\n]{2,200})[)）\]】]")
_PARTS = re.compile(r"[^;；,，]+")
_SHORT = re.compile(rf"[^\W_](?:[^\s{CJK}]| (?=\S)){{1,9}}|[{CJK}]{{2,6}}")
_ROMAN = re.compile(r"[IVXivx]+")
_LATIN_SHORT = re.compile(r"[A-Z0-9][A-Za-z0-9-]{1,9}")
_ANNOUNCED = re.compile(
    r"\s*(?:以下简称|下称|简称|缩写|abbreviated|abbr\.|termed|hereafter|hereinafter|or)"
    r"(?:为|\s+as)?\s*[:：]?\s*",
    re.IGNORECASE,
)
_NOT_FIRST = frozenset(
    {"a", "an", "and", "are", "as", "by", "for", "from", "is", "of", "or", "that", "the", "to"}
    | {"was", "were", "which", "with"}
)
_QUOTES = "\"'“”‘’「」"
_EDGES = " \t\xa0/([{（【" + _QUOTES
_CLAUSE = re.compile(r"[;；:：。，]")
_CJK = re.compile(f"[{CJK}]")
_WORD = re.compile(rf"(?:(?![{CJK}_])\w)+|[{CJK}]")
_MAX_BACK_CHARS = 400  # before a bracket
_MAX_CJK_CHARS = 6  # of a long form, for each of the short form's


@dataclass(frozen=True, slots=True)
class Definition:
    """Where a document says what an abbreviation stands for.

    Attributes:
        short: the abbreviation, as it is written there.
        long: what it stands for.
        short_place: where the one stands, in code points.
        long_place: where the other does.
    """

    short: str
    long: str
    short_place: Place
    long_place: Place


def find_definitions(text: str, mentions: Iterable[Place] = ()) -> list[Definition]:
    """Return the definitions of a text, in order of their brackets.

    Args:
        text: what to read.
        mentions: places that are known to be names; see the module for what they are good for.

    Example:
        >>> found = find_definitions("Familial adenomatous polyposis (FAP) is inherited.")
        >>> [(one.short, one.long) for one in found]
        [('FAP', 'Familial adenomatous polyposis')]
    """
    known = set(mentions)
    starts = [sentence.start for sentence in split_sentences(text)]
    found: list[Definition] = []
    for bracket in _BRACKETS.finditer(text):
        sentence_start = starts[bisect_right(starts, bracket.start()) - 1]
        one = _in_bracket(text, bracket, sentence_start, known)
        if one is not None:
            found.append(one)
    return found


def long_forms(document: Document) -> dict[str, str]:
    """Return short form -> long form for a document; the first definition of each counts.

    The document's spans are taken for mentions. A long form has other short ones written out.
    """
    mentions = [Place(span.start, span.end) for span in document.spans]
    forms: dict[str, str] = {}
    for one in find_definitions(document.text, mentions):
        forms.setdefault(one.short, one.long)
    return {
        short: _expanded(long, {other: forms[other] for other in forms if other != short})
        for short, long in forms.items()
    }


def expanded_queries(
    document: Document, labels: frozenset[str] = frozenset()
) -> Iterator[tuple[Span, Query]]:
    """Yield what `queries_of` does, with abbreviations written out as the document defines them."""
    forms = long_forms(document)
    for span, query in queries_of(document, labels):
        yield span, expand(query, forms) if forms else query


def expand(query: Query, forms: Mapping[str, str]) -> Query:
    """Write out the abbreviations of a mention, also where they are only a part of it.

    A definition within the mention loses its bracket instead. The context has the mention written
    out too, so that its offsets stay true.

    Args:
        query: the mention.
        forms: of its document, from `long_forms`.

    Example:
        >>> expand(Query("FAP families"), {"FAP": "familial adenomatous polyposis"}).text
        'familial adenomatous polyposis families'
    """
    text = _expanded(query.text, forms)
    if text == query.text or not query.context:
        return replace(query, text=text)
    context = query.context[: query.start] + text + query.context[query.end :]
    return replace(query, text=text, context=context, end=query.start + len(text))


def _expanded(text: str, forms: Mapping[str, str]) -> str:
    for one in (text, text.removesuffix("s")):
        if one in forms:
            return forms[one]
    for short in sorted(forms, key=len, reverse=True):
        if short not in text or _CJK.search(short):
            continue
        alone = rf"(?<![A-Za-z0-9]){re.escape(short)}(?![A-Za-z0-9])"
        if forms[short].casefold() in text.casefold():
            text = re.sub(rf"\s*[(（\[]\s*{alone}\s*[)）\]]", "", text)
        else:
            text = forms[short].join(re.split(alone, text))
    return text


def _in_bracket(
    text: str, bracket: re.Match[str], sentence_start: int, known: set[Place]
) -> Definition | None:
    """Return the definition that a bracket completes, if it does."""
    start = max(sentence_start, bracket.start() - _MAX_BACK_CHARS)
    outside = Place(start, _end_of_text(text, start, bracket.start()))
    parts = [_stripped(text, place) for place in _parts(bracket)]
    announced = _ANNOUNCED.match(text, parts[0].start, parts[0].end)
    first = _stripped(text, Place(announced.end(), parts[0].end)) if announced else parts[0]
    if _is_short(text[first.start : first.end]):
        long = _before(text, first, outside, bool(announced)) or _marked(
            text, first, outside, known
        )
        if long is not None:
            return _definition(text, first, long)
    for long, short in pairwise(parts):
        if _is_short(text[short.start : short.end]) and _fills(text, short, long):
            return _definition(text, short, long)
    short = _last_word(text, outside)
    if _is_short(text[short.start : short.end]) and _fills(text, short, parts[0]):
        return _definition(text, short, parts[0])
    return None


def _parts(bracket: re.Match[str]) -> Iterator[Place]:
    for part in _PARTS.finditer(bracket[1]):
        yield Place(bracket.start(1) + part.start(), bracket.start(1) + part.end())


def _definition(text: str, short: Place, long: Place) -> Definition:
    return Definition(
        short=text[short.start : short.end],
        long=text[long.start : long.end],
        short_place=short,
        long_place=long,
    )


def _is_short(string: str) -> bool:
    """Whether a string has the shape of an abbreviation."""
    words = string.split()
    if not _SHORT.fullmatch(string) or _ROMAN.fullmatch(string) or len(words) > 2:
        return False
    has_letter = any(char.isalpha() for char in string)
    marked = [any(char.isupper() or char.isdigit() for char in word) for word in words]
    return has_letter and (all(marked) or bool(_CJK.match(string)))


def _before(text: str, short: Place, outside: Place, announced: bool) -> Place | None:
    """Return the long form that ends where the bracket opens."""
    string = text[short.start : short.end]
    if _CJK.match(string):
        start = max(outside.start, outside.end - _MAX_CJK_CHARS * len(string))
        same_end = text[outside.end - 1 : outside.end] == string[-1]
        if not announced and not same_end:
            return None
    else:
        start = _start_of_words(text, outside, _max_words(string))
    clause = [match.end() for match in _CLAUSE.finditer(text, start, outside.end)]
    long = _match(text, string, Place(clause[-1] if clause else start, outside.end))
    return long if long and _is_sound(text[long.start : long.end], string) else None


def _fills(text: str, short: Place, long: Place) -> bool:
    """Whether a long form that has its place to itself is one of this short form."""
    string, whole = text[short.start : short.end], text[long.start : long.end]
    if len(whole.split()) > _max_words(string) and not _CJK.search(whole):
        return False
    return _match(text, string, long) == long and _is_sound(whole, string)


def _marked(text: str, short: Place, outside: Place, known: set[Place]) -> Place | None:
    """Return the longest mention before the bracket, where its Latin content is one too."""
    string = text[short.start : short.end]
    if short not in known or not _LATIN_SHORT.fullmatch(string):
        return None
    before = [one for one in known if one.end == outside.end and one.start >= outside.start]
    long = min(before, default=None)
    if long is None or not _is_sound(text[long.start : long.end], string):
        return None
    digits = {char for char in string if char.isdigit()}  # a number tells it from others
    return long if digits <= set(text[long.start : long.end]) else None


def _match(text: str, short: str, within: Place) -> Place | None:
    """Find a short form's letters and digits: as the initials of the last words, or anywhere.

    From the right, the first where a word begins.
    """
    chars = [char for char in short.casefold() if char.isalnum()]
    words = [match.start() for match in _WORD.finditer(text, within.start, within.end)]
    last = words[-len(chars) :]
    if [text[at].casefold() for at in last] == chars:
        return Place(_word_start(text, last[0], within.start), within.end)
    at = within.end
    for number, char in reversed(list(enumerate(chars))):
        at -= 1
        while at >= within.start and not (
            text[at].casefold() == char and (number or _begins_word(text, at, within.start))
        ):
            at -= 1
        if at < within.start:
            return None
    return Place(_word_start(text, at, within.start), within.end)


def _word_start(text: str, at: int, start: int) -> int:
    """Return where the word begins that holds a character; "non-insulin" is one word."""
    while at > start and text[at - 1] not in _EDGES and not _CJK.match(text[at]):
        at -= 1
    return at


def _begins_word(text: str, at: int, start: int) -> bool:
    return at == start or not text[at - 1].isalnum() or bool(_CJK.match(text[at]))


def _is_sound(long: str, short: str) -> bool:
    """Whether a long form that has all letters is one by its looks too."""
    first, *others = long.split()
    is_short = not others and (sum(map(str.isupper, long)) > 1 or any(map(str.isdigit, long)))
    n_open = sum(char in "([（【" for char in long)
    n_closed = sum(char in ")]）】" for char in long)
    return (
        (len(long) > len(short) or bool(_CJK.search(long)))
        and not is_short
        and (first if len(first) > 1 and first.isupper() else first.lower()) not in _NOT_FIRST
        and not re.search(r",\s+[^\W\d]", long)
        and n_open == n_closed
        and not re.search(rf"(?<![A-Za-z0-9]){re.escape(short)}(?![A-Za-z0-9])", long)
    )


def _max_words(short: str) -> int:
    n_chars = sum(char.isalnum() for char in short)
    return min(n_chars + 5, 2 * n_chars)


def _start_of_words(text: str, place: Place, n_words: int) -> int:
    starts = [match.start() for match in re.finditer(r"\S+", text[place.start : place.end])]
    return place.start + (starts[-n_words:] or [0])[0]


def _last_word(text: str, place: Place) -> Place:
    found = re.search(rf"[^\s{CJK}]+$|[{CJK}]+$", text[place.start : place.end])
    return Place(place.start + found.start(), place.end) if found else Place(place.end, place.end)


def _end_of_text(text: str, start: int, end: int) -> int:
    """Return where the text before `end` ends, white space and quotes left out."""
    return start + len(text[start:end].rstrip(f" \t{_QUOTES}"))


def _stripped(text: str, place: Place) -> Place:
    piece = text[place.start : place.end]
    start = place.start + len(piece) - len(piece.lstrip(f" \t{_QUOTES}"))
    return Place(start, max(start, _end_of_text(text, place.start, place.end)))
