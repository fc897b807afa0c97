"""Configuration: TOML in, checked settings out; an unknown key is an error with its full path."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from decoct.errors import ConfigError, StoreError
from decoct.records import describe
from decoct.registry import nearest


class Settings(BaseModel):
    """Base of every settings table: frozen, and no key that is not a field."""

    model_config = ConfigDict(frozen=True, extra="forbid")


S = TypeVar("S", bound=Settings)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        StoreError: it can't be read.
        ConfigError: it is not TOML; the message gives line and column.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(f"{path}: can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None


def check(settings: type[S], data: dict[str, Any], where: str) -> S:
    """Make settings of a parsed table.

    Args:
        settings: the class to make.
        data: the table; keys that are None are left to the defaults.
        where: file or command, for messages.

    Raises:
        ConfigError: with every fault in one line, unknown keys with the nearest valid name.
    """
    try:
        return settings.model_validate({k: v for k, v in data.items() if v is not None})
    except ValidationError as error:
        unknown = [fault["loc"] for fault in error.errors() if fault["type"] == "extra_forbidden"]
        found = [_unknown(settings, path) for path in unknown]
        others = describe(error, without="extra_forbidden")
        raise ConfigError(f"{where}: {'; '.join([*found, others] if others else found)}") from None


def _unknown(settings: type[BaseModel], path: tuple[int | str, ...]) -> str:
    """Say which key is unknown and which name was probably meant."""
    table = _table(settings, path[:-1])
    known = list(table.model_fields) if table else []
    full = ".".join(str(step) for step in path)
    listed = f"; known: {', '.join(known)}" if known else ""
    return f"unknown key {full!r}{nearest(str(path[-1]), known)}{listed}"


def _table(annotation: object, path: tuple[int | str, ...]) -> type[BaseModel] | None:
    """Return the settings that a path ends at, through optional tables and those in lists."""
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        inner = path[1:] if get_origin(annotation) in (list, tuple, dict) else path
        found = (_table(argument, inner) for argument in get_args(annotation))
        return next((table for table in found if table), None)
    if not path:
        return annotation
    field = annotation.model_fields.get(str(path[0]))
    return _table(field.annotation, path[1:]) if field else None
