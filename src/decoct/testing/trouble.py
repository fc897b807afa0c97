"""Which fault is in force for a request: those that stand, those in the queue, those drawn."""

from __future__ import annotations

import time
from dataclasses import replace

from decoct.testing.faults import Fault
from decoct.testing.manner import Body, Manner

NONE = Fault()


class Trouble:
    """What is to go wrong with each request."""

    def __init__(self, manner: Manner) -> None:
        self._manner = manner
        self._started = time.monotonic()

    def start(self) -> float:
        """Note the time; return for how many seconds connections are refused from now on."""
        self._started = time.monotonic()
        refusing = (fault for fault in self._manner.standing if fault.refuse)
        return max((fault.for_s or 0.0 for fault in refusing), default=0.0)

    def next(self, chat: Body | None, prompt: str, n_before: int) -> Fault:
        """Return the fault of one request, or `NONE`.

        Args:
            chat: a chat request's body, None for another request.
            prompt: its hash.
            n_before: how often it came before.
        """
        found = self._starting() or (self.complaint(chat) if chat is not None else None)
        if found is not None:
            return found
        if self._manner.faults:
            return self._manner.faults.popleft()
        if chat is None:
            return NONE
        return self._manner.mix.fault(prompt, n_before) or self.always()

    def complaint(self, chat: Body) -> Fault | None:
        """Return the standing fault that a chat request does not satisfy."""
        for fault in self._manner.standing:
            if fault.unless is not None and not fault.unless(chat):
                return fault
        return None

    def always(self) -> Fault:
        """Return the standing fault without a condition, or `NONE`."""
        plain = (f for f in self._manner.standing if f.unless is None and f.for_s is None)
        return next(plain, NONE)

    def _starting(self) -> Fault | None:
        for fault in self._manner.standing:
            if fault.for_s is not None and not fault.refuse:
                left_s = fault.for_s - (time.monotonic() - self._started)
                if left_s > 0:
                    return replace(fault, hang_s=min(fault.hang_s, left_s))
        return None
