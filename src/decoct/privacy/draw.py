"""Surrogates drawn with a key so that within one patient or document no two originals share one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from decoct.privacy.key import Key

_TRIES = 400


class Draw:
    """Draws a surrogate for each original, once; what was drawn before stays.

    Args:
        key: of the patient or document.
        is_fit: whether something may stand in the output: it holds none of the originals.
    """

    def __init__(self, key: Key, is_fit: Callable[[str], bool]) -> None:
        self._key = key
        self._is_fit = is_fit
        self._of: dict[tuple[str, str], str] = {}
        self._used: set[str] = set()

    def from_list(self, kind: str, original: str, names: Sequence[str], joint: str = "-") -> str:
        """Return the name that stands for an original; when all are used up, two joined.

        Args:
            kind: originals of different kinds never share a draw.
            original: folded.
            names: what to draw from.
            joint: what two names are joined with.
        """

        def nth(number: int, attempt: int) -> str:
            one = names[(number + attempt) % len(names)]
            if attempt < len(names):
                return one
            return f"{one}{joint}{names[(number // len(names) + attempt) % len(names)]}"

        found = self.made(kind, original, nth, len(names) + _TRIES)
        return found or f"X{self._key.hex(kind, original, n_chars=8)}"

    def made(
        self, kind: str, original: str, make: Callable[[int, int], str], n_tries: int = _TRIES
    ) -> str | None:
        """Return what `make(number, attempt)` makes for an original, or None if nothing fits.

        Args:
            kind: originals of different kinds never share a draw.
            original: folded.
            make: from a secret number and the number of the attempt to a surrogate.
            n_tries: how many attempts to make.
        """
        known = self._of.get((kind, original))
        if known is not None:
            return known
        number = self._key.number("draw", kind, original)
        for attempt in range(n_tries):
            found = make(number, attempt)
            folded = found.casefold()
            if folded != original and folded not in self._used and self._is_fit(found):
                self._used.add(folded)
                self._of[kind, original] = found
                return found
        return None
