"""All that is known of one patient, or of one document where patients are not told apart.

First every piece of PHI is added, then stand-ins are asked for: so none depends on the order in
which documents come, and no stand-in is a string that has to go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from decoct.privacy.ages import generalise_age
from decoct.privacy.dates import Shift, is_day_first, shift_dates
from decoct.privacy.draw import Draw
from decoct.privacy.key import Key
from decoct.privacy.labels import AGE, DATE, LOCATION, NAME
from decoct.privacy.names import People
from decoct.privacy.numbers import Numbers
from decoct.privacy.pieces import Piece
from decoct.privacy.places import Places
from decoct.privacy.sweep import Sweep
from decoct.privacy.words import SAYS_WHAT, folded

_WORD = re.compile(r"[^\W\d_\u3400-\u9fff\uf900-\ufaff]{3,}")


class Scope:
    """What stands for what, within one patient or document.

    Args:
        key: its own.
        day_first: whether 03/04 is in April; where a date of the scope tells, it is believed.

    Attributes:
        sweep: the strings that must not be left.
    """

    def __init__(self, key: Key, *, day_first: bool = False) -> None:
        self.sweep = Sweep()
        self._key = key
        self._day_first = day_first
        self._pieces: dict[tuple[str, str], None] = {}
        self._numbers_of: dict[tuple[str, str], int] = {}
        self._settled = False
        draw = Draw(key, self._is_fit)
        self._people = People(key, draw)
        self._shift = Shift.of(key, day_first)
        self._numbers = Numbers(key, draw, self._shift)
        self._places = Places(draw, self._numbers)

    def add(self, pieces: Iterable[Piece]) -> None:
        """Take note of a document's PHI; what may be told, such as an age of 40, is none."""
        for piece in pieces:
            if piece.label == AGE and generalise_age(piece.text) == piece.text:
                continue
            self._pieces[piece.label, piece.text] = None
            self.sweep.add(piece.label, piece.text)
            if piece.label == NAME:
                self._people.add(piece.text)
        self._settled = False

    def stand_in(self, piece: Piece) -> str | None:
        """Return what to put in a piece's place; None where only its type can be told."""
        self._settle()
        if piece.label == AGE:
            return generalise_age(piece.text)
        made = self._maker(piece.label)(piece.text)
        if piece.label != DATE and (made is None or _kept(piece.text, made)):
            made = self._numbers.stand_in(piece.label, piece.text)
        return None if made is None or folded(made) == folded(piece.text) else made

    def number(self, piece: Piece) -> int:
        """Return the number, from 1, of whom or what a piece names among those of its label."""
        self._settle()
        return self._numbers_of.get((piece.label, self._same(piece)), 0) or self._count(piece)

    def _settle(self) -> None:
        if self._settled:
            return
        self._settled = True
        told = {
            found
            for label, text in self._pieces
            if label == DATE and (found := is_day_first(text)) is not None
        }
        if len(told) == 1:
            self._shift = Shift.of(self._key, told.pop())
        self._people.settle()
        for label, text in self._pieces:
            self.number(Piece(0, len(text), label, text))
        for label, text in sorted(self._pieces):  # draws in an order that is not the text's
            if label not in (NAME, DATE, AGE):
                self.stand_in(Piece(0, len(text), label, text))

    def _maker(self, label: str) -> Callable[[str], str | None]:
        if label == NAME:
            return self._people.stand_in
        if label == DATE:
            return lambda text: shift_dates(text, self._shift)
        if label == LOCATION:
            return self._places.stand_in
        return lambda text: self._numbers.stand_in(label, text)

    def _is_fit(self, made: str) -> bool:
        return not self.sweep.holds(made)

    def _same(self, piece: Piece) -> str:
        return self._people.person_of(piece.text) if piece.label == NAME else folded(piece.text)

    def _count(self, piece: Piece) -> int:
        count = 1 + sum(label == piece.label for label, _ in self._numbers_of)
        self._numbers_of[piece.label, self._same(piece)] = count
        return count


def _kept(text: str, made: str) -> set[str]:
    """Return words of a text that are in its stand-in too, but for those that say what it is."""
    both = set(_WORD.findall(text.casefold())) & set(_WORD.findall(made.casefold()))
    return both - SAYS_WHAT
