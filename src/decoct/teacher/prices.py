"""What a model's tokens cost: a dated table that comes with decoct, and the user's laid over it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from decoct.config import Settings, check, read_toml
from decoct.errors import ConfigError
from decoct.records import NonEmpty
from decoct.teacher.base import Usage

_PER = 1_000_000
_SNAPSHOT = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|\d{8}|\d{6}|\d{4}|\d{3})\Z")
_PROVIDER = re.compile(
    r"(anthropic|deepseek|gemini|google|mistral|mistralai|models|openai|openrouter)/"
)
Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Price(Settings):
    """What a model's tokens cost, in US dollars for a million, and since when that is known.

    Attributes:
        input_usd: prompt tokens.
        output_usd: completion tokens, reasoning included.
        cached_input_usd: prompt tokens that the endpoint had in its cache; None = as input.
        cache_write_usd: prompt tokens that it writes there, where they cost more than input. Usage
            does not tell them apart, so every prompt token that was not in the cache costs this.
        batch_factor: share of the price that a batch costs.
        as_of: a day on which the figures held.
        source: where they stand.
    """

    input_usd: Dollars
    output_usd: Dollars
    cached_input_usd: Dollars | None = None
    cache_write_usd: Dollars | None = None
    batch_factor: Annotated[float, Field(gt=0, le=1)] = 1.0
    as_of: date
    source: NonEmpty

    @model_validator(mode="after")
    def _check(self) -> Self:
        # nothing in a cache may cost more than was set aside for it outside
        if (self.cached_input_usd or 0.0) > self.input_usd:
            raise ValueError("cached_input_usd is more than input_usd")
        if self.cache_write_usd is not None and self.cache_write_usd < self.input_usd:
            raise ValueError("cache_write_usd is less than input_usd; leave it out")
        return self

    def cost(self, usage: Usage, batch: bool = False) -> float:
        """Return what so many tokens cost, in US dollars.

        Example:
            >>> price = Price(input_usd=2, output_usd=8, as_of="2026-03-21", source="a price page")
            >>> price.cost(Usage(prompt_tokens=1_000_000, completion_tokens=500_000))
            6.0
        """
        n_cached = min(usage.cached_prompt_tokens, usage.prompt_tokens)
        fresh_usd = self.input_usd if self.cache_write_usd is None else self.cache_write_usd
        cached_usd = self.input_usd if self.cached_input_usd is None else self.cached_input_usd
        total = (
            (usage.prompt_tokens - n_cached) * fresh_usd
            + n_cached * cached_usd
            + usage.completion_tokens * self.output_usd
        )
        return total / _PER * (self.batch_factor if batch else 1.0)

    @property
    def is_free(self) -> bool:
        """Whether nothing costs anything."""
        return not (self.input_usd or self.output_usd or self.cache_write_usd)

    def __str__(self) -> str:
        if self.is_free:
            return f"free ({self.source})"
        return (
            f"${self.input_usd:g} in, ${self.output_usd:g} out for a million tokens "
            f"({self.source}, {self.as_of})"
        )


FREE = Price(input_usd=0, output_usd=0, as_of=date.min, source="local endpoint")


class _Table(Settings):
    models: dict[NonEmpty, Price]


class PriceTable:
    """Prices by the models' names.

    Args:
        prices: name -> price.

    Example:
        >>> PriceTable.load().price("openai/gpt-4o-mini-2024-07-18").output_usd
        0.6
    """

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self._prices = dict(prices)

    @classmethod
    def load(cls, override: Path | None = None) -> Self:
        """Read the table that comes with decoct, and lay a user's over it.

        Raises:
            StoreError: the user's can't be read.
            ConfigError: it is no TOML, or a key or value in it is wrong; the message has its path.
        """
        shipped = files("decoct.teacher").joinpath("prices.toml").read_text(encoding="utf-8")
        prices = _read(tomllib.loads(shipped), "prices.toml")
        return cls(prices if override is None else prices | _read(read_toml(override), override))

    def price(self, model: str) -> Price | None:
        """Return what a model costs, or None where the table does not say.

        A name is looked up as it is, then without the date of its snapshot, then both ways without
        the provider in front of it: `openai/gpt-4o-2024-08-06` is `gpt-4o`, `gpt-4o-mini` is not.
        A fine-tuned model (`ft:gpt-4o:...`) has the price that the user's table gives it, or none.
        """
        for name in (model, _SNAPSHOT.sub("", model)):
            if name in self._prices:
                return self._prices[name]
        provider = _PROVIDER.match(model)
        return self.price(model[provider.end() :]) if provider else None


def dollars(amount: float) -> str:
    """Return an amount as people write it: `$12.50`, `$0.0042`.

    Example:
        >>> dollars(1234.5), dollars(0.00425), dollars(0)
        ('$1,234.50', '$0.0043', '$0.00')
    """
    if amount == 0 or amount >= 0.1:
        return f"${amount:,.2f}"
    return f"${amount:.2g}" if amount >= 0.0001 else "less than $0.0001"


def _read(data: dict[str, Any], where: Path | str) -> dict[str, Price]:
    models = data.get("models")
    for name, row in models.items() if isinstance(models, dict) else ():
        for key, value in row.items() if isinstance(row, dict) else ():
            if isinstance(value, dict):  # TOML takes gpt-4.1 for 1 in gpt-4
                full = f"{name}.{key}"
                raise ConfigError(f'{where}: models.{full}: quote the name: models."{full}"')
    return check(_Table, data, str(where)).models
