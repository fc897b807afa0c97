"""Distil what a large language model knows about biomedical text into a small model you own.

Example:
    silver = decoct.label(documents, task="ade", teacher="openai:gpt-5-mini")
    student = decoct.distill(silver, encoder="embedded")
    student.extract("Intravenous azithromycin-induced ototoxicity.")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decoct.errors import DecoctError, Faults
    from decoct.formats.base import read
    from decoct.integrations.frames import extract
    from decoct.integrations.pipeline import pipeline
    from decoct.linker.linker import Linker
    from decoct.privacy.deidentifier import deidentify
    from decoct.recipes.distill import distill
    from decoct.recipes.evaluate import compare, evaluate
    from decoct.recipes.index import index
    from decoct.recipes.judge import judge
    from decoct.recipes.label import Silver, label
    from decoct.recipes.run import run
    from decoct.recipes.view import show
    from decoct.records import Document, Relation, Span
    from decoct.student.student import Student

_HOME = {
    "DecoctError": "decoct.errors",
    "Document": "decoct.records",
    "Faults": "decoct.errors",
    "Linker": "decoct.linker.linker",
    "Relation": "decoct.records",
    "Silver": "decoct.recipes.label",
    "Span": "decoct.records",
    "Student": "decoct.student.student",
    "compare": "decoct.recipes.evaluate",
    "deidentify": "decoct.privacy.deidentifier",
    "distill": "decoct.recipes.distill",
    "evaluate": "decoct.recipes.evaluate",
    "extract": "decoct.integrations.frames",
    "index": "decoct.recipes.index",
    "judge": "decoct.recipes.judge",
    "label": "decoct.recipes.label",
    "pipeline": "decoct.integrations.pipeline",
    "read": "decoct.formats.base",
    "run": "decoct.recipes.run",
    "show": "decoct.recipes.view",
}

__all__ = [
    "DecoctError",
    "Document",
    "Faults",
    "Linker",
    "Relation",
    "Silver",
    "Span",
    "Student",
    "compare",
    "deidentify",
    "distill",
    "evaluate",
    "extract",
    "index",
    "judge",
    "label",
    "pipeline",
    "read",
    "run",
    "show",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that `import decoct` is quick."""
    if name not in _HOME:
        raise AttributeError(f"module 'decoct' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
