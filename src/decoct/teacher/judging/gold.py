"""Few-shot examples of linking: mentions that people have linked, out of a file of documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from decoct.errors import ConfigError, Faults, FormatError
from decoct.formats.base import read_documents
from decoct.progress import Progress, Silent
from decoct.records import Candidate, Document, Link
from decoct.tasks.base import Example
from decoct.tasks.choice import NIL, CandidateChoice
from decoct.teacher.examples import N_SHOWN_FAULTS, spaced
from decoct.teacher.judging.candidates import CandidateSource
from decoct.teacher.judging.display import Lookup
from decoct.teacher.judging.questions import Mention, Questioner
from decoct.teacher.judging.settings import JudgeSettings

_AT_ONCE = 256


def read_gold_examples(
    path: Path,
    settings: JudgeSettings,
    source: CandidateSource,
    lookup: Lookup | None = None,
    progress: Progress | None = None,
) -> tuple[Example, ...]:
    """Read linked mentions as examples, each mention once.

    A link to no entity says NIL in gold and silver only: elsewhere nobody may have decided yet.

    An example is the mention and its entry's name alone; or, where `example_candidates` asks for
    it and the entry is among them, the whole question with the number of the right one.

    Args:
        path: documents in any format, whose mentions have links.
        settings: what is shown.
        source: where candidates come from, of as many as an example shows.
        lookup: gives names where the links have none.
        progress: shown how far it is.

    Raises:
        ConfigError: a line can't be read, an entry has no name, or no mention is linked.
        StoreError: the file can't be read.
    """
    faults = Faults()
    questioner, task = Questioner(settings, source, lookup), settings.task()
    examples: dict[str, Example] = {}
    try:
        documents = read_documents(path, faults)
        stream = (progress or Silent()).track(documents, None, "examples")
        for mention in _linked(stream, questioner):
            key = spaced(mention.span.text)
            if key in examples or mention.span.link is None:
                continue
            example = _example(mention, mention.span.link, task, settings, lookup)
            if example is None:
                reason = "its entry has no name; give an --index that holds it, or links with names"
                faults.add(mention.question.id, reason, "bad_example")
            else:
                examples[key] = example
    except FormatError as error:
        raise ConfigError(f"{error}; examples are documents with linked mentions") from None
    if faults:
        shown = "; ".join(str(fault) for fault in faults.kept[:N_SHOWN_FAULTS])
        more = faults.n - N_SHOWN_FAULTS
        shown += f"; and {more} more such" if more > 0 else ""
        raise ConfigError(f"examples {path}: {shown}")
    if not examples:
        raise ConfigError(
            f"{path}: no mention in it is linked; give documents whose mentions are, such as a "
            "table with the columns mention and concept_id"
        )
    return tuple(examples.values())


def _linked(documents: Iterator[Document], questioner: Questioner) -> Iterator[Mention]:
    while some := list(islice(documents, _AT_ONCE)):
        for document, mentions in questioner.mentions(some):
            decided = document.source in ("gold", "silver")
            for mention in mentions:
                link = mention.span.link
                if link is not None and (link.id is not None or decided):
                    yield mention


def _example(
    mention: Mention,
    link: Link,
    task: CandidateChoice,
    settings: JudgeSettings,
    lookup: Lookup | None,
) -> Example | None:
    text = mention.span.text
    question = mention.question.model_copy(update={"label": link.id or NIL})
    answer = task.answer(question)
    if settings.example_candidates and mention.candidates and (answer["choice"] or link.id is None):
        return Example(text, answer, task.question(question, 0))
    if link.id is None:
        return Example(text, {"choice": 0})
    name = link.name or _name(link.id, mention.candidates, lookup)
    return Example(text, {"choice": name}) if name else None


def _name(entity_id: str, candidates: Sequence[Candidate], lookup: Lookup | None) -> str | None:
    for candidate in candidates:
        if candidate.id == entity_id:
            return candidate.name
    try:
        return lookup(entity_id).name if lookup else None
    except KeyError:
        return None
