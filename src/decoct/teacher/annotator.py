"""A teacher without a model: a lexicon and causal patterns for adverse drug events.

It needs no network, answers the same way every time and costs nothing, so it serves for
tests, for a first run before an API key is at hand, and as the floor that an LLM has to beat.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from decoct.teacher.lexicon import load_lexicon
from decoct.teacher.lexicon.matching import PhraseIndex, Word, split_words
from decoct.teacher.mentions import Mention, MentionFinder
from decoct.teacher.pairing import DIRECTIONS, CueHits, SentenceReader
from decoct.text.sentences import split_sentences

__all__ = ["Annotation", "Found", "RulesAnnotator"]


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
        self._small_words = lexicon.small_words
        self._finder = MentionFinder(lexicon)
        self._cues = {
            direction: PhraseIndex(
                {cue.phrase: cue.weight for cue in lexicon.cues if cue.direction == direction},
                plurals=False,
            )
            for direction in DIRECTIONS
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
        hits = {name: CueHits.find(words, index) for name, index in self._cues.items()}
        pairs: list[tuple[Found, Found]] = []
        for first, last, inside in _sentences(text, words, mentions):
            reader = SentenceReader(text, words, first, last, inside, hits, self._small_words)
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


def _sentences(
    text: str, words: Sequence[Word], mentions: Sequence[Mention]
) -> list[tuple[int, int, list[Mention]]]:
    """Cut words and mentions at sentence ends; only sentences with mentions are returned."""
    word_starts = [word.start for word in words]
    mention_firsts = [mention.first for mention in mentions]
    found: list[tuple[int, int, list[Mention]]] = []
    first = 0
    for sentence in split_sentences(text):
        last = bisect_left(word_starts, sentence.end)
        inside = list(
            mentions[bisect_left(mention_firsts, first) : bisect_left(mention_firsts, last)]
        )
        if inside:
            found.append((first, last, inside))
        first = last
    return found


def _found(text: str, mention: Mention) -> Found:
    return Found(mention.start, mention.end, text[mention.start : mention.end])
