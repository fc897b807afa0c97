"""How a re-ranker is trained; read without any library of a kind."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from decoct.config import Settings


class RankerSettings(Settings):
    """How choices become a re-ranker.

    Attributes:
        kind: a name on the shelf `reranker/kinds`.
        options: that kind's own settings.
        folds: parts that the choices are divided into; each part is judged by a re-ranker that was
            trained on the others. What they say there, on mentions that they have not seen, sets
            the blend, the threshold of NIL and the doubt about silver. 0 does without all three.
        doubt: what is done about a silver choice that those re-rankers find unlikely: `keep` it as
            it is, `weigh` it less, or `drop` it.
        min_trust: with `drop`, choices that are less sure than this after weighing are left out.
        retrieval: whether the retrievers' own scores have a part in the blend.
        seed: of the division and the training.
    """

    kind: str = "features"
    options: dict[str, Any] = Field(default_factory=dict)
    folds: Annotated[int, Field(ge=0)] = 5
    doubt: Literal["keep", "weigh", "drop"] = "weigh"
    min_trust: Annotated[float, Field(ge=0, lt=1)] = 0.5
    retrieval: bool = True
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 13
