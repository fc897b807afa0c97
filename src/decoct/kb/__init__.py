"""Knowledge bases: entries with their names, where they are read from and how they are kept.

Example:
    kb = decoct.kb.read_kb("doid.obo")
    store = kb.save("kb")
    store["DOID:14330"].name
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decoct.kb.reading import KnowledgeBase, read_kb
    from decoct.kb.store import EntityStore

_HOME = {
    "EntityStore": "decoct.kb.store",
    "KnowledgeBase": "decoct.kb.reading",
    "read_kb": "decoct.kb.reading",
}

__all__ = ["EntityStore", "KnowledgeBase", "read_kb"]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name not in _HOME:
        raise AttributeError(f"module 'decoct.kb' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
