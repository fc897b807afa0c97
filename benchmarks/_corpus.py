"""The ADE corpus as the benchmarks read it: whole, or not at all."""

from __future__ import annotations

import sys
from pathlib import Path

from decoct.errors import Faults
from decoct.formats.base import FORMATS
from decoct.records import Document


def read_corpus(folder: Path, *, positives_only: bool = False) -> list[Document]:
    """Read the corpus in its native files; a line that can't be read ends the program."""
    faults = Faults()
    documents = list(FORMATS.get("ade_corpus").read(folder, faults, positives_only=positives_only))
    if faults:
        sys.exit(f"{faults.n} lines of the corpus could not be read: {faults.kept[0]}")
    return documents
