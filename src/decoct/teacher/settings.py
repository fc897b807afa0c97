"""Who is asked, and how: how fast, how often, in what company, for how much."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from decoct.config import Settings, check, read_toml
from decoct.errors import ConfigError
from decoct.teacher.base import Backend, load_teacher

LOG_NAME = "teacher.sqlite"
PATH_OPTIONS = frozenset({"api_key_file", "folder"})  # of backends
Count = Annotated[int, Field(ge=1)]
A = TypeVar("A", bound="AskSettings")
T = TypeVar("T", bound="TeacherSettings")


class AskSettings(Settings):
    """How a teacher is asked.

    Attributes:
        concurrency: requests under way at once, at most; fewer while the endpoint throttles.
        requests_per_minute: not more; None = as many as the endpoint takes.
        tokens_per_minute: sent and received together, not more; None likewise.
        max_attempts: how often one request is sent before it counts as unavailable.
        backoff_s: the first wait between attempts; it doubles up to a minute, and varies by chance.
        max_reasks: how often an answer that does not fit the schema is asked again, with what was
            wrong with it.
        samples: answers asked for each document; more than one are put to the vote.
        min_agreement: share of the samples that an annotation needs to be kept.
        pack: documents in one prompt, at most.
        examples: JSONL of documents with annotations, shown to the teacher.
        n_examples: how many of them a prompt shows.
        pick: `static` shows the first ones to all, `nearest` those most like the document.
        budget_usd: stop before more than this is spent.
        prices: TOML of prices, laid over those that decoct knows.
        contains_phi: the corpus holds protected health information: it is refused to any host that
            is neither loopback nor allowed.
    """

    concurrency: Count = 8
    requests_per_minute: Annotated[float, Field(gt=0)] | None = None
    tokens_per_minute: Annotated[float, Field(gt=0)] | None = None
    max_attempts: Count = 8
    backoff_s: Annotated[float, Field(gt=0)] = 1.0
    max_reasks: Annotated[int, Field(ge=0)] = 2
    samples: Count = 1
    min_agreement: Annotated[float, Field(gt=0, le=1)] = 0.5
    pack: Count = 1
    examples: Path | None = None
    n_examples: Count = 5
    pick: Literal["static", "nearest"] = "static"
    budget_usd: Annotated[float, Field(gt=0)] | None = None
    prices: Path | None = None
    contains_phi: bool = False


class TeacherSettings(AskSettings):
    """Who is asked, and how: a table of a run, or a file for `--config`.

    Attributes:
        teacher: a spec such as `rules`, `replay:FILE` or `openai:MODEL`.
        options: for that backend, such as `base_url` or `temperature`.
    """

    teacher: str = "rules"
    options: dict[str, Any] = Field(default_factory=dict)

    def open(self, config: Path | None = None) -> Backend:
        """Make the backend.

        Args:
            config: the file that options come from, for messages.

        Raises:
            DecoctError: spec or options do not fit.
        """
        try:
            return load_teacher(self.teacher, **self.options)
        except ConfigError as error:
            raise ConfigError(f"{config} [options]: {error}" if config else str(error)) from None

    def asking(self) -> dict[str, Any]:
        """Return what was set of `AskSettings`, as keyword arguments of a recipe."""
        return self.model_dump(include=set(AskSettings.model_fields), exclude_unset=True)

    def beside(self: T, here: Path) -> T:
        """Return the settings with their paths starting from a folder."""
        options = dict(self.options)
        for name in PATH_OPTIONS & options.keys():
            options[name] = str(here / str(options[name]))
        name, _, argument = self.teacher.partition(":")
        is_file = bool(argument) and (here / argument).is_file()
        moved = {
            "teacher": f"{name}:{here / argument}" if is_file else self.teacher,
            "examples": here / self.examples if self.examples else None,
            "prices": here / self.prices if self.prices else None,
            "options": options,
        }
        was_set = self.model_fields_set  # what was not is not to look as if it were
        return self.model_copy(update={key: moved[key] for key in moved.keys() & was_set})


def read_settings(kind: type[T], config: Path | None, flags: Mapping[str, Any], verb: str) -> T:
    """Read who is asked, and how: from a TOML file, and from flags, which go before it.

    Args:
        kind: the settings to make.
        config: its relative paths are taken from its own folder; None for flags alone.
        flags: any of these settings, and the backend's options.
        verb: the command, for messages.

    Raises:
        ConfigError: it is not TOML, a key or value is wrong, or nobody names a teacher.
        StoreError: it can't be read.
    """
    read = kind()
    if config:
        read = check(kind, read_toml(config), str(config)).beside(config.parent)
    ours = {name: value for name, value in flags.items() if name in kind.model_fields}
    options = {name: value for name, value in flags.items() if name not in ours}
    given = {**read.model_dump(exclude_unset=True), **ours}
    if "teacher" not in given:
        raise ConfigError("no teacher: give --teacher, or a --config that names one")
    return check(kind, {**given, "options": {**read.options, **options}}, verb)


def split_options(kind: type[A], options: Mapping[str, Any], verb: str) -> tuple[A, dict[str, Any]]:
    """Part how to ask from what a backend is told.

    Raises:
        ConfigError: a value is wrong.
    """
    known = kind.model_fields.keys() - {"teacher", "options"}
    asked = {name: value for name, value in options.items() if name in known}
    left = {name: value for name, value in options.items() if name not in asked}
    return check(kind, asked, verb), left


def open_teacher(teacher: str | Backend, options: Mapping[str, Any]) -> Backend:
    """Return the backend, made of its spec where it is not made yet.

    Raises:
        ConfigError: an option does not fit.
    """
    if isinstance(teacher, str):
        return load_teacher(teacher, **options)
    if options:
        raise ConfigError(
            f"{', '.join(options)}: the teacher is made already; give options to it, or name a spec"
        )
    return teacher
