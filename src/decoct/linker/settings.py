"""How mentions are linked."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from decoct.config import Settings


class LinkerSettings(Settings):
    """How a linker goes about it.

    Attributes:
        k: candidates that are retrieved and re-ranked.
        keep: candidates that a link names, best first.
        min_confidence: a best candidate that is less sure than this is NIL; 0 leaves it to the
            re-ranker, which weighs NIL against the others.
        abbreviations: look a mention up by its long form where the document defines one.
        labels: only spans of these labels are linked; none for all.
    """

    k: Annotated[int, Field(ge=1)] = 16
    keep: Annotated[int, Field(ge=0)] = 5
    min_confidence: Annotated[float, Field(ge=0, lt=1)] = 0.0
    abbreviations: bool = True
    labels: tuple[str, ...] = ()
