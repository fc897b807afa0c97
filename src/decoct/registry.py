"""Shelves of plug-ins: a folder of modules first, then the entry points of the same group.

Listing a shelf imports nothing; getting a plug-in imports that one. A plug-in module on a shelf
binds the name `plugin`; an entry point points straight at such an object. Built-ins and strangers
go the same road, and a stranger can't take a built-in's name.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable
from importlib.metadata import entry_points
from typing import Any

from decoct.errors import RegistryError


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean X?)` for the known name nearest to `name`, or an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""


class Shelf:
    """The plug-ins of one kind.

    Args:
        package: dotted name of the folder, which is also the entry points' group.
        noun: what a plug-in is called in messages, such as `teacher backend`.

    Example:
        >>> "jsonl" in Shelf("decoct.formats", noun="format").names()
        True
    """

    def __init__(self, package: str, noun: str) -> None:
        self.package = package
        self.noun = noun

    def names(self) -> list[str]:
        """Return every name on the shelf, sorted, importing no plug-in."""
        return sorted({*self._built_in(), *(point.name for point in self._strangers())})

    def get(self, name: str) -> Any:  # noqa: ANN401 (each shelf has its own contract)
        """Import and return one plug-in.

        Raises:
            RegistryError: there is none of that name; the message lists those there are.
        """
        if name in self._built_in():
            return importlib.import_module(f"{self.package}.{name}").plugin
        for point in self._strangers():
            if point.name == name:
                return point.load()
        names = self.names()
        raise RegistryError(
            f"no {self.noun} named {name!r}{nearest(name, names)}; there are: {', '.join(names)}"
        )

    def _built_in(self) -> list[str]:
        path = importlib.import_module(self.package).__path__
        return [
            module.name
            for module in pkgutil.iter_modules(path)
            if module.name != "base" and not module.name.startswith("_")
        ]

    def _strangers(self) -> Iterable[Any]:
        return entry_points(group=self.package)
