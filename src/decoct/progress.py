"""Progress as recipes report it; what is drawn, if anything, is the caller's choice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Something that shows how far along a piece of work is."""

    def track(self, items: Iterable[T], total: int | None, title: str) -> Iterator[T]:
        """Pass the items on, showing how many are done of `total`, and the time left."""
        ...

    def note(self, message: str) -> None:
        """Show one line."""
        ...


class Silent:
    """Shows nothing: the library's default."""

    def track(self, items: Iterable[T], total: int | None, title: str) -> Iterator[T]:
        """Pass the items on."""
        del total, title
        yield from items

    def note(self, message: str) -> None:
        """Show nothing."""
