"""A declared task whose answers are spans and relations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from decoct.errors import AnswerError
from decoct.records import Document, Span, describe
from decoct.tasks._file import TaskFile
from decoct.tasks._json import load_object
from decoct.tasks._prompt import PromptFile
from decoct.tasks.base import Answer, Claim, Example, Prompt, RelationType


class _Span(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    label: str = Field(validation_alias=AliasChoices("label", "type", "kind"))
    text: str = Field(validation_alias=AliasChoices("text", "string", "mention", "span"))


class _Relation(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    label: str = Field(validation_alias=AliasChoices("label", "type", "relation"))
    subject: str
    object: str
    subject_label: str | None = None
    object_label: str | None = None


class _Response(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    spans: list[_Span] = Field(default=[], validation_alias=AliasChoices("spans", "entities"))
    relations: list[_Relation] = []


class DeclaredSpans:
    """A task of spans and relations, made of a file.

    Args:
        file: what it is about.
        prompt: the jinja2 file; sees `task`, the `TaskFile`, and `kinds`, `relation_kinds`.
    """

    def __init__(self, file: TaskFile, prompt: PromptFile) -> None:
        self.file = file
        self.name = file.name
        self.exclusive = not file.nested
        self.threshold = file.threshold
        self.relation_types = tuple(
            RelationType(label, subject, target)
            for label, relation in file.relations.items()
            for subject in relation.subject
            for target in relation.object
        )
        self.tagged = tuple(label for label in file.entities if self._is_alone(label))
        self._prompt = prompt
        self._sides = {
            label: (len(relation.subject) > 1, len(relation.object) > 1)
            for label, relation in file.relations.items()
        }
        self._shown = tuple(Example(one.text, self._answer_of(one)) for one in file.examples)

    @cached_property
    def schema(self) -> Mapping[str, Any]:
        """JSON schema of an answer, in the strict subset that endpoints enforce."""
        parts = {"spans": _rows({"label": _one_of(self.tagged), "text": {"type": "string"}})}
        if self.relation_types:
            subject, target = (any(side) for side in zip(*self._sides.values(), strict=True))
            fields: dict[str, Any] = {"label": _one_of(self.file.relations)}
            if subject:
                fields["subject_label"] = _one_of({one.subject: 0 for one in self.relation_types})
            fields["subject"] = {"type": "string"}
            if target:
                fields["object_label"] = _one_of({one.object: 0 for one in self.relation_types})
            fields["object"] = {"type": "string"}
            parts["relations"] = _rows(fields)
        return {
            "type": "object",
            "properties": parts,
            "required": list(parts),
            "additionalProperties": False,
        }

    def prompt(
        self,
        *texts: str,
        examples: Sequence[Example] = (),
        nearest: Sequence[Example] = (),
        packed: bool = False,
    ) -> Prompt:
        """Render what a teacher is asked; the file's own examples come before any others."""
        return self._prompt.render(
            texts,
            (*self._shown, *examples),
            nearest,
            packed,
            task=self.file,
            tagged={label: self.file.entities[label].definition for label in self.tagged},
            others={
                label: kind.definition
                for label, kind in self.file.entities.items()
                if label not in self.tagged
            },
            fields=list(
                self.schema["properties"].get("relations", {"items": {"required": []}})["items"][
                    "required"
                ]
            ),
        )

    def answer(self, document: Document) -> dict[str, Any]:
        """Return a document's annotations in the schema, in order of place, each once.

        Each string is a stretch of the text as it stands there; that of a span in pieces reaches
        from its first piece to its last.
        """

        def quote(span: Span) -> str:
            return document.text[span.start : span.end]

        spans = sorted(document.spans, key=lambda span: (span.start, span.end))
        named = dict.fromkeys((s.label, quote(s)) for s in spans if s.label in self.tagged)
        claims = {
            Claim(kind, quote(subject), quote(target)): (subject.start, target.start)
            for relation, subject, target in document.pairs()
            for kind in [RelationType(relation.label, subject.label, target.label)]
            if kind in self.relation_types
        }
        return self._write(named, sorted(claims, key=lambda claim: claims[claim]))

    def parse(self, content: str) -> Answer:
        """Read a raw answer: JSON, also with words or a fence around it, or with small mistakes.

        Raises:
            AnswerError: it is not JSON, is broken off, or does not fit.
        """
        try:
            response = _Response.model_validate(load_object(content))
        except ValidationError as error:
            found = describe(error, quote=False)  # values may be the document's text
            raise AnswerError(f"answer does not fit the {self.name} schema: {found}") from None
        mentions = [
            (self._label(f"spans.{n}", one.label), one.text) for n, one in enumerate(response.spans)
        ]
        claims = [
            Claim(self._kind(f"relations.{n}", one, mentions), one.subject, one.object)
            for n, one in enumerate(response.relations)
        ]
        mentions += [(claim.type.subject, claim.subject) for claim in claims]
        # a span of a kind that is found through relations alone stands in those that it is in
        named = dict.fromkeys(one for one in mentions if one[0] in self.tagged)
        return Answer(tuple(named), tuple(dict.fromkeys(claims)))

    def _is_alone(self, label: str) -> bool:
        stated = self.file.entities[label].alone
        if any(kind.subject == label for kind in self.relation_types):
            return True
        if stated is None:
            return all(kind.object != label for kind in self.relation_types)
        return stated

    def _label(self, where: str, label: str) -> str:
        """Return the label that is meant, whatever its case.

        Raises:
            AnswerError: there is none such.
        """
        found = _folded(self.file.entities).get(_fold(label))
        if found is None:
            raise AnswerError(
                f"{where}.label is none of: {', '.join(self.tagged)}; take one of these"
            )
        return found

    def _kind(
        self, where: str, said: _Relation, mentions: Sequence[tuple[str, str]]
    ) -> RelationType:
        """Return what a relation is between, from what is said of it or of its strings."""
        label = _folded(self.file.relations).get(_fold(said.label))
        kinds = [kind for kind in self.relation_types if kind.label == label]
        if not kinds:
            raise AnswerError(
                f"{where}.label is none of: {', '.join(self.file.relations)}; take one of these"
            )
        for role, stated, string in (
            ("subject", said.subject_label, said.subject),
            ("object", said.object_label, said.object),
        ):
            known = {_fold(stated)} if stated else set()
            known = known or {_fold(name) for name, mention in mentions if mention == string}
            fitting = [kind for kind in kinds if _fold(getattr(kind, role)) in known]
            if stated and not fitting:
                raise AnswerError(
                    f"{where}.{role}_label is none of: "
                    f"{', '.join(dict.fromkeys(getattr(kind, role) for kind in kinds))}"
                )
            kinds = fitting or kinds
        return kinds[0]

    def _answer_of(self, example: Any) -> dict[str, Any]:  # noqa: ANN401 (a `ShownExample`)
        mentions = [(label, string) for label, string in example.spans]
        claims = [
            Claim(
                self._kind("", _Relation(label=label, subject=one, object=other), mentions),
                one,
                other,
            )
            for label, one, other in example.relations
        ]
        named = dict.fromkeys(one for one in mentions if one[0] in self.tagged)
        named |= dict.fromkeys((claim.type.subject, claim.subject) for claim in claims)
        return self._write(named, claims)

    def _write(
        self, named: Mapping[tuple[str, str], None], claims: Sequence[Claim]
    ) -> dict[str, Any]:
        written: dict[str, Any] = {
            "spans": [{"label": label, "text": string} for label, string in named]
        }
        if self.relation_types:
            written["relations"] = [dict(self._fields(claim)) for claim in dict.fromkeys(claims)]
        return written

    def _fields(self, claim: Claim) -> Iterator[tuple[str, str]]:
        properties = self.schema["properties"]["relations"]["items"]["properties"]
        values = {
            "label": claim.type.label,
            "subject_label": claim.type.subject,
            "subject": claim.subject,
            "object_label": claim.type.object,
            "object": claim.object,
        }
        return ((name, values[name]) for name in properties)


def _rows(fields: dict[str, Any]) -> dict[str, Any]:
    item = {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }
    return {"type": "array", "items": item}


def _one_of(labels: Sequence[str] | Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "string", "enum": list(labels)}


def _fold(label: str) -> str:
    return "".join(char for char in label.casefold() if char.isalnum())


def _folded(labels: Mapping[str, Any]) -> dict[str, str]:
    return {_fold(label): label for label in labels}
