"""An index's folder, and the card that says what is in it.

::

    config.json         the card: format, settings, segments, which knowledge base, which encoder
    kb/                 the knowledge base (`decoct.kb.EntityStore`)
    segments/0/         names that were added together
        names/          the names, and whose they are
        ngram/ bm25/ dense/
                        each retriever's files; those with a number are of a generation
    encoder/            the encoder, where it was fine-tuned for this index
    onnx/               the encoder as `decoct export` writes it, to read mentions without torch
    glossary.tsv        the glossary, where its encoder reads with one from a file
    lists.jsonl         candidates of the mentions that it has learnt, as if it had not

A change writes what is new beside what is there, says in `config.next.json` what is to be, changes
the knowledge base in one step, and then gives the card its name. Whoever opens the folder in
between knows by the knowledge base which of the two cards is true.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from decoct.errors import ArtifactError, StoreError
from decoct.kb.store import EntityStore
from decoct.records import describe
from decoct.retriever.settings import IndexSettings
from decoct.store import read_json, write_text

CARD, NEXT = "config.json", "config.next.json"
KB, SEGMENTS, NAMES = "kb", "segments", "names"
ENCODER, GLOSSARY, LISTS = "encoder", "glossary.tsv", "lists.jsonl"
FORMAT = 1


class KbState(BaseModel):
    """By what an index knows its knowledge base.

    Attributes:
        content_hash: of ids and names.
        n_rows: rows of the store, removed ones included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    content_hash: str
    n_rows: int

    @classmethod
    def of(cls, store: EntityStore) -> Self:
        """Return what a store's is."""
        return cls(content_hash=store.content_hash, n_rows=store.n_rows)


class IndexCard(BaseModel):
    """What is in an index's folder.

    Attributes:
        format: version of the folder's layout.
        decoct: version of decoct that wrote it.
        settings: of the retrievers and their fusion.
        identities: retriever -> what its index depends on, such as the encoder's hash.
        kb: the knowledge base that it is of.
        source: the knowledge base's manifest, when the index was built.
        segments: numbers of their folders, in order.
        generation: number of the files that every change writes anew.
        n_entities: living ones.
        n_names: living ones.
        facts: retriever -> what is to be known of its index, such as its bytes.
        seconds: what building it took.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    decoct: str
    settings: IndexSettings
    identities: dict[str, dict[str, str]]
    kb: KbState
    source: dict[str, Any] = Field(default_factory=dict)
    segments: tuple[int, ...]
    generation: int
    n_entities: int
    n_names: int
    facts: dict[str, dict[str, Any]] = Field(default_factory=dict)
    seconds: float = 0.0

    def write(self, folder: Path, name: str = CARD) -> None:
        """Write the card.

        Raises:
            StoreError: the folder can't be written.
        """
        write_text(folder / name, self.model_dump_json(indent=2) + "\n")


def read_card(folder: Path) -> IndexCard:
    """Read what is in an index's folder, and finish a change that was broken off.

    Raises:
        ArtifactError: it is no index, damaged, of a newer version, or its knowledge base was
            changed by something else.
    """
    card = _read(folder, CARD)
    state = KbState.of(open_kb(folder))
    if card.kb == state:
        return card
    following = _read(folder, NEXT) if (folder / NEXT).is_file() else None
    if following is not None and following.kb == state:
        with suppress(OSError):  # a folder that is only read; the next change does it
            (folder / NEXT).replace(folder / CARD)
        return following
    raise ArtifactError(
        f"{folder}: its knowledge base {folder / KB} was changed by something else than "
        f"decoct index: build the index again with decoct index --kb {folder / KB} --out NEW"
    )


def open_kb(folder: Path) -> EntityStore:
    """Open an index's knowledge base.

    Raises:
        ArtifactError: it is missing or damaged.
    """
    try:
        return EntityStore.open(folder / KB)
    except StoreError as error:
        raise ArtifactError(f"{error}, and then its index with decoct index --kb") from None


def segment_folder(folder: Path, number: int) -> Path:
    """Return the folder of a segment."""
    return folder / SEGMENTS / str(number)


def sweep(folder: Path, card: IndexCard) -> None:
    """Delete what a card no longer names; whoever has it open goes on with it."""
    with suppress(OSError):
        (folder / NEXT).unlink(missing_ok=True)
    kept = {str(number) for number in card.segments}
    for path in _listed(folder / SEGMENTS):
        if path.name not in kept:
            shutil.rmtree(path, ignore_errors=True)
            continue
        for file in path.glob("*/*.*.npy"):
            number = file.name.split(".")[-2]
            if number.isdigit() and int(number) != card.generation:
                with suppress(OSError):  # a system that does not delete what is mapped
                    file.unlink()


def free_number(folder: Path) -> int:
    """Return a number that no segment's folder has."""
    numbers = [int(path.name) for path in _listed(folder / SEGMENTS) if path.name.isdigit()]
    return 1 + max(numbers, default=-1)


def _listed(folder: Path) -> Sequence[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return ()


def _read(folder: Path, name: str) -> IndexCard:
    path = folder / name
    if not path.is_file():
        raise ArtifactError(
            f"{folder}: holds no index ({name} is missing); make one with "
            f"decoct index --kb FILE --out {folder}"
        )
    try:
        data = read_json(path)
        version = data.get("format") if isinstance(data, dict) else None
        if isinstance(version, int) and version > FORMAT:
            raise ArtifactError(
                f"{folder}: is an index of format {version}, this decoct reads up to {FORMAT}; "
                "update decoct, or build the index again with decoct index --kb"
            )
        if version is None or "segments" not in data:
            raise ArtifactError(
                f"{folder}: is no index of decoct's; make one with decoct index --kb FILE --out"
            )
        return IndexCard.model_validate(data)
    except StoreError as error:
        raise ArtifactError(f"{error}; build the index again with decoct index --kb") from None
    except ValidationError as error:
        raise ArtifactError(
            f"{path}: {describe(error)}; build the index again with decoct index --kb"
        ) from None
