"""Which of the candidates a mention means, or none: what linking asks a teacher."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from decoct.errors import AnswerError, ConfigError
from decoct.records import MENTION, Document, describe
from decoct.tasks._json import load_object
from decoct.tasks._options import CHOICE, NIL, Option, choose
from decoct.tasks._prompt import PromptFile, one_json_line
from decoct.tasks.base import Answer, Example, Prompt

__all__ = ["CERTAINTIES", "NIL", "CandidateChoice", "Option", "Shown"]

MAX_MENTION_CHARS = 300  # what is longer is no name of anything; its beginning is shown
CERTAINTIES: Mapping[str, float] = {"h": 0.9, "m": 0.7, "l": 0.5}
_WORDS = {
    "h": ("h", "high", "sure", "certain", "高"),
    "m": ("m", "medium", "moderate", "mid", "中"),
    "l": ("l", "low", "unsure", "uncertain", "低"),
}
_LETTERS = {word: letter for letter, words in _WORDS.items() for word in words}
_PROMPT = PromptFile(files("decoct.tasks").joinpath("prompts", "choice.jinja"))


class Shown(BaseModel):
    """What a question shows beside the mention: a question document's `meta["choice"]`.

    Attributes:
        options: the candidates, best first by whoever found them.
        context: the text around the mention, which stands in it in double brackets; "" for none.
        label: the mention's label; "" or `Mention` where it says nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    options: tuple[Option, ...]
    context: str = ""
    label: str = ""

    @classmethod
    def of(cls, document: Document) -> Shown:
        """Read a question document.

        Raises:
            ConfigError: it is none.
        """
        try:
            return cls.model_validate(document.meta["choice"])
        except KeyError:
            found = "its meta has no 'choice'"
        except ValidationError as error:
            found = describe(error, quote=False)
        raise ConfigError(
            f"document {document.id!r} is no question about a mention ({found}); "
            "decoct judge makes them of documents with mentions"
        )


class CandidateChoice:
    """The `choice` task: the label is the id of the entity that a mention means, `NIL` for none.

    A document is one mention: its text is the mention as it is written, and the candidates stand in
    its `meta` (see `Shown`).

    Source: the prompting of RPDR (Ai et al. 2025, arXiv 2505.19722), as far as its abstract tells:
    a closed model chooses among retrieved candidates. The prompt is our own.

    Args:
        reasoning: ask for a sentence of reasoning before the choice.
        certainty: ask how sure the choice is: h, m or l.
        certainties: the probability that each letter stands for. Those by default are priors;
            calibrate them where there is gold.
        shuffle: show the candidates in an order of chance, in each sample another.
        seed: of that order.
        show_ids: show the entities' ids, where they mean something, such as ICD codes.
    """

    name = "choice"

    def __init__(
        self,
        *,
        reasoning: bool = False,
        certainty: bool = False,
        certainties: Mapping[str, float] = CERTAINTIES,
        shuffle: bool = False,
        seed: int = 0,
        show_ids: bool = False,
    ) -> None:
        self.reasoning, self.certainty, self.certainties = reasoning, certainty, certainties
        self.seed, self.show_ids = seed, show_ids
        self.varies = shuffle

    @property
    def schema(self) -> Mapping[str, Any]:
        """JSON schema of an answer; the reason comes first, so that the choice follows from it."""
        properties: dict[str, Any] = {"reason": {"type": "string"}} if self.reasoning else {}
        properties["choice"] = {"type": "integer"}
        if self.certainty:
            properties["certainty"] = {"type": "string", "enum": list(CERTAINTIES)}
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    def prompt(
        self,
        *texts: str,
        examples: Sequence[Example] = (),
        nearest: Sequence[Example] = (),
        packed: bool = False,
    ) -> Prompt:
        """Render what a teacher is asked, from `prompts/choice.jinja`; texts are questions."""
        return _PROMPT.render(
            texts,
            examples,
            nearest,
            packed,
            reasoning=self.reasoning,
            certainty=self.certainty,
            shuffled=self.varies,
        )

    def question(self, document: Document, sample: int) -> str:
        """Return the question about a mention: what is known of it, and the numbered candidates.

        Raises:
            ConfigError: the document is no question.
        """
        shown = Shown.of(document)
        lines = [f"Mention: {one_json_line(_clipped(document.text))}"]
        if shown.label not in ("", MENTION):
            lines.append(f"Kind: {one_json_line(shown.label)}")
        if shown.context:
            lines.append(f"Context: {one_json_line(shown.context)}")
        ordered = self._ordered(document, shown.options, sample)
        lines += [
            f"{number}. {option.line(show_id=self.show_ids)}"
            for number, option in enumerate(ordered, start=1)
        ]
        return "\n".join([*lines, "0. none of these"])

    def answer(self, document: Document) -> dict[str, Any]:
        """Return the number of the candidate that is a question's label, in its first sample."""
        ordered = self._ordered(document, Shown.of(document).options, 0)
        ids = [option.id for option in ordered]
        return {"choice": ids.index(document.label) + 1 if document.label in ids else 0}

    def parse(self, content: str) -> Answer:
        """Read a raw answer as far as that goes without the candidates: the label is as it stands.

        Raises:
            AnswerError: it is not JSON, or names no choice.
        """
        said = _said(content)
        found = next((said[key] for key in (*CHOICE, "id", "name") if key in said), None)
        if found is None and not said.keys() & {*CHOICE, "id", "name"}:
            raise AnswerError("answer has no 'choice'")
        label = NIL if found is None or str(found) == "0" else str(found)
        return Answer(label=label, confidence=self._confidence(said))

    def read(self, content: str, document: Document, sample: int) -> Answer:
        """Read a raw answer: JSON with the number of a candidate, its name or its id.

        Args:
            content: `{"choice": 3}`; 0, null and "none" are for none of these.
            document: the question.
            sample: which of its samples, each with an order of its own.

        Raises:
            AnswerError: it is not JSON, or means no candidate or several.
        """
        ordered = self._ordered(document, Shown.of(document).options, sample)
        said = _said(content)
        label = choose(said, ordered, ids_shown=self.show_ids)
        return Answer(label=label, confidence=self._confidence(said))

    def _confidence(self, said: Mapping[str, Any]) -> float | None:
        return certainty_of(said, self.certainties)

    def _ordered(
        self, document: Document, options: Sequence[Option], sample: int
    ) -> Sequence[Option]:
        """Return the candidates as they are numbered.

        By chance, but the same again for the same mention, seed and sample, whatever the document:
        what is asked twice is paid for once.
        """
        if not self.varies:
            return options

        def draw(option: Option) -> bytes:
            drawn = json.dumps([self.seed, sample, document.text, option.id])
            return hashlib.sha256(drawn.encode()).digest()

        return sorted(options, key=draw)


def certainty_of(said: Mapping[str, Any], certainties: Mapping[str, float]) -> float | None:
    """Return the probability that an answer's `certainty` stands for, or None if it has none."""
    word = str(said.get("certainty", said.get("confidence"))).strip().casefold()
    return certainties.get(_LETTERS.get(word, ""))


def _clipped(mention: str) -> str:
    return mention if len(mention) <= MAX_MENTION_CHARS else f"{mention[:MAX_MENTION_CHARS]}…"


def _said(content: str) -> dict[str, Any]:
    """Return an answer's fields; a number alone is its choice."""
    bare = content.strip().strip("[]().#\"' ")
    return {"choice": bare} if bare.isdecimal() and bare.isascii() else load_object(content)


plugin = CandidateChoice()
