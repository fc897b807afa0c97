"""Write a source, read it, and see what came of it."""

from pathlib import Path
from typing import Any

import pytest

from decoct.errors import Faults
from decoct.kb.base import Entity
from decoct.kb.reading import KnowledgeBase, read_kb


class Source:
    """A file that is written and read as a knowledge base."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults = Faults()
        self.kb: KnowledgeBase | None = None

    def __call__(
        self, file: str, content: str | bytes, format: str | None = None, /, **options: Any
    ) -> list[Entity]:
        path = self.folder / file
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.faults = Faults()
        self.kb = read_kb(path, format, self.faults, **options)
        return list(self.kb)

    def told(self) -> list[str]:
        """Return the faults without the folder."""
        return [str(fault).removeprefix(f"{self.folder}/") for fault in self.faults.kept]


@pytest.fixture
def read(tmp_path) -> Source:
    return Source(tmp_path)
