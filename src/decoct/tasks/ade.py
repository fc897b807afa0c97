"""Adverse drug events: which drugs a text names, and which harmful effects it says they caused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.resources import files
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from decoct.errors import AnswerError
from decoct.records import Document, Span, describe
from decoct.tasks._json import load_object
from decoct.tasks._prompt import PromptFile
from decoct.tasks.base import Answer, Claim, Example, Prompt, RelationType

DRUG, ADVERSE_EFFECT, ADE = "Drug", "AdverseEffect", "ADE"
ADVERSE_EVENT = RelationType(ADE, DRUG, ADVERSE_EFFECT)
_PROMPT = PromptFile(files("decoct.tasks").joinpath("prompts", "ade.jinja"))


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class _Event(BaseModel):
    """One drug and one effect; models add fields of their own, which are passed over."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    drug: Annotated[list[str], BeforeValidator(_as_list)]
    effect: Annotated[list[str], BeforeValidator(_as_list)] = Field(
        validation_alias=AliasChoices("effect", "ade", "adverse_effect")
    )


class _Response(BaseModel):
    model_config = ConfigDict(extra="ignore")

    drugs: list[str] = []
    events: list[_Event] = Field(validation_alias=AliasChoices("events", "relations"))


class AdverseDrugEvents:
    """The `ade` task: `Drug` spans, `AdverseEffect` spans, and `ADE` relations from drug to effect.

    Source: the task of Gurulingappa et al. 2012 (ADE corpus) as used by Gu et al. 2023
    (arXiv 2307.06439); the prompt is our own and asks for every drug, also one without an effect,
    so that the student learns to find drugs as such.
    """

    name = "ade"
    tagged = (DRUG,)
    relation_types = (ADVERSE_EVENT,)
    exclusive = True
    threshold = 0.5

    @cached_property
    def schema(self) -> Mapping[str, Any]:
        """JSON schema of an answer, in the strict subset that endpoints enforce."""
        string = {"type": "string"}
        event = {
            "type": "object",
            "properties": {"drug": string, "effect": string},
            "required": ["drug", "effect"],
            "additionalProperties": False,
        }
        return {
            "type": "object",
            "properties": {
                "drugs": {"type": "array", "items": string},
                "events": {"type": "array", "items": event},
            },
            "required": ["drugs", "events"],
            "additionalProperties": False,
        }

    def prompt(
        self,
        *texts: str,
        examples: Sequence[Example] = (),
        nearest: Sequence[Example] = (),
        packed: bool = False,
    ) -> Prompt:
        """Render what a teacher is asked, from `prompts/ade.jinja`."""
        return _PROMPT.render(texts, examples, nearest, packed)

    def answer(self, document: Document) -> dict[str, Any]:
        """Return a document's annotations in the schema, in order of place, each string once.

        Each string is a stretch of the text as it stands there; that of a span in pieces reaches
        from its first piece to its last.
        """
        pairs = sorted(
            ((subject, target) for _, subject, target in document.pairs(ADE)),
            key=lambda pair: (_place(pair[0]), _place(pair[1])),
        )
        drugs = [span for span in document.spans if span.label == DRUG]
        drugs += [subject for subject, _ in pairs]

        def quote(span: Span) -> str:
            return document.text[span.start : span.end]

        events = dict.fromkeys((quote(drug), quote(effect)) for drug, effect in pairs)
        return {
            "drugs": list(dict.fromkeys(quote(drug) for drug in sorted(drugs, key=_place))),
            "events": [{"drug": drug, "effect": effect} for drug, effect in events],
        }

    def parse(self, content: str) -> Answer:
        """Read a raw answer: JSON, also with words or a fence around it, or with small mistakes.

        Args:
            content: `{"drugs": [...], "events": [{"drug": ..., "effect": ...}]}`; `relations` and
                `ade` are taken for `events` and `effect`, and `drugs` may be missing.

        Raises:
            AnswerError: it is not JSON, is broken off, or does not fit.
        """
        try:
            response = _Response.model_validate(load_object(content))
        except ValidationError as error:
            found = describe(error, quote=False)  # values may be the document's text
            raise AnswerError(f"answer does not fit the {self.name} schema: {found}") from None
        claims = tuple(
            Claim(ADVERSE_EVENT, drug, effect)
            for event in response.events
            for drug in event.drug
            for effect in event.effect
        )
        named = [*response.drugs, *(claim.subject for claim in claims)]
        return Answer(tuple((DRUG, name) for name in dict.fromkeys(named)), claims)


def _place(span: Span) -> tuple[int, int]:
    return span.start, span.end


plugin = AdverseDrugEvents()
