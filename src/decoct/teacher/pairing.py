"""Decide which drugs of a sentence caused which of its effects, for the rules teacher.

Every effect is scored against the drugs nearest to it by the cue phrases between them; denied
effects and those a drug was given for are left out.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from decoct.teacher.lexicon.matching import PhraseIndex, Word
from decoct.teacher.mentions import Mention

__all__ = ["DIRECTIONS", "CueHits", "SentenceReader"]

DIRECTIONS = (
    "forward",
    "backward",
    "sentence",
    "negated",
    "treated",
    "condition",
    "opening",
    "asserted",
    "remedy",
)
_ACCEPTED = 2
_DECISIVE = 3
_TIGHT = 4
_NEGATION_WORDS = 5
_TREATED_WORDS = 2
_PASSIVE_WORDS = 3
_REMEDY_WORDS = 5
_ASSERTED_WORDS = 3
_OPENING_WORDS = 6
_TIGHT_WORDS = 3
_FAR_CHARS = 160
_MAX_CHARS = 400
_NEAREST_GROUPS = 3
_MAX_LINK_WORDS = 8
_MAX_GROUP = 25
_COORDINATING_MARKS = frozenset(",/+(&")


@dataclass(frozen=True, slots=True)
class CueHits:
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

    @classmethod
    def find(cls, words: Sequence[Word], index: PhraseIndex) -> "CueHits":
        """Find the cues of one direction in a text.

        Args:
            words: the words of the text.
            index: phrases of the cues, with their weights.

        Returns:
            The hits, the longest at each word.
        """
        found = [(i, index.longest(words, i)) for i in range(len(words))]
        hits = [(i, *hit) for i, hit in found if hit is not None]
        return cls(
            tuple(hit[0] for hit in hits),
            tuple(hit[1] for hit in hits),
            tuple(hit[2] for hit in hits),
        )


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


class SentenceReader:
    """Decides which drugs of one sentence caused which effects."""

    def __init__(
        self,
        text: str,
        words: Sequence[Word],
        first: int,
        last: int,
        mentions: Sequence[Mention],
        hits: Mapping[str, CueHits],
        small_words: Mapping[str, frozenset[str]],
    ) -> None:
        """Group the mentions of one sentence.

        Args:
            text: the whole text.
            words: all its words.
            first: index of the sentence's first word.
            last: index after its last word.
            mentions: the drugs and effects of the sentence, in order.
            hits: cue hits of the whole text, by direction.
            small_words: function words of the lexicon.
        """
        self._text = text
        self._words = words
        self._first = first
        self._hits = hits
        self._small_words = small_words
        self._groups = self._grouped(mentions)
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
        """Return the drugs tied to the effects at `place`."""
        near = bisect_left(self._drug_places, place)
        candidates = self._drug_places[max(0, near - _NEAREST_GROUPS) : near + _NEAREST_GROUPS]
        scores = {candidate: self._score(candidate, place) for candidate in candidates}
        # A decisive cue right beside the effect outdoes every cue further off.
        needed = _TIGHT if max(scores.values(), default=0) == _TIGHT else _ACCEPTED
        return [
            mention
            for candidate, score in scores.items()
            if score >= needed
            for mention in self._groups[candidate].mentions
        ]

    def _score(self, drug_place: int, effect_place: int) -> int:
        """Return how strongly one drug group is tied to one effect group."""
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
        n_between = bisect_left(self._drug_places, high) - bisect_left(self._drug_places, low + 1)
        if score <= 1 and self._is_told and len(self._drug_places) == 1:
            score = _ACCEPTED
        if gap_chars > _FAR_CHARS and len(self._drug_places) > 1:
            score -= 1
        score -= n_between
        if score >= _DECISIVE and behind.first - before.last <= _TIGHT_WORDS:
            return _TIGHT
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
        k = bisect_left(cues.starts, group.last)
        if k == len(cues.starts):
            return 0
        gap = self._words[group.last : min(cues.starts[k], group.last + _PASSIVE_WORDS + 1)]
        is_near = len(gap) <= _PASSIVE_WORDS and all(
            word.folded in self._small_words["passive"] for word in gap
        )
        return cues.weights[k] if is_near else 0

    def _is_negated(self, place: int) -> bool:
        """Say whether a denial reaches the effects at `place` from the left."""
        group = self._groups[place]
        floor = max(self._first, self._groups[place - 1].last if place else self._first)
        floor = max(floor, group.first - _NEGATION_WORDS)
        return self._hits["negated"].strongest(floor, group.first) > 0

    def _grouped(self, mentions: Sequence[Mention]) -> list[_Group]:
        """Join coordinated mentions of one kind: `nausea, vomiting and diarrhea`."""
        runs: list[list[Mention]] = []
        for mention in mentions:
            # The cap keeps the pairs of an endless enumeration from growing with its square.
            if runs and len(runs[-1]) < _MAX_GROUP and self._is_coordinated(runs[-1][-1], mention):
                runs[-1].append(mention)
            else:
                runs.append([mention])
        return [_Group(tuple(run)) for run in runs]

    def _is_coordinated(self, left: Mention, right: Mention) -> bool:
        if left.is_drug != right.is_drug or right.first - left.last > _MAX_LINK_WORDS:
            return False
        links = [word.folded for word in self._words[left.last : right.first]]
        small = self._small_words
        if left.is_class and not right.is_class and small["apposition"].issuperset(links):
            return True
        if not all(link in small["link"] or link[0].isdigit() for link in links):
            return False
        marks = self._text[left.end : right.start]
        return not small["coordinator"].isdisjoint(links) or not _COORDINATING_MARKS.isdisjoint(
            marks
        )
