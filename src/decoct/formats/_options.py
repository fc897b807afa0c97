"""Options of readers and writers: their keyword-only parameters, given by users as words."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from decoct.errors import ConfigError, FormatError
from decoct.records import describe
from decoct.registry import nearest

_PREFIXES = ("from", "to")


def check_column(path: Path, wanted: str, names: Sequence[str]) -> None:
    """See that a table has the column that holds its texts.

    Raises:
        FormatError: it has not.
    """
    if wanted not in names:
        raise FormatError(
            f"{path}: no column is named {wanted!r}{nearest(wanted, names)}, there are "
            f"{', '.join(map(repr, names))}; name it by --option text=COLUMN"
        )


def accepted(method: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotation of each option that a `read` or `write` takes."""
    return {
        name: parameter.annotation
        for name, parameter in inspect.signature(method, eval_str=True).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }


def split_options(
    options: Mapping[str, str],
    readers: Iterable[Callable[..., Any]],
    writer: Callable[..., Any] | None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give readers and the writer the options that they know, as the types that they ask for.

    Args:
        options: name -> what the user wrote. `from.NAME` and `to.NAME` are for one side; a bare
            name goes to both, where both know it.
        readers: the `read` of each input's format.
        writer: the `write` of the output's, if it has one.

    Raises:
        ConfigError: nobody knows an option, or a value does not fit.
    """
    known: dict[str, dict[str, Any]] = {"from": {}, "to": accepted(writer) if writer else {}}
    for reader in readers:
        known["from"].update(accepted(reader))
    given: dict[str, dict[str, Any]] = {"from": {}, "to": {}}
    for full_name, value in options.items():
        side, _, name = full_name.rpartition(".")
        sides = [side] if side in _PREFIXES else list(_PREFIXES)
        if not side:
            sides = [one for one in sides if name in known[one]]
        if not sides or (side and side not in _PREFIXES) or name not in known[sides[0]]:
            names = sorted({*known["from"], *known["to"]})
            listed = f"there are: {', '.join(names)}" if names else "these formats have none"
            hint = nearest(name, names)
            raise ConfigError(f"--option {full_name}: no such option{hint}; {listed}")
        for one in sides:
            given[one][name] = _typed(full_name, known[one][name], value)
    return given["from"], given["to"]


def _typed(name: str, annotation: Any, value: str) -> Any:  # noqa: ANN401
    try:
        return TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        raise ConfigError(f"--option {name}={value}: {describe(error)}") from None
