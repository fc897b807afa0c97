"""How a server behaves; everything here may be changed while it runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from decoct.testing.batch_lines import BatchBehavior
from decoct.testing.faults import Fault
from decoct.testing.mix import Mix

Body = Mapping[str, Any]
Messages = list[dict[str, Any]]
Handler = Callable[[Messages], str | Awaitable[str]]


@dataclass(eq=False)
class Manner:
    """What a server's parts go by.

    Attributes:
        handler: messages -> the content of the answer; may be a coroutine function. It runs in the
            server's thread when a request has come, before its latency, and holds everybody up
            while it does not await.
        faults: taken one a request, from the left.
        standing: faults in force for good, or as long as they say; those with `unless` for the
            chat requests that do not satisfy it, those without come last.
        mix: faults drawn for the chat requests that get none of these.
        seed: of the mix, the jitter and the batches.
        latency_s: how long every answer takes at least.
        jitter_s: up to so much more, drawn for each chat request.
        cached_tokens: how many of a prompt's tokens `usage` says came out of a cache.
        batch: how the batches go that are made from now on.
    """

    handler: Handler
    faults: deque[Fault]
    standing: list[Fault]
    mix: Mix
    seed: int
    latency_s: float
    jitter_s: float
    cached_tokens: int
    batch: BatchBehavior
