"""What a teacher is shown of a mention: the text around it, and of each candidate what fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from decoct.kb.base import Entity, Query
from decoct.records import Candidate
from decoct.tasks.choice import Option
from decoct.teacher.judging.settings import JudgeSettings
from decoct.teacher.tokens import n_tokens
from decoct.text.align import Place
from decoct.text.sentences import split_sentences

MAX_NAME_CHARS = 200
Lookup = Callable[[str], Entity]  # from an entity's id to the entity; raises KeyError
_Piece = tuple[int, str, str]  # a candidate's place, the field, what would be added to it


def show_candidates(
    candidates: Sequence[Candidate], settings: JudgeSettings, lookup: Lookup | None = None
) -> tuple[Option, ...]:
    """Return candidates as they are shown: names, and what else fits into `candidate_tokens`.

    First one alias of each goes in, the one that was matched if there is one, then the definitions,
    then the other aliases; earlier candidates first.

    Args:
        candidates: best first.
        settings: how much of each.
        lookup: gives aliases and definitions; None where nobody knows them.
    """
    names = [clip(candidate.name, MAX_NAME_CHARS) for candidate in candidates]
    left = settings.candidate_tokens - sum(n_tokens(f"10. {name}\n") for name in names)
    aliases: list[list[str]] = [[] for _ in candidates]
    definitions = [""] * len(candidates)
    entities = [_found(candidate.id, lookup) for candidate in candidates]
    for place, field, text in _pieces(candidates, entities, settings):
        cost = n_tokens(f"; {text}" if field == "alias" and aliases[place] else f" | also: {text}")
        if cost > left:
            continue
        left -= cost
        if field == "alias":
            aliases[place].append(text)
        else:
            definitions[place] = text
    return tuple(
        Option(
            id=candidate.id,
            name=names[place],
            aliases=tuple(aliases[place]),
            definition=definitions[place],
        )
        for place, candidate in enumerate(candidates)
    )


def show_context(query: Query, max_chars: int) -> str:
    """Return the text around a mention, the mention in double brackets, or "" where there is none.

    The sentence that the mention stands in, and as many of those around it as fit, those behind
    first; of a sentence that does not fit, the stretch around the mention.

    Args:
        query: the mention in its context.
        max_chars: the most to show, without the brackets.
    """
    start, end = query.start, query.end
    if not query.context or end - start >= max_chars:
        return ""
    first, last = _sentences_around(query, max_chars)
    if last - first > max_chars:
        around = max_chars - (end - start)
        first = max(first, start - around // 2)
        last = min(last, first + max_chars)
        first = max(min(first, last - max_chars), 0)
    text = query.context
    before, after = text[first:start], text[end:last]
    if first > 0 and not text[first - 1].isspace():
        before = _from_a_word(before)
    if last < len(text) and not text[last].isspace():
        after = _from_a_word(after[::-1])[::-1]
    return f"{before}[[{text[start:end]}]]{after}".strip()


def clip(text: str, max_chars: int) -> str:
    """Return a text on one line, cut off at a word's end where it is too long."""
    flat = " ".join(text.split())
    if len(flat) <= max_chars:
        return flat
    kept = flat[:max_chars]
    word_end = kept.rfind(" ")
    return (kept[:word_end] if word_end > max_chars // 2 else kept) + "…"


def _pieces(
    candidates: Sequence[Candidate], entities: Sequence[Entity | None], settings: JudgeSettings
) -> Iterator[_Piece]:
    """Yield what may be shown beside the names, the most telling first."""
    listed = [
        _aliases(candidate, entity)[: settings.aliases]
        for candidate, entity in zip(candidates, entities, strict=True)
    ]
    for turn in range(max(1, settings.aliases)):
        for place, aliases in enumerate(listed):
            if turn < len(aliases):
                yield place, "alias", aliases[turn]
        if turn == 0:
            for place, entity in enumerate(entities):
                if entity is not None and entity.definition and settings.definition_chars:
                    yield place, "definition", clip(entity.definition, settings.definition_chars)


def _aliases(candidate: Candidate, entity: Entity | None) -> list[str]:
    """Return a candidate's other names, the one that was matched first, each once."""
    matched = (candidate.alias,) if candidate.alias else ()
    others = entity.names if entity else ()
    seen = {candidate.name.casefold()}
    found = []
    for name in (*matched, *others):
        if name.casefold() not in seen:
            seen.add(name.casefold())
            found.append(clip(name, MAX_NAME_CHARS))
    return found


def _found(entity_id: str, lookup: Lookup | None) -> Entity | None:
    try:
        return lookup(entity_id) if lookup else None
    except KeyError:  # a candidate of another knowledge base is shown by its name
        return None


@lru_cache(maxsize=4)
def _sentences(text: str) -> tuple[Place, ...]:
    return tuple(split_sentences(text))


def _sentences_around(query: Query, max_chars: int) -> tuple[int, int]:
    """Return the stretch of the mention's sentence, and of those around it that fit as a whole."""
    sentences = _sentences(query.context)
    own = [
        number
        for number, place in enumerate(sentences)
        if place.start < query.end and query.start < place.end
    ]
    if not own:  # a mention of nothing but white space
        return query.start, query.end
    low, high = own[0], own[-1]
    first, last = sentences[low].start, sentences[high].end
    while True:
        if high + 1 < len(sentences) and sentences[high + 1].end - first <= max_chars:
            high += 1
            last = sentences[high].end
        elif low > 0 and last - sentences[low - 1].start <= max_chars:
            low -= 1
            first = sentences[low].start
        else:
            return min(first, query.start), max(last, query.end)


def _from_a_word(text: str) -> str:
    """Return a text without the piece of a word that it begins with, where it has spaces at all."""
    space = text.find(" ")
    return text[space + 1 :] if 0 <= space < 30 else text
