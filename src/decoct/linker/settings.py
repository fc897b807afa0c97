"""How mentions are linked."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from decoct.config import Settings


class LinkerSettings(Settings):
    """How a linker goes about it.

    Attributes:
        k: candidates that are retrieved and re-ranked.
        keep: candidates that a link names, best first.
        nil: whether a mention can be NIL. A teacher that was often not shown the right entity says
            NIL often, and so does a re-ranker that learns from it; off where every mention is known
            to have an entity.
        min_confidence: a best candidate that is less sure than this is NIL; 0 leaves it to the
            re-ranker, which weighs NIL against the others.
        abbreviations: look a mention up by its long form where the document defines one.
        labels: only spans of these labels are linked; none for all.
    """

    k: Annotated[int, Field(ge=1)] = 16
    keep: Annotated[int, Field(ge=0)] = 5
    nil: bool = True
    min_confidence: Annotated[float, Field(ge=0, lt=1)] = 0.0
    abbreviations: bool = True
    labels: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check_nil(self) -> Self:
        if self.min_confidence and not self.nil:
            raise ValueError("min_confidence: makes mentions NIL, which nil = false rules out")
        return self
