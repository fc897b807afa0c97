"""A teacher without a model: a lexicon and causal patterns for adverse drug events.

It needs no network, answers the same way every time and costs nothing, so it serves for
tests, for a first run before an API key is at hand, and as the floor that an LLM has to beat.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from decoct.teacher.lexicon import load_lexicon
from decoct.teacher.lexicon.matching import PhraseIndex, Word, split_words
from decoct.teacher.mentions import Mention, MentionFinder

__all__ = ["Annotation", "Found", "RulesAnnotator"]

_DIRECTIONS = ("forward", "backward", "sentence", "negated", "treated", "condition", "opening", "asserted", "remedy")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[^\W_])|\n\s*\n")
_NOT_AN_END = re.compile(r"(?:\b(?:St|vs|Dr|Mr|Mrs|Ms|e\.g|i\.e|cf|no|approx|al|[A-Z]))\.$")
# What may stand between coordinated mentions, doses included.
_LINKS = frozenset(
    "and or plus the a an as well also then other possible probable with mild combination both "
    "mg g kg mcg day daily weekly per m2 d iv po antibiotic antibiotics drug drugs agent agents "
    "hydrochloride sodium sulfate acetate mesylate maleate tartrate".split()
)
_APPOSITION = frozenset("therapy treatment with such as drug drugs agent agents the".split())
_COORDINATORS = frozenset({"and", "or", "plus"})
_COORDINATING_MARKS = frozenset(",/+(&")
_MAX_LINK_WORDS = 8
# What may stand between an effect and `treated with`.
_PASSIVE = frozenset(
    "was were is are been being has have had and who which that successfully effectively "
    "initially aggressively promptly then subsequently".split()
)
_ACCEPTED = 2
_DECISIVE = 3
_NEGATION_WORDS = 5
_TREATED_WORDS = 2
_PASSIVE_WORDS = 3
_REMEDY_WORDS = 5
_ASSERTED_WORDS = 3
_OPENING_WORDS = 6
_FAR_CHARS = 160
_MAX_CHARS = 400
_NEAREST_GROUPS = 3


@dataclass(frozen=True, slots=True)
class Found:
    """A stretch of the annotated text.

    Attributes:
        start: first code point.
        end: code point after the last.
        text: `text[start:end]` of the annotated text.
    """

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """What the rules teacher finds in one text.

    Attributes:
        drugs: every drug named, whether or not it is blamed for anything.
        pairs: (drug, effect) for each adverse drug event.
    """

    drugs: tuple[Found, ...]
    pairs: tuple[tuple[Found, Found], ...]


@dataclass(frozen=True, slots=True)
class _Group:
    """Coordinated mentions of one kind, which share their partners."""

    mentions: tuple[Mention, ...]

    @property
    def first(self) -> int:
        return self.mentions[0].first

    @property
    def last(self) -> int:
        return self.mentions[-1].last

    @property
    def is_drug(self) -> bool:
        return self.mentions[0].is_drug


@dataclass(frozen=True, slots=True)
class _CueHits:
    """Where the cues of one direction stand, in words, ordered by start."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    weights: tuple[int, ...]

    def strongest(self, first: int, last: int) -> int:
        """Return the weight of the strongest cue inside words `first` to `last`, or 0."""
        best = 0
        for k in range(bisect_left(self.starts, first), len(self.starts)):
            if self.starts[k] >= last:
                break
            if self.ends[k] <= last:
                best = max(best, self.weights[k])
        return best


class RulesAnnotator:
    """Annotates adverse drug events with a lexicon and causal patterns.

    Example:
        >>> found = RulesAnnotator().annotate("Phenytoin-induced hepatitis.")
        >>> [(drug.text, effect.text) for drug, effect in found.pairs]
        [('Phenytoin', 'hepatitis')]
    """

    def __init__(self, *, classes: bool = False) -> None:
        """Load and index the lexicon, once for all the texts annotated.

        Args:
            classes: whether a class of drugs (`corticosteroid`) counts as a drug. The ADE corpus
                names single drugs only, hence the default.
        """
        self._classes = classes
        lexicon = load_lexicon()
        self._finder = MentionFinder(lexicon)
        self._cues = {
            direction: PhraseIndex(
                {
                    cue.phrase: cue.weight
                    for cue in lexicon.cues
                    if cue.direction == direction
                },
                plurals=False,
            )
            for direction in _DIRECTIONS
        }

    def annotate(self, text: str) -> Annotation:
        """Find the drugs and the adverse drug events of a text.

        Args:
            text: any text; sentences are told apart here.

        Returns:
            Drugs and (drug, effect) pairs in text order, with code point offsets into `text`.
        """
        words = split_words(text)
        mentions = self._finder.find(text, words)
        hits = {name: _hits(words, index) for name, index in self._cues.items()}
        pairs: list[tuple[Found, Found]] = []
        for first, last, inside in _sentences(text, words, mentions):
            reader = _SentenceReader(text, words, first, last, inside, hits)
            pairs.extend(
                (_found(text, drug), _found(text, effect))
                for drug, effect in reader.pairs()
                if self._counts(drug)
            )
        drugs = tuple(
            _found(text, mention)
            for mention in mentions
            if mention.is_drug and self._counts(mention)
        )
        return Annotation(drugs=drugs, pairs=tuple(pairs))

    def _counts(self, drug: Mention) -> bool:
        return self._classes or not drug.is_class


