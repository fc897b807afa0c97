"""From a task's TOML file to the task."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from decoct.config import check, read_toml
from decoct.errors import ConfigError
from decoct.tasks._file import TaskFile
from decoct.tasks._labels import DeclaredLabels, DeclaredPairs
from decoct.tasks._prompt import PromptFile
from decoct.tasks._spans import DeclaredSpans

_HERE = files("decoct.tasks")


def built_in(name: str) -> DeclaredSpans | DeclaredLabels:
    """Return the task that `declared/NAME.toml` describes."""
    return load_task(Path(str(_HERE.joinpath("declared", f"{name}.toml"))))


def load_task(path: Path) -> DeclaredSpans | DeclaredLabels:
    """Read a task from its file.

    Raises:
        StoreError: the file can't be read.
        ConfigError: it is not TOML, or contradicts itself; names each such place.
    """
    file = check(TaskFile, read_toml(path), str(path))
    kind = "labels" if file.labels else "spans"
    source: Traversable = _HERE.joinpath("prompts", f"{kind}.{file.language}.jinja")
    if file.prompt is not None:
        source = path.parent / file.prompt
        if not source.is_file():
            raise ConfigError(f"{path}: prompt {file.prompt!r} is not there, beside it")
    prompt = PromptFile(source)
    if file.entities:
        return DeclaredSpans(file, prompt)
    return DeclaredPairs(file, prompt) if file.second else DeclaredLabels(file, prompt)
