"""A tiny knowledge base, an index of it, and a judge who reads prompts as an LLM does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from decoct.kb.base import Entity, Query
from decoct.records import Candidate, Document, Span
from decoct.tasks.choice import Option, Shown

ENTITIES = (
    Entity(
        id="S1",
        name="Drowsy",
        aliases=("Sleepy", "Somnolent", "Falling asleep"),
        definition="Ready to fall asleep at a time when one wants to be awake.",
    ),
    Entity(id="S2", name="Eye pain", aliases=("Ophthalmalgia", "Sore eyes")),
    Entity(id="S3", name="Difficulty opening eyelids", definition="The lids do not open at will."),
    Entity(id="S4", name="Tired", aliases=("Worn out",)),
    Entity(id="S5", name="Back pain", aliases=("Backache", "Sore back")),
    Entity(id="S6", name="右乳腺恶性肿瘤", aliases=("右乳癌",)),
)
RIGHT = {
    "couldn't keep my eyes open": "Drowsy",
    "eyes hurt like mad": "Eye pain",
    "wicked back": "Back pain",
    "bushed": "Tired",
    "nodding off": "Drowsy",
    "右乳腺癌IV期": "右乳腺恶性肿瘤",
    "green hair": None,
}
_QUESTION = re.compile(r"^Mention: (.*)$", re.MULTILINE)
_LINE = re.compile(r"^(\d+)\. (.*?)(?: \(\w+\))?(?: \| .*)?$", re.MULTILINE)


class FakeIndex:
    """Finds the entities whose names share most letters with a mention.

    Attributes:
        queries: what it was asked, in order.
        n_searches: how often it was.
    """

    def __init__(self, entities: Sequence[Entity] = ENTITIES) -> None:
        self._entities = {entity.id: entity for entity in entities}
        self.queries: list[Query] = []
        self.n_searches = 0

    def search(self, queries: Sequence[Query], k: int) -> list[tuple[Candidate, ...]]:
        self.queries += queries
        self.n_searches += 1
        return [self._search(query.text, k) for query in queries]

    def entity(self, entity_id: str) -> Entity:
        return self._entities[entity_id]

    def _search(self, text: str, k: int) -> tuple[Candidate, ...]:
        found = []
        for entity in self._entities.values():
            score, name = max((_likeness(text, name), name) for name in entity.names)
            alias = None if name == entity.name else name
            found.append(
                Candidate(
                    id=entity.id,
                    name=entity.name,
                    alias=alias,
                    score=score,
                    scores={"letters": score},
                )
            )
        return tuple(sorted(found, key=lambda one: (-(one.score or 0), one.id))[:k])


def _likeness(one: str, other: str) -> float:
    first, second = set(one.casefold()), set(other.casefold())
    return round(len(first & second) / len(first | second), 4)


def mention(text: str, document_id: str = "d") -> Document:
    """A document that is nothing but its mention."""
    span = Span(id="T1", start=0, end=len(text), label="Mention", text=text)
    return Document(id=document_id, text=text, spans=(span,))


def mentions(*texts: str) -> list[Document]:
    """Documents `d0`, `d1`..., each a mention."""
    return [mention(text, f"d{number}") for number, text in enumerate(texts)]


def in_context(text: str, *words: str, document_id: str = "d", label: str = "Mention") -> Document:
    """A document with a mention at the first place of each of some words."""
    spans = tuple(
        Span(
            id=f"T{number}",
            start=text.index(one),
            end=text.index(one) + len(one),
            label=label,
            text=one,
        )
        for number, one in enumerate(words, start=1)
    )
    return Document(id=document_id, text=text, spans=spans)


def question(*names: str, text: str = "nodding off", **more: str) -> Document:
    """A question document with options `E1`, `E2`... of these names."""
    options = tuple(Option(id=f"E{n}", name=name) for n, name in enumerate(names, start=1))
    shown = Shown(options=options, **more)
    return Document(id="d#T1", text=text, meta={"choice": shown.model_dump(mode="json")})


def read_questions(asked: str) -> list[tuple[str, dict[str, int]]]:
    """Return (mention, name -> number) for each question of a prompt's last part."""
    part = re.split(r"^Now choose for .*:$", asked, flags=re.MULTILINE)[-1]
    starts = [match.start() for match in _QUESTION.finditer(part)] + [len(part)]
    found = []
    for start, end in pairwise(starts):
        block = part[start:end]
        names = {name: int(number) for number, name in _LINE.findall(block)}
        found.append((json.loads(_QUESTION.search(block)[1]), names))
    return found


def judge_by(
    right: Mapping[str, str | None] = RIGHT, certainty: str | None = None
) -> Callable[[Sequence[Mapping[str, str]]], str]:
    """Return a handler for `FakeOpenAI` that chooses by an entity's name, 0 where it is not there.

    Args:
        right: mention -> name.
        certainty: said beside each choice.
    """

    def one(mention: str, names: Mapping[str, int]) -> dict[str, object]:
        said: dict[str, object] = {"choice": names.get(right.get(mention) or "", 0)}
        return said | ({"certainty": certainty} if certainty else {})

    def handler(messages: Sequence[Mapping[str, str]]) -> str:
        asked = next(m["content"] for m in messages if m["role"] == "user")
        found = [one(*part) for part in read_questions(asked)]
        if '"items"' in messages[0]["content"]:
            return json.dumps({"items": [{"item": n, **said} for n, said in enumerate(found, 1)]})
        return json.dumps(found[0])

    return handler
