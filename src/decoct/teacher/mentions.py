"""Find the drugs and the effects that a text names, for the rules teacher.

The longest entry of the lexicon wins. Words the lists lack are recognized by their endings
(`-mab`, `-itis`), by the pattern `X-induced`, and by a modifier in front of a general noun
(`pulmonary reaction`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from decoct.teacher.lexicon import Lexicon
from decoct.teacher.lexicon.matching import AffixIndex, PhraseIndex, Word, fold, singulars

__all__ = ["Mention", "MentionFinder"]

_MAX_MODIFIERS = 5
_MAX_WORDS_BEFORE_LAB = 3
_INDUCED = frozenset({"induced"})
_MIN_UNKNOWN_DRUG_CHARS = 5
_MAX_UNKNOWN_EFFECT_WORDS = 4
_MIN_TRADE_NAME_CHARS = 5
_MAX_ALIAS_CHARS = 6


@dataclass(frozen=True, slots=True)
class Mention:
    """A drug or an effect, in words and in code points.

    Attributes:
        first: index of the first word.
        last: index after the last word.
        start: first code point.
        end: code point after the last.
        is_drug: drug or effect.
        is_indication: an effect that mostly is the reason for treatment.
        is_class: a class of drugs rather than a drug.
    """

    first: int
    last: int
    start: int
    end: int
    is_drug: bool
    is_indication: bool = False
    is_class: bool = False


def _table(phrases: Sequence[str]) -> dict[str, int]:
    return dict.fromkeys(phrases, 1)


class MentionFinder:
    """Finds drugs and effects in the words of a text."""

    def __init__(self, lexicon: Lexicon) -> None:
        """Index a lexicon.

        Args:
            lexicon: the words to look for.
        """
        self._drugs = PhraseIndex(
            # The values tell apart what one look-up finds: here drugs and their classes.
            {**_table(lexicon.drugs), **dict.fromkeys(lexicon.classes, 2)},
            acronyms=lexicon.acronyms,
        )
        self._effects = PhraseIndex(
            {**_table(lexicon.effects), **dict.fromkeys(lexicon.indications, 2)},
            acronyms=lexicon.acronyms,
        )
        self._modifiers = PhraseIndex(_table(lexicon.modifiers), plurals=False)
        self._changes = PhraseIndex(_table(lexicon.changes), plurals=False)
        self._labs = PhraseIndex(_table(lexicon.labs), acronyms=lexicon.acronyms)
        self._heads = frozenset(map(fold, lexicon.heads))
        self._not_effects = frozenset(map(fold, lexicon.not_effects))
        self._not_drugs = frozenset(map(fold, lexicon.not_drugs))
        self._function_words = lexicon.small_words["function"]
        self._reading_words = lexicon.small_words["reading"]
        self._stems = AffixIndex(lexicon.stems)
        self._suffixes = AffixIndex(lexicon.suffixes)

    def find(self, text: str, words: Sequence[Word]) -> list[Mention]:
        """Find the mentions of a text, from left to right, none overlapping.

        Args:
            text: the text.
            words: its words.

        Returns:
            Its drugs and effects.
        """
        mentions: list[Mention] = []
        kinds: dict[str, str] = {}
        aliases: dict[str, bool] = {}
        i = 0
        while i < len(words):
            alias_is_drug = aliases.get(text[words[i].start : words[i].end])
            if alias_is_drug is not None:
                mention: Mention | None = _mention(words, i, i + 1, is_drug=alias_is_drug)
            else:
                mention = self._at(words, i, mentions[-1].last if mentions else 0, kinds)
            if mention is None and mentions and mentions[-1].is_drug:
                mention = self._induced(text, words, i, mentions[-1].last)
            if mention is None:
                i += 1
                continue
            mentions.append(mention)
            i = mention.last
            alias = _alias(text, words, mention)
            if alias is not None:
                aliases.setdefault(alias, mention.is_drug)
        return mentions

    def _at(
        self, words: Sequence[Word], i: int, floor: int, kinds: dict[str, str]
    ) -> Mention | None:
        drug = self._drugs.longest(words, i)
        effect = self._effects.longest(words, i)
        lab_end = self._lab(words, i)
        if lab_end is not None and lab_end > max(effect[0] if effect else 0, i):
            return _mention(words, i, lab_end, is_drug=False)
        known_end = max(hit[0] for hit in (drug, effect, (i, 0)) if hit is not None)
        like_end = self._like(words, known_end) if known_end > i else None
        if like_end is not None:
            return self._effect(words, i, like_end, floor, is_indication=False)
        if drug is not None and (effect is None or drug[0] >= effect[0]):
            return _mention(words, i, drug[0], is_drug=True, is_class=drug[1] > 1)
        if effect is not None:
            return self._effect(words, i, effect[0], floor, is_indication=effect[1] > 1)
        kind = kinds.get(words[i].folded)
        if kind is None:
            kind = kinds[words[i].folded] = self._kind(words[i].folded)
        if kind == "drug" or self._is_inducer(words, i):
            return _mention(words, i, i + 1, is_drug=True)
        if kind == "effect":
            return self._effect(words, i, i + 1, floor, is_indication=False)
        if kind == "head" and self._widened(words, i, floor) < i:
            return self._effect(words, i, i + 1, floor, is_indication=False)
        return None

    def _induced(self, text: str, words: Sequence[Word], i: int, drug_last: int) -> Mention | None:
        """Return the unknown effect of `drug-induced ...`, up to the next function word."""
        if (
            i != drug_last + 1
            or words[drug_last].folded not in _INDUCED
            or not (words[drug_last].is_joined and words[i].is_joined)
        ):
            return None
        last = i
        while last < len(words) and last - i < _MAX_UNKNOWN_EFFECT_WORDS:
            word = words[last]
            if word.folded in self._function_words or (last > i and not word.is_joined):
                break
            if last > i and self._at(words, last, i, {}) is not None:
                # A known mention begins here and takes its own modifiers.
                return None
            last += 1
        if last == i or words[last - 1].folded in self._not_effects:
            return None
        return _mention(words, i, last, is_drug=False)

    def _like(self, words: Sequence[Word], i: int) -> int | None:
        """Return the end of `-like syndrome` at word `i`, which makes any name an effect."""
        if (
            i + 1 >= len(words)
            or words[i].folded != "like"
            or not (words[i].is_joined and words[i + 1].is_joined)
        ):
            return None
        if any(candidate in self._heads for candidate in singulars(words[i + 1].folded)):
            return i + 2
        effect = self._effects.longest(words, i + 1)
        return effect[0] if effect else None

    def _kind(self, word: str) -> str:
        if self._stems.matches(word):
            return "drug"
        if self._suffixes.matches(word):
            return "effect"
        if any(candidate in self._heads for candidate in singulars(word)):
            return "head"
        return ""

    def _is_inducer(self, words: Sequence[Word], i: int) -> bool:
        """Say whether an unknown word stands in front of `-induced` and so may be a drug."""
        word = words[i]
        return (
            i + 1 < len(words)
            and words[i + 1].folded in _INDUCED
            and words[i + 1].is_joined
            and words[i + 1].start - word.end == 1
            and len(word.folded) >= _MIN_UNKNOWN_DRUG_CHARS
            and word.folded not in self._not_drugs
            and not word.folded.endswith("ly")
        )

    def _lab(self, words: Sequence[Word], i: int) -> int | None:
        """Return the end of a changed reading, such as `elevated serum creatinine`."""
        change = self._changes.longest(words, i)
        if change is None:
            return None
        for start in range(change[0], min(change[0] + _MAX_WORDS_BEFORE_LAB, len(words))):
            if not words[start].is_joined:
                return None
            lab = self._labs.longest(words, start)
            if lab is not None:
                return lab[0]
            if words[start].folded not in self._reading_words and (
                self._modifiers.longest(words, start) is None
            ):
                return None
        return None

    def _widened(self, words: Sequence[Word], first: int, floor: int) -> int:
        """Return where an effect begins once its modifiers are counted in."""
        for _ in range(_MAX_MODIFIERS):
            if first <= floor or not words[first].is_joined:
                break
            start = self._modifiers.ending_at(words, first)
            if start is None or start < floor:
                break
            first = start
        return first

    def _effect(
        self, words: Sequence[Word], first: int, last: int, floor: int, *, is_indication: bool
    ) -> Mention:
        first = self._widened(words, first, floor)
        return _mention(words, first, last, is_drug=False, is_indication=is_indication)


def _alias(text: str, words: Sequence[Word], mention: Mention) -> str | None:
    """Return the short form or trade name that a mention introduces in parentheses."""
    if mention.last >= len(words):
        return None
    word = words[mention.last]
    if text[mention.end : word.start].strip() != "(" or text[word.end : word.end + 1] != ")":
        return None
    surface = text[word.start : word.end]
    if mention.is_drug and len(surface) >= _MIN_TRADE_NAME_CHARS and surface.istitle():
        return surface
    initials = {other.folded[0] for other in words[max(0, mention.first - 2) : mention.last]}
    is_short = word.is_upper and 2 <= len(surface) <= _MAX_ALIAS_CHARS
    return surface if is_short and word.folded[0] in initials else None


def _mention(
    words: Sequence[Word],
    first: int,
    last: int,
    *,
    is_drug: bool,
    is_indication: bool = False,
    is_class: bool = False,
) -> Mention:
    start, end = words[first].start, words[last - 1].end
    return Mention(first, last, start, end, is_drug, is_indication, is_class)
