"""Adverse drug events: which drugs a text names, and which harmful effects it says they caused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cached_property
from importlib.resources import files
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from decoct.errors import AnswerError
from decoct.records import describe
from decoct.tasks.base import Answer, Claim, Prompt

DRUG, ADVERSE_EFFECT, ADE = "Drug", "AdverseEffect", "ADE"
_FENCED = re.compile(r"```(?:json)?\s*(.*?)```", re.DOTALL)


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
    subject_label = DRUG
    object_labels: Mapping[str, str] = {ADE: ADVERSE_EFFECT}

    @cached_property
    def system(self) -> str:
        """The standing instructions, from `prompts/ade.md`."""
        return files("decoct.tasks").joinpath("prompts/ade.md").read_text(encoding="utf-8").strip()

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

    def prompt(self, text: str) -> Prompt:
        """Render what a teacher is asked about one text."""
        return Prompt(system=self.system, user=text)

    def parse(self, content: str) -> Answer:
        """Read a raw answer: JSON, also fenced or with words around it.

        Args:
            content: `{"drugs": [...], "events": [{"drug": ..., "effect": ...}]}`; `relations` and
                `ade` are taken for `events` and `effect`, and `drugs` may be missing.

        Raises:
            AnswerError: it is not JSON, or does not fit.
        """
        try:
            response = _Response.model_validate(_load_json(content))
        except ValidationError as error:
            found = describe(error, quote=False)  # values may be the document's text
            raise AnswerError(f"answer does not fit the {self.name} schema: {found}") from None
        claims = tuple(
            Claim(ADE, drug, effect)
            for event in response.events
            for drug in event.drug
            for effect in event.effect
        )
        named = [*response.drugs, *(claim.subject for claim in claims)]
        return Answer(subjects=tuple(dict.fromkeys(named)), claims=claims)


def _load_json(content: str) -> Any:  # noqa: ANN401 (JSON is what it is)
    fenced = _FENCED.search(content)
    candidate = fenced.group(1) if fenced else content
    opening = candidate.find("{")
    if opening < 0:
        raise AnswerError("answer holds no JSON object")
    try:
        found = json.JSONDecoder().raw_decode(candidate, opening)[0]
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        raise AnswerError(f"answer is not valid JSON: {error.msg}") from None
    except UnicodeEncodeError:
        raise AnswerError("answer holds a lone surrogate") from None
    except (ValueError, RecursionError):
        raise AnswerError(
            "answer is not sensible JSON: nested too deep, or a huge number"
        ) from None
    return found


plugin = AdverseDrugEvents()
