"""What a reader of knowledge bases is.

It says what stands in the source, place by place; what is blank, too long or said twice is looked
after in one place for all of them (`decoct.kb.gather`). A reader's module binds `plugin`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import BeforeValidator

from decoct.config import Settings
from decoct.errors import Faults
from decoct.registry import Shelf

READERS = Shelf("decoct.kb.readers", noun="knowledge-base format")


def _split(value: object) -> object:
    """Take `a,b` for a list of two, as a flag gives it."""
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    return value


Words = Annotated[tuple[str, ...], BeforeValidator(_split)]


class ReaderSettings(Settings):
    """What every reader may be told.

    Attributes:
        release: the source's version, where it does not say itself.
        license_note: the terms it comes under, where it does not say itself.
        name_language: language tag, such as `zh`, of names whose language the source does not say.
        keep_types: entities of these semantic types alone; empty for all.
    """

    release: str = ""
    license_note: str = ""
    name_language: str = ""
    keep_types: Words = ()


@dataclass(slots=True)
class Entry:
    """What one place of a source says of an entity, as it stands there.

    Attributes:
        id: the entity's.
        names: (name, its language tag or "") in order, the preferred one first.
        definition: "" where there is none.
        types: semantic types.
        alternatives: other ids of it.
        line: where, from 1; 0 where lines are not known.
    """

    id: str
    names: list[tuple[str, str]]
    definition: str = ""
    types: list[str] = field(default_factory=list)
    alternatives: list[str] = field(default_factory=list)
    line: int = 0


@dataclass(slots=True)
class Notes:
    """What a reader says beside the entries.

    Attributes:
        faults: gets what could not be read.
        left_out: counts what was left out on purpose, by reason.
        release: the source's version.
        license_note: the terms it comes under.
    """

    faults: Faults
    left_out: Counter[str] = field(default_factory=Counter)
    release: str = ""
    license_note: str = ""


class Reader(Protocol):
    """One format of knowledge bases.

    Attributes:
        name: the word after `--kb-format`.
        suffixes: file endings, without `.gz`, that it is guessed by.
        settings: what it may be told.
        repeats: whether an id that comes again goes on with its entity, as rows of a table do;
            otherwise it is a fault, though nothing is lost: names are put together.
    """

    name: str
    suffixes: tuple[str, ...]
    settings: type[ReaderSettings]
    repeats: bool

    def knows(self, path: Path, head: bytes) -> bool:
        """Whether a file, of another ending, or a folder looks like this format.

        Args:
            path: the file or folder.
            head: what the file begins with, unzipped; b"" for a folder.
        """
        ...

    def files(self, path: Path) -> list[Path]:
        """Return the files that are read, the one that lines are counted in first.

        Raises:
            FormatError: a folder lacks what it must hold.
        """
        ...

    def read(self, path: Path, settings: Any, notes: Notes) -> Iterator[Entry]:  # noqa: ANN401
        """Yield what the source says, in order, in as little memory as the format allows.

        Raises:
            StoreError: it can't be opened.
            FormatError: it holds nothing of this format.
            ConfigError: it lacks a column or sheet that the settings name.
        """
        ...
