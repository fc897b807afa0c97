"""Which line ends end a sentence: those of headings and lists, not those of wrapped paragraphs."""

from __future__ import annotations

import re

from decoct.text.stops import word_before, words_of

NEWLINES = "\n\r\f\v\x85\u2028\u2029"
_MIN_WRAPPED_COLUMNS = 60
_MAX_COLUMNS = 400
_RAGGED_COLUMNS = 15
_LINE_END = re.compile(f"[{NEWLINES}]")
_PARAGRAPH = re.compile(
    r"[\n\r\x85\u2028][^\S\n\r\x85\u2028]*(?:(?<!\r)\n|[\r\x85\u2028])|[\f\u2029]"
)
_ITEM = re.compile(
    r"[•●○▪■◦‣⁃∙·*\-–—][ \t]+\S"
    r"|[(（]?(?:\d{1,3}|[A-Za-z]|[ivx]{1,4})[)）]\s*\S"
    r"|\d{1,3}(?:\.\d{1,3}){0,4}(?:[.．][ \t]*(?=[^\W\d])|、|[ \t]+(?=[A-Z]))"
    r"|[(（]?[一二三四五六七八九十]{1,3}[)）、.．]"
    r"|[\u2460-\u249b]"
    r"|【"
)
_LABEL = re.compile(r"[A-Z\u4e00-\u9fff][\w /&()-]{0,40}[:：]")
_WIDE = re.compile("[\u2e80-\u9fff\uff00-\uff60]")
_GOES_ON = frozenset(',，、(（[-/–+=<>&"“‘')
_SMALL_WORDS = words_of(
    "a an the of in on at by to for from with without and or but nor as than that which who"
    " whose into onto under over per via between among during after before until is are was"
    " were be been has had have not no his her its their our this these those such some any"
    " all both either each every due because if when while where"
)


def starts_item(text: str, at: int) -> bool:
    """Whether an item of a list begins at `at`."""
    return bool(_ITEM.match(text, at))


def is_paragraph_end(gap: str) -> bool:
    """Whether white space holds a blank line, or what else ends a paragraph."""
    return bool(_PARAGRAPH.search(gap))


def line_ends_sentence(text: str, start: int, end: int, after: int, caseless: bool) -> bool:
    """Whether a line end without a full stop, and no blank line, ends a sentence.

    It does before an item of a list or a label such as `Plan:`, and after what is no full line of
    a wrapped paragraph; not before a lower-case word, after a comma, an open bracket or a small
    word such as `of`, or between two lines of about the same width.

    Args:
        text: the text.
        start: where the sentence begins.
        end: where the line ends.
        after: where the next one begins, its white space aside.
        caseless: small letters say nothing, as there are no others.
    """
    if starts_item(text, after):
        return True
    if text[after].islower() and not caseless:
        return False
    if _LABEL.match(text, after):
        return True
    line = text[max(start, end - _MAX_COLUMNS) : end].rstrip()
    if not line or line[-1] in _GOES_ON:
        return False
    word = word_before(line, 0, len(line))
    return word not in _SMALL_WORDS and not _is_wrapped(text, end, after)


def _is_wrapped(text: str, end: int, after: int) -> bool:
    """Whether the line that ends at `end` is as full as the one before it or the next one."""
    first = _last_newline(text, end) + 1
    n_columns = _n_columns(text[first:end].strip())
    if not _MIN_WRAPPED_COLUMNS <= n_columns < _MAX_COLUMNS:
        return False
    newline = _LINE_END.search(text, after, after + _MAX_COLUMNS)
    next_end = newline.start() if newline else min(len(text), after + _MAX_COLUMNS)
    before = text[_last_newline(text, max(first - 1, 0)) + 1 : max(first - 1, 0)]
    return any(
        abs(_n_columns(other.strip()) - n_columns) <= _RAGGED_COLUMNS
        for other in (text[after:next_end], before)
    )


def _last_newline(text: str, end: int) -> int:
    """Return where the line before `end` begins, less one, or a place `_MAX_COLUMNS` before."""
    least = max(0, end - _MAX_COLUMNS)
    return max(text.rfind("\n", least, end), least - 1)


def _n_columns(line: str) -> int:
    return len(line) + len(_WIDE.findall(line))