class _SentenceReader:
    """Decides which drugs of one sentence caused which effects."""

    def __init__(
        self,
        text: str,
        words: Sequence[Word],
        first: int,
        last: int,
        mentions: Sequence[Mention],
        hits: dict[str, _CueHits],
    ) -> None:
        self._text = text
        self._words = words
        self._first = first
        self._last = last
        self._hits = hits
        self._groups = _grouped(text, words, mentions)
        self._drug_places = [k for k, group in enumerate(self._groups) if group.is_drug]
        self._is_told = hits["sentence"].strongest(first, last) > 0

    def pairs(self) -> list[tuple[Mention, Mention]]:
        """Return the (drug, effect) pairs of the sentence in the order of its effects."""
        if not self._drug_places:
            return []
        found: list[tuple[Mention, Mention]] = []
        for place, effects in enumerate(self._groups):
            if effects.is_drug or self._is_negated(place):
                continue
            drugs = self._causes(place)
            found.extend((drug, effect) for effect in effects.mentions for drug in drugs)
        return found

    def _causes(self, place: int) -> list[Mention]:
        """Return the drugs most strongly tied to the effects at `place`."""
        near = bisect_left(self._drug_places, place)
        candidates = self._drug_places[max(0, near - _NEAREST_GROUPS) : near + _NEAREST_GROUPS]
        scores = {candidate: self._score(candidate, place) for candidate in candidates}
        best = max(scores.values(), default=0)
        if best < _ACCEPTED:
            return []
        return [
            mention
            for candidate, score in scores.items()
            if score >= _ACCEPTED
            for mention in self._groups[candidate].mentions
        ]

    def _score(self, drug_place: int, effect_place: int) -> int:
        drugs, effects = self._groups[drug_place], self._groups[effect_place]
        is_forward = drug_place < effect_place
        before, behind = (drugs, effects) if is_forward else (effects, drugs)
        gap_chars = behind.mentions[0].start - before.mentions[-1].end
        if gap_chars > _MAX_CHARS:
            return 0
        if is_forward:
            score = self._forward(drug_place, effect_place)
        else:
            score = self._backward(drug_place, effect_place)
        low, high = sorted((drug_place, effect_place))
        n_between = bisect_left(self._drug_places, high) - bisect_left(
            self._drug_places, low + 1
        )
        if score <= 1 and self._is_told and len(self._drug_places) == 1:
            score = _ACCEPTED
        if gap_chars > _FAR_CHARS and len(self._drug_places) > 1:
            score -= 1
        score -= n_between
        is_tight = score >= _DECISIVE and behind.first - before.last <= 3
        if is_tight:
            return score
        return 0 if self._is_reason(effect_place, score) else score

    def _forward(self, drug_place: int, effect_place: int) -> int:
        """Return the strength of drug, cue, effect, in this order."""
        drugs, effects = self._groups[drug_place], self._groups[effect_place]
        if drugs.last == effects.first:
            return _DECISIVE
        cues = self._hits["forward"]
        nearest = self._groups[effect_place - 1]
        score = cues.strongest(drugs.last, effects.first)
        if not nearest.is_drug:
            # The cue may belong to an effect in between: `X-induced ulcer in a man with gout`.
            score = max(score - 1, cues.strongest(nearest.last, effects.first))
        opening = max(self._first, drugs.first - _OPENING_WORDS)
        return max(score, self._hits["opening"].strongest(opening, drugs.first))

    def _backward(self, drug_place: int, effect_place: int) -> int:
        """Return the strength of effect, cue, drug, in this order."""
        drugs, effects = self._groups[drug_place], self._groups[effect_place]
        remedy = self._hits["remedy"]
        floor = max(effects.last, drugs.first - _REMEDY_WORDS)
        if remedy.strongest(floor, drugs.first):
            return -_DECISIVE
        return self._hits["backward"].strongest(effects.last, drugs.first)

    def _is_reason(self, place: int, score: int) -> bool:
        """Say whether the effects are what the drug was given for."""
        group = self._groups[place]
        treated = self._hits["treated"]
        reach = max(self._first, group.first - _TREATED_WORDS - 4)
        weight = 0
        for k in range(bisect_left(treated.starts, reach), len(treated.starts)):
            if treated.starts[k] >= group.first:
                break
            if 0 <= group.first - treated.ends[k] <= _TREATED_WORDS:
                weight = max(weight, treated.weights[k])
        weight = max(weight, self._condition(group))
        floor = max(
            group.first - _ASSERTED_WORDS, self._groups[place - 1].last if place else self._first
        )
        if weight < _DECISIVE and self._hits["asserted"].strongest(floor, group.first):
            return False
        if any(mention.is_indication for mention in group.mentions):
            weight += 1 if score >= _DECISIVE else _DECISIVE
        return weight >= _DECISIVE or (weight == _ACCEPTED and score < _DECISIVE)

    def _condition(self, group: _Group) -> int:
        """Return the weight of a cue such as `treated with` right behind the effects."""
        cues = self._hits["condition"]
        for k in range(bisect_left(cues.starts, group.last), len(cues.starts)):
            gap = self._words[group.last : cues.starts[k]]
            if len(gap) > _PASSIVE_WORDS or not all(word.folded in _PASSIVE for word in gap):
                break
            return cues.weights[k]
        return 0

    def _is_negated(self, place: int) -> bool:
        """Say whether a denial reaches the effects at `place` from the left."""
        group = self._groups[place]
        floor = max(self._first, self._groups[place - 1].last if place else self._first)
        floor = max(floor, group.first - _NEGATION_WORDS)
        return self._hits["negated"].strongest(floor, group.first) > 0


