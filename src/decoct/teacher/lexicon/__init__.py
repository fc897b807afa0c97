"""The words the rules teacher knows, shipped as plain text beside this file.

One entry a line, lower case, so that a user can read, question and extend the lists with an
editor. All of it was written for this project from general medical knowledge.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files

__all__ = ["Affix", "Cue", "Lexicon", "load_lexicon"]


@dataclass(frozen=True, slots=True)
class Affix:
    """A word ending or beginning that marks an unlisted word as a drug or an effect.

    Attributes:
        text: the letters, without a hyphen.
        min_chars: shortest whole word that may match, so that the bare stem does not.
        exclusions: words that only look like it, such as `diagnosis` for `-osis`.
        is_prefix: whether the letters stand at the beginning of the word.
    """

    text: str
    min_chars: int
    exclusions: frozenset[str]
    is_prefix: bool = False


@dataclass(frozen=True, slots=True)
class Cue:
    """A phrase that says how a drug and an effect are related.

    Attributes:
        direction: `forward` (drug, cue, effect), `backward` (effect, cue, drug), `sentence`,
            `negated`, `treated` or `condition`.
        weight: 3 decides, 2 suffices, 1 needs a second hint, 0 disarms a shorter cue inside.
        phrase: lower-case words.
    """

    direction: str
    weight: int
    phrase: str


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Everything the rules teacher knows.

    Attributes:
        drugs: names of medicines, substances and vaccines.
        classes: names of classes of drugs, `corticosteroid`.
        effects: conditions, symptoms, signs and laboratory findings.
        modifiers: words that belong to an effect when directly in front of it.
        heads: nouns that name an effect only with a modifier in front.
        indications: conditions that mostly are the reason for treatment.
        labs: readings that are an effect together with a word for their change.
        changes: words for such a change, `elevated` or `loss of`.
        acronyms: entries that count only in capitals.
        not_drugs: words in front of `-induced` that are no medicines.
        not_effects: nouns behind `-induced` that are no adverse effect.
        small_words: sets of function words, by what they are needed for.
        stems: affixes of drug names.
        suffixes: affixes of effect names.
        cues: phrases that tie, deny or explain.
    """

    drugs: tuple[str, ...]
    classes: tuple[str, ...]
    effects: tuple[str, ...]
    modifiers: tuple[str, ...]
    heads: tuple[str, ...]
    indications: tuple[str, ...]
    labs: tuple[str, ...]
    changes: tuple[str, ...]
    acronyms: tuple[str, ...]
    not_drugs: tuple[str, ...]
    not_effects: tuple[str, ...]
    small_words: Mapping[str, frozenset[str]]
    stems: tuple[Affix, ...]
    suffixes: tuple[Affix, ...]
    cues: tuple[Cue, ...]


def _lines(name: str) -> Iterator[str]:
    """Yield the entries of one shipped list, without comments and blank lines."""
    text = files(__name__).joinpath(name).read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            yield line


def _rows(name: str) -> Iterator[list[str]]:
    """Yield the tab-separated cells of one shipped table."""
    for line in _lines(name):
        yield line.split("\t")


def _excluded(cell: str) -> frozenset[str]:
    """Split a cell of comma-separated words."""
    return frozenset(word for word in cell.split(",") if word)


def load_lexicon() -> Lexicon:
    """Read the shipped lists.

    Called once by each annotator rather than at import, so that importing decoct stays cheap.

    Returns:
        The lexicon, entries in file order.

    Example:
        >>> "carbamazepine" in load_lexicon().drugs
        True
    """
    return Lexicon(
        drugs=tuple(_lines("drugs.txt")),
        classes=tuple(_lines("classes.txt")),
        effects=tuple(_lines("effects.txt")),
        modifiers=tuple(_lines("modifiers.txt")),
        heads=tuple(_lines("heads.txt")),
        indications=tuple(_lines("indications.txt")),
        labs=tuple(_lines("labs.txt")),
        changes=tuple(_lines("changes.txt")),
        acronyms=tuple(_lines("acronyms.txt")),
        not_drugs=tuple(_lines("not_drugs.txt")),
        not_effects=tuple(_lines("not_effects.txt")),
        small_words={kind: frozenset(words.split()) for kind, words in _rows("small_words.tsv")},
        stems=tuple(
            Affix(text, int(min_chars), _excluded(exclusions), kind == "prefix")
            for kind, text, min_chars, _, exclusions in _rows("stems.tsv")
        ),
        suffixes=tuple(
            Affix(text, int(min_chars), _excluded(exclusions))
            for text, min_chars, _, exclusions in _rows("suffixes.tsv")
        ),
        cues=tuple(
            Cue(direction, int(weight), phrase) for direction, weight, phrase in _rows("cues.tsv")
        ),
    )
