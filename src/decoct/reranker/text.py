"""What a re-ranker reads: a mention where it stands, and what a candidate is called."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from rapidfuzz import fuzz, process

from decoct.kb.base import Entity, Query
from decoct.records import Candidate

MAX_MENTION_CHARS = 400
MAX_NAME_CHARS = 400
_GAP = " … "


def cut_middle(text: str, max_chars: int) -> str:
    """Return a text of at most `max_chars`: of a longer one its beginning and its end."""
    if len(text) <= max_chars:
        return text
    room = max_chars - len(_GAP)
    head = room - room // 2
    return f"{text[:head]}{_GAP}{text[len(text) - room // 2 :]}"


def surroundings(query: Query, max_chars: int) -> tuple[str, str, str]:
    """Return what stands before a mention, the mention, and what stands after it.

    The text around is cut to `max_chars` in all, as much of it on either side as there is; of a
    mention of more than `MAX_MENTION_CHARS` the beginning and the end are left.
    """
    mention = cut_middle(one_spaced(query.text), MAX_MENTION_CHARS)
    if not query.context or max_chars <= 0:
        return "", mention, ""
    # cut before the white space is made even, which is not to be done to a whole document
    left = one_spaced(query.context[max(0, query.start - 2 * max_chars) : query.start])
    right = one_spaced(query.context[query.end : query.end + 2 * max_chars])
    half = max_chars // 2
    n_left = min(len(left), max(half, max_chars - len(right)))
    n_right = min(len(right), max_chars - n_left)
    return left[len(left) - n_left :], mention, right[:n_right]


def names_to_show(mention: str, candidate: Candidate, entity: Entity, n_aliases: int) -> list[str]:
    """Return a candidate's preferred name, then the aliases that are most like the mention.

    The alias that the retriever matched counts as the most like.
    """
    others = [name for name in entity.names if name != entity.name]
    matched = [candidate.alias] if candidate.alias in others else []
    rest = [name for name in others if name not in matched]
    chosen = [*matched, *most_like(mention, rest, max(0, n_aliases - len(matched)))]
    return [cut_middle(name, MAX_NAME_CHARS) for name in [entity.name, *chosen[:n_aliases]]]


def most_like(mention: str, names: Sequence[str], n: int) -> list[str]:
    """Return the `n` names that are spelt most like a mention, best first."""
    if n <= 0 or not names:
        return []
    found = process.extract(
        mention, names, scorer=fuzz.token_sort_ratio, processor=normalize, limit=n
    )
    return [name for name, _, _ in found]


def normalize(text: str) -> str:
    """Return a text in compatibility form and without case, with single spaces."""
    return one_spaced(unicodedata.normalize("NFKC", text).casefold())


def one_spaced(text: str) -> str:
    """Return a text with one space for each run of white space, and none at its ends."""
    return " ".join(text.split())