def _hits(words: Sequence[Word], index: PhraseIndex) -> _CueHits:
    starts: list[int] = []
    ends: list[int] = []
    weights: list[int] = []
    for i in range(len(words)):
        hit = index.longest(words, i)
        if hit is not None:
            starts.append(i)
            ends.append(hit[0])
            weights.append(hit[1])
    return _CueHits(tuple(starts), tuple(ends), tuple(weights))


def _grouped(
    text: str, words: Sequence[Word], mentions: Sequence[Mention]
) -> list[_Group]:
    """Join coordinated mentions of one kind: `nausea, vomiting and diarrhea`."""
    runs: list[list[Mention]] = []
    for mention in mentions:
        if runs and _is_coordinated(text, words, runs[-1][-1], mention):
            runs[-1].append(mention)
        else:
            runs.append([mention])
    return [_Group(tuple(run)) for run in runs]


def _is_coordinated(
    text: str, words: Sequence[Word], left: Mention, right: Mention
) -> bool:
    if left.is_drug != right.is_drug or right.first - left.last > _MAX_LINK_WORDS:
        return False
    links = [word.folded for word in words[left.last : right.first]]
    if left.is_class and not right.is_class and _APPOSITION.issuperset(links):
        return True  # `calcium antagonist nifedipine`, `tocolytic therapy with ritodrine`
    if not all(link in _LINKS or link[0].isdigit() for link in links):
        return False
    marks = text[left.end : right.start]
    return not _COORDINATORS.isdisjoint(links) or not _COORDINATING_MARKS.isdisjoint(marks)


def _sentences(
    text: str, words: Sequence[Word], mentions: Sequence[Mention]
) -> list[tuple[int, int, list[Mention]]]:
    """Cut words and mentions at sentence ends; only sentences with mentions are returned."""
    word_starts = [word.start for word in words]
    mention_firsts = [mention.first for mention in mentions]
    found: list[tuple[int, int, list[Mention]]] = []
    first = 0
    for end in [*_ends(text), len(text)]:
        last = bisect_left(word_starts, end)
        inside = list(
            mentions[bisect_left(mention_firsts, first) : bisect_left(mention_firsts, last)]
        )
        if inside:
            found.append((first, last, inside))
        first = last
    return found


def _ends(text: str) -> list[int]:
    return [
        match.end()
        for match in _SENTENCE_END.finditer(text)
        if not _NOT_AN_END.search(text[max(0, match.start() - 8) : match.start()])
    ]


def _found(text: str, mention: Mention) -> Found:
    return Found(mention.start, mention.end, text[mention.start : mention.end])
