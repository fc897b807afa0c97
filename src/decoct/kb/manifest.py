"""What is known of a knowledge base as a whole: where it is from, under what terms, how large."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from decoct.kb.base import Entity

_MODULUS = 1 << 256


class Manifest(BaseModel):
    """Where a knowledge base is from, and what is in it.

    Attributes:
        source: the file or folder it was read from; "" where it was made in memory.
        format: the reader's name, such as `obo`.
        release: the source's own version, such as `releases/2016-04-29`.
        license_note: the terms it comes under, as the source says or as was given.
        files: name -> SHA-256 of every file that was read.
        options: what the reader was told.
        left_out: what was left out on purpose, by reason, such as `obsolete`.
        skipped: what could not be read as it stood, by kind.
        n_entities: entities.
        n_names: names of all entities, each entity's once.
        n_ambiguous: names that more than one entity has, case aside.
        ambiguous: some of those.
        languages: language tag -> names that are known to be in it.
        content_hash: of ids and names, whatever their order; an index keeps it to know its own.
        date_read: the day, as 2025-01-31.
        decoct: the version that read it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = ""
    format: str = ""
    release: str = ""
    license_note: str = ""
    files: dict[str, str] = Field(default_factory=dict)
    options: dict[str, Any] = Field(default_factory=dict)
    left_out: dict[str, int] = Field(default_factory=dict)
    skipped: dict[str, int] = Field(default_factory=dict)
    n_entities: int = 0
    n_names: int = 0
    n_ambiguous: int = 0
    ambiguous: tuple[str, ...] = ()
    languages: dict[str, int] = Field(default_factory=dict)
    content_hash: str = ""
    date_read: str = ""
    decoct: str = ""


@dataclass(slots=True)
class Census:
    """Counts entities as they come and go.

    Attributes:
        n_entities: those counted.
        n_names: their names.
        languages: tag -> names.
        content: sum of the entities' hashes modulo 2^256, the same in whatever order they come.
    """

    n_entities: int = 0
    n_names: int = 0
    languages: Counter[str] = field(default_factory=Counter)
    content: int = 0

    @classmethod
    def of(cls, manifest: Manifest) -> Census:
        """Go on from what a manifest says."""
        return cls(
            manifest.n_entities,
            manifest.n_names,
            Counter(manifest.languages),
            int(manifest.content_hash or "0", 16),
        )

    def add(self, entity: Entity, sign: int = 1) -> None:
        """Count one entity; with `sign` -1, count it no longer."""
        names = entity.names
        self.n_entities += sign
        self.n_names += sign * len(names)
        self.content = (self.content + sign * _content(entity)) % _MODULUS
        for name, language in entity.languages.items():
            if name in names:
                self.languages[language] += sign

    def facts(self) -> dict[str, Any]:
        """Return what goes into the manifest."""
        return {
            "n_entities": self.n_entities,
            "n_names": self.n_names,
            "languages": {tag: n for tag, n in sorted(self.languages.items()) if n},
            "content_hash": f"{self.content:064x}",
        }


def _content(entity: Entity) -> int:
    """Hash id, preferred name and, in no order, the others."""
    name, *aliases = entity.names
    said = "\x1f".join((entity.id, name, *sorted(aliases)))
    return int.from_bytes(hashlib.blake2b(said.encode(), digest_size=32).digest(), "little")
