"""Who may ask, and how much: the key, and limits a minute."""

from __future__ import annotations

import math
import time
from collections import deque

from decoct.testing.faults import Fault, status, throttled
from decoct.testing.wire import Headers


class Limit:
    """So much within any window of time, and no more.

    Args:
        amount: how much, None for no limit.
        window_s: within how many seconds.
    """

    def __init__(self, amount: float | None, window_s: float) -> None:
        self._amount = amount
        self._window_s = window_s
        self._taken: deque[tuple[float, float]] = deque()
        self._sum = 0.0

    def wait_s(self, cost: float) -> float:
        """Return how long until `cost` would be let in; 0 for now."""
        if self._amount is None:
            return 0.0
        now = time.monotonic()
        while self._taken and self._taken[0][0] <= now - self._window_s:
            self._sum -= self._taken.popleft()[1]
        excess = self._sum + cost - self._amount
        for at, taken in self._taken:
            if excess <= 0:
                return 0.0
            excess -= taken
            if excess <= 0:
                return at + self._window_s - now
        return 0.0  # what is more than a whole window's is let in when nothing else is

    def take(self, cost: float) -> None:
        """Count what was let in."""
        if self._amount is not None:
            self._taken.append((time.monotonic(), cost))
            self._sum += cost


class Gate:
    """What every request has to pass before it is looked at.

    Args:
        api_key: the one right key, in `Authorization: Bearer` or, as Azure has it, `api-key`.
        requests_per_minute: chat requests let in; what is turned away does not count.
        tokens_per_minute: prompt tokens let in.
        window_s: the time over which a minute's limit is enforced: 600 a minute is 10 within any
            second where this is 1.
    """

    def __init__(
        self,
        api_key: str | None,
        requests_per_minute: float | None,
        tokens_per_minute: float | None,
        window_s: float,
    ) -> None:
        self._api_key = api_key
        share = window_s / 60
        self._requests = Limit(requests_per_minute and requests_per_minute * share, window_s)
        self._tokens = Limit(tokens_per_minute and tokens_per_minute * share, window_s)

    def locked(self, headers: Headers) -> Fault | None:
        """Return the 401 of a request without the key."""
        given = (headers.get("api-key"), headers.get("authorization", "").removeprefix("Bearer "))
        if self._api_key is None or self._api_key in given:
            return None
        message = "Incorrect API key provided."
        return status(401, message=message, type="invalid_request_error", code="invalid_api_key")

    def crowded(self, n_tokens: int) -> Fault | None:
        """Let a chat request in, or return its 429."""
        wait_s = max(self._requests.wait_s(1), self._tokens.wait_s(n_tokens))
        if wait_s > 0:
            return throttled(str(math.ceil(wait_s)))
        self._requests.take(1)
        self._tokens.take(n_tokens)
        return None
