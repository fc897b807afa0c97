"""Boundaries as the teacher mostly sets them.

An LLM takes "severe" into an effect here and leaves it out there. To a student these are labels
that contradict each other, and what it learns at the edges is a coin's toss. Here the teacher's own
habit decides, word by word.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from decoct.records import Document, Mark, Relation, Span
from decoct.student.silver.edits import moved
from decoct.student.silver.units import SIDES, Range, Side, Units

Edge = tuple[str, Side, str]  # label of spans, side of them, a unit's key
Core = tuple[str, ...]  # the words that the unit stands beside


def harmonise(
    documents: Sequence[Document], min_observations: int, clear_majority: float
) -> list[Document]:
    """Move the ends of spans to where the same documents mostly have them.

    A word is taken in at a span's end where it is the first (or last) of several words of a span,
    and left out where it stands directly beside a span. Where one of the two is the clear rule for
    spans of that label, all of them follow it, word by word and as long as there is something to
    do. A word counts once with each stretch that it is beside, in or out: the "A" that is in forty
    times "cyclosporine A" makes no rule for every drug with an "a" behind it. A bracket with all
    that is in it is like a word, the same as any other of as many words.

    A span keeps at least one word, and none grows into another one of its label. Two that become
    the same are made one. Relations are kept.

    Args:
        documents: silver.
        min_observations: see `SilverSettings`.
        clear_majority: likewise.
    """
    drafts = [_Draft(document) for document in documents]
    rules = _learn(drafts, min_observations, clear_majority)
    return [draft.follow(rules) for draft in drafts]


def _learn(
    drafts: Sequence[_Draft], min_observations: int, clear_majority: float
) -> dict[Edge, bool]:
    """Return for each word at an edge whether it is taken in, where that is clear."""
    seen: defaultdict[Edge, set[tuple[Core, bool]]] = defaultdict(set)
    for draft in drafts:
        for edge, core, is_in in draft.observe():
            seen[edge].add((core, is_in))
    rules: dict[Edge, bool] = {}
    for edge, observations in seen.items():
        n, n_in = len(observations), sum(is_in for _, is_in in observations)
        if n >= min_observations and max(n_in, n - n_in) >= clear_majority * n:
            rules[edge] = 2 * n_in > n
    return rules


class _Draft:
    """A document whose spans are being moved."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._units = Units(document.text)
        self._marked = Counter(  # how many spans of a label are on a word
            (span.label, position)
            for span in document.spans
            for position in range(*self._units.touched(span))
        )

    def observe(self) -> Iterator[tuple[Edge, Core, bool]]:
        """Yield each word at a span's end, what it is beside, and whether it is taken in."""
        for span in self._document.spans:
            words = self._units.range_of(span)
            if words is None:
                continue
            for side in SIDES:
                unit = self._units.inner(words, side)
                if unit is not None:
                    core = self._units.core(_without(words, unit, side))
                    yield (span.label, side, self._units.key(unit)), core, True
                unit = self._units.outer(words, side)
                if unit is not None and not self._is_taken(span.label, unit):
                    core = self._units.core(words)
                    yield (span.label, side, self._units.key(unit)), core, False

    def follow(self, rules: Mapping[Edge, bool]) -> Document:
        """Return the document with its spans moved by the rules."""
        spans = [self._settle(span, rules) for span in self._document.spans]
        return self._document if tuple(spans) == self._document.spans else self._with(spans)

    def _settle(self, span: Span, rules: Mapping[Edge, bool]) -> Span:
        """Move a span's ends until no rule moves them.

        That comes to an end: an end goes over a word in one direction only.
        """
        words = self._units.range_of(span)
        settled = words
        while settled and (further := self._step(span.label, settled, rules)):
            self._marked.subtract((span.label, position) for position in range(*settled))
            self._marked.update((span.label, position) for position in range(*further))
            settled = further
        if settled is None or settled == words:
            return span
        return moved(self._document, span, self._units.place(settled))

    def _step(self, label: str, words: Range, rules: Mapping[Edge, bool]) -> Range | None:
        """Move one end over one unit, or return None where no rule moves it."""
        for side in SIDES:
            unit = self._units.outer(words, side)
            rule = rules.get((label, side, self._units.key(unit))) if unit else None
            if unit and rule is True and not self._is_taken(label, unit):
                return min(unit[0], words[0]), max(unit[1], words[1])
            unit = self._units.inner(words, side)
            if unit and rules.get((label, side, self._units.key(unit))) is False:
                return _without(words, unit, side)
        return None

    def _is_taken(self, label: str, unit: Range) -> bool:
        """Whether a unit outside a span is another one's of that label."""
        return any(self._marked[label, position] > 0 for position in range(*unit))

    def _with(self, spans: Sequence[Span]) -> Document:
        """Return the document with these spans, those at one place made one."""
        at: dict[Mark, Span] = {}
        for span in spans:
            at.setdefault((span.start, span.end, span.label), span)
        id_of = {span.id: at[span.start, span.end, span.label].id for span in spans}
        links: dict[tuple[str, str, str], Relation] = {}
        for one in self._document.relations:
            subject, target = id_of[one.subject], id_of[one.object]
            ends = {"subject": subject, "object": target}
            links.setdefault((one.label, subject, target), one.model_copy(update=ends))
        update = {"spans": tuple(at.values()), "relations": tuple(links.values())}
        return self._document.model_copy(update=update)


def _without(words: Range, unit: Range, side: Side) -> Range:
    return (unit[1], words[1]) if side == "left" else (words[0], unit[0])
