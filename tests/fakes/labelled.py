"""Tasks of classes whose answer is known, with texts that were written for them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from decoct.records import Document
from decoct.tasks.base import Answer, Example, Prompt

GOOD, BAD = ("improved", "recovered", "settled"), ("worsened", "relapsed", "declined")
FILLER = ("the", "patient", "on", "ward", "was", "seen", "and", "notes", "were", "kept", "daily")


@dataclass(frozen=True)
class Labels:
    """A task of classes; nobody is asked."""

    name: str
    labels: tuple[str, ...] = ("better", "worse")
    positive: str | None = "better"
    second: str | None = None

    @property
    def schema(self) -> Mapping[str, Any]:
        return {"type": "object"}

    def prompt(
        self,
        *texts: str,
        examples: Sequence[Example] = (),
        nearest: Sequence[Example] = (),
        packed: bool = False,
    ) -> Prompt:
        return Prompt("", " ".join(texts))

    def answer(self, document: Document) -> dict[str, Any]:
        return {"label": document.label}

    def parse(self, content: str) -> Answer:
        return Answer(label=content)


ONE = Labels("course")
PAIR = Labels("course_pair", second="premise")


def texts(n: int, seed: int = 0, prefix: str = "s", **meta: Any) -> list[Document]:
    """Make texts of one sentence whose class a word says."""
    rng = random.Random(f"{seed}{prefix}")
    return [_document(rng, f"{prefix}{at}", meta) for at in range(n)]


def pairs(n: int, n_filler: int, seed: int = 0, prefix: str = "p") -> list[Document]:
    """Make statements whose class a word says that stands anywhere in a long premise."""
    rng = random.Random(f"{seed}{prefix}")
    made = []
    for at in range(n):
        label, word = _draw(rng)
        words = rng.choices(FILLER, k=n_filler)
        words.insert(rng.randrange(n_filler), f"patient {word} today")
        made.append(
            Document(
                id=f"{prefix}{at}",
                text=f"how is patient {at} now",
                source="silver",
                label=label,
                meta={"premise": " ".join(words)},
            )
        )
    return made


def relabelled(documents: Sequence[Document], share: float, seed: int = 0) -> list[Document]:
    """Turn the class of a share of the documents round."""
    rng = random.Random(seed)
    other = {"better": "worse", "worse": "better"}
    return [
        one.model_copy(update={"label": other[str(one.label)]}) if rng.random() < share else one
        for one in documents
    ]


def _document(rng: random.Random, id_: str, meta: Mapping[str, Any]) -> Document:
    label, word = _draw(rng)
    words = [*rng.choices(FILLER, k=6), word, *rng.choices(FILLER, k=3)]
    return Document(
        id=id_, text=" ".join(words), source="silver", label=label, meta={"model": "m", **meta}
    )


def _draw(rng: random.Random) -> tuple[str, str]:
    label = rng.choice(("better", "worse"))
    return label, rng.choice(GOOD if label == "better" else BAD)
