"""Faults drawn at random, the same ones for the same seed, whatever order requests come in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from decoct.testing import faults as f
from decoct.testing.faults import Fault

TRANSIENT: Mapping[str, Fault] = {
    "throttled": f.throttled(),
    "throttled_until": f.throttled_until(1),
    "throttled_ms": f.throttled_ms(500),
    "429": f.throttled(None),
    "500": f.status(500),
    "503": f.status(503),
    "hang": f.hang(5),
    "reset": f.reset(),
    "cut_stream": f.cut_stream(),
    "wrong_length": f.wrong_length(),
    "short_length": f.wrong_length(-40),
    "truncated_json": f.truncated_json(),
    "garbage": f.garbage(),
    "empty_choices": f.empty_choices(),
}
ANSWERS: Mapping[str, Fault] = {
    "wrong_schema": f.wrong_schema(),
    "extra_prose": f.extra_prose(),
    "broken_answer": f.broken_answer(),
}
REFUSALS: Mapping[str, Fault] = {
    "content_filter": f.content_filter(),
    "finish_length": f.finish("length"),
    "refusal": f.refusal(),
}
ALL = {**TRANSIENT, **ANSWERS, **REFUSALS}
_GROUPS = {"transient": TRANSIENT, "answers": ANSWERS, "refusals": REFUSALS, "all": ALL}


def draw(*of: object) -> float:
    """Return a number from 0 to 1 that is the same for the same arguments, and else random."""
    digest = hashlib.blake2b("\0".join(map(str, of)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


class Mix:
    """Which fault a request gets.

    Args:
        shares: probability of each fault by its name, or of a group, which its members share
            evenly: `transient` (asking again helps), `answers` (whole, but not as asked),
            `refusals` (asking again is no use) or `all`. A number alone is that of `all`. An HTTP
            status is a name too.
        seed: another seed, other draws.
        hang_s: how late a `hang` of the mix is.

    Raises:
        ValueError: no fault of that name, or shares that are more than 1 together.
    """

    def __init__(
        self, shares: float | Mapping[str, float] | None, seed: int = 0, hang_s: float = 5.0
    ) -> None:
        self._seed = seed
        self._shares: list[tuple[float, Fault]] = []
        wanted = shares if isinstance(shares, Mapping) else {"all": shares or 0.0}
        for name, share in wanted.items():
            group = _GROUPS.get(name) or {name: _named(name)}
            for member, fault in group.items():
                dealt = f.hang(hang_s) if member == "hang" else fault
                self._shares.append((share / len(group), replace(dealt, name=member)))
        total = sum(share for share, _ in self._shares)
        if total > 1 + 1e-9 or any(share < 0 for share, _ in self._shares):
            raise ValueError(f"mix: shares go from 0 to 1 and make 1 at most, these {total:g}")

    def fault(self, prompt: str, n_before: int) -> Fault | None:
        """Return the fault, if any, that a prompt gets when it comes the n-th time."""
        if not self._shares:
            return None
        left = draw(self._seed, prompt, n_before)
        for share, fault in self._shares:
            if left < share:
                return fault
            left -= share
        return None


def _named(name: str) -> Fault:
    if name in ALL:
        return ALL[name]
    if name.isdecimal() and 400 <= int(name) <= 599:
        return f.status(int(name))
    known = ", ".join([*_GROUPS, *ALL])
    raise ValueError(f"mix: no fault is called {name!r}; there are {known}, and HTTP statuses")
