"""How a teacher is asked, whoever it is: how fast, how often, in what company, for how much."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from decoct.config import Settings

Count = Annotated[int, Field(ge=1)]


class AskSettings(Settings):
    """How a teacher is asked.

    Attributes:
        concurrency: requests under way at once, at most; fewer while the endpoint throttles.
        requests_per_minute: not more; None = as many as the endpoint takes.
        tokens_per_minute: sent and received together, not more; None likewise.
        max_attempts: how often one request is sent before it counts as unavailable.
        backoff_s: the first wait between attempts; it doubles up to a minute, and varies by chance.
        max_reasks: how often an answer that does not fit the schema is asked again, with what was
            wrong with it.
        samples: answers asked for each document; more than one are put to the vote.
        min_agreement: share of the samples that an annotation needs to be kept.
        pack: documents in one prompt, at most.
        examples: JSONL of documents with annotations, shown to the teacher.
        n_examples: how many of them a prompt shows.
        pick: `static` shows the first ones to all, `nearest` those most like the document.
        budget_usd: stop before more than this is spent.
        prices: TOML of prices, laid over those that decoct knows.
        contains_phi: the corpus holds protected health information: it is refused to any host that
            is neither loopback nor allowed.
    """

    concurrency: Count = 8
    requests_per_minute: Annotated[float, Field(gt=0)] | None = None
    tokens_per_minute: Annotated[float, Field(gt=0)] | None = None
    max_attempts: Count = 8
    backoff_s: Annotated[float, Field(gt=0)] = 1.0
    max_reasks: Annotated[int, Field(ge=0)] = 2
    samples: Count = 1
    min_agreement: Annotated[float, Field(gt=0, le=1)] = 0.5
    pack: Count = 1
    examples: Path | None = None
    n_examples: Count = 5
    pick: Literal["static", "nearest"] = "static"
    budget_usd: Annotated[float, Field(gt=0)] | None = None
    prices: Path | None = None
    contains_phi: bool = False
