"""Prices: the table that comes with decoct, the user's over it, and whose price a name has."""

from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import ConfigError, StoreError
from decoct.teacher.base import Usage
from decoct.teacher.prices import FREE, Price, PriceTable, dollars

DAY = date(2026, 3, 21)
ROW = 'input_usd = 3, output_usd = 9, as_of = 2026-11-01, source = "our contract"'


def price(**changes: object) -> Price:
    return Price.model_validate(
        {"input_usd": 2, "output_usd": 8, "as_of": DAY, "source": "a page"} | changes
    )


def table(tmp_path: Path, text: str) -> PriceTable:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return PriceTable.load(path)


def test_the_table_that_comes_with_decoct_makes_sense() -> None:
    shipped = PriceTable.load()
    names = [
        line.split('"')[1]
        for line in files("decoct.teacher").joinpath("prices.toml").read_text().splitlines()
        if line.startswith('"')
    ]
    assert len(names) == len(set(names)) > 40
    for name in names:
        found = shipped.price(name)
        assert found is not None
        assert 0 < found.input_usd < found.output_usd, name
        assert found.as_of > date(2023, 1, 1), name
        assert "page" in found.source
        assert found.batch_factor in (0.5, 1.0)


@pytest.mark.parametrize(
    ("model", "same_as"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("openai/gpt-4o", "gpt-4o"),
        ("openrouter/openai/gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("gpt-5.1-2025-11-13", "gpt-5.1"),
        ("o1-2024-12-17", "o1"),
        ("gpt-4-0613", "gpt-4"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("gemini-2.5-pro-001", "gemini-2.5-pro"),
    ],
)
def test_a_name_finds_its_model(model: str, same_as: str) -> None:
    shipped = PriceTable.load()
    assert shipped.price(model) == shipped.price(same_as) is not None


def test_a_snapshot_may_have_a_line_of_its_own() -> None:
    shipped = PriceTable.load()
    for model, usual in [
        ("gpt-4-1106-preview", "gpt-4"),
        ("gpt-4o-2024-05-13", "gpt-4o"),
        ("gpt-3.5-turbo-1106", "gpt-3.5-turbo"),
        ("gpt-4o-mini", "gpt-4o"),
        ("claude-opus-5-5", "claude-opus-5"),
    ]:
        assert shipped.price(model) != shipped.price(usual)


@pytest.mark.parametrize(
    "model",
    [
        "",
        "gpt",
        "gpt-4o-large",
        "gpt-4o-2024-08-06-preview",
        "gpt-4o:free",
        "GPT-4o",
        "ft:gpt-4o-2024-08-06:us::abc",
        "openai/ft:gpt-4o:us::abc",
        "acme/gpt-4o",
        "openai/",
        "claude-opus-4",
        "claude-opus",
        "qwen3-8b",
    ],
)
def test_a_name_that_might_be_another_model_has_no_price(model: str) -> None:
    assert PriceTable.load().price(model) is None


def test_the_users_table_is_laid_over(tmp_path: Path) -> None:
    made = table(
        tmp_path,
        f'[models]\n"gpt-4o" = {{ {ROW} }}\n"ft:gpt-4o:us::abc" = {{ {ROW} }}\n'
        f'"acme/gpt-4o" = {{ {ROW}, batch_factor = 0.4 }}\n',
    )
    shipped = PriceTable.load()
    for model in ("gpt-4o", "gpt-4o-2024-08-06", "ft:gpt-4o:us::abc"):
        assert made.price(model) == price(
            input_usd=3, output_usd=9, as_of=date(2026, 11, 1), source="our contract"
        )
    acme = made.price("acme/gpt-4o")
    assert acme is not None
    assert acme.batch_factor == 0.4
    assert made.price("gpt-4o-mini") == shipped.price("gpt-4o-mini")
    assert shipped.price("gpt-4o") != made.price("gpt-4o")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models = ", "not valid TOML"),
        ("", "models: Field required"),
        ("prices = 1\nmodels = {}", "unknown key 'prices'; known: models"),
        ("models = 3", "models: Input should be"),
        ("[models]\nx = 3", "models.x: "),
        ("[models.x]\ninput_usd = 1", "models.x.output_usd: Field required"),
        (f"[models]\nx = {{ {ROW}, batch = 0.5 }}", "unknown key 'models.x.batch'"),
        (f"[models]\nx = {{ {ROW}, cached_input_usd = 4 }}", "models.x: cached_input_usd is more"),
        (f"[models]\nx = {{ {ROW}, cache_write_usd = 2 }}", "models.x: cache_write_usd is less"),
        (f"[models]\nx = {{ {ROW}, batch_factor = 2 }}", "models.x.batch_factor: "),
        ("[models.x]\ninput_usd = -1", "models.x.input_usd: Input should be greater"),
        ("[models.x]\ninput_usd = nan", "models.x.input_usd: Input should be a finite"),
        ('[models.x]\nas_of = "soon"', "models.x.as_of: "),
        (f"[models.gpt-9.1-mini]\n{ROW.replace(', ', chr(10))}", 'models."gpt-9.1-mini"'),
    ],
)
def test_a_wrong_table_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        table(tmp_path, text)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path}/mine.toml: ")
    assert "\n" not in str(caught.value)


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"none\.toml: can't be read"):
        PriceTable.load(tmp_path / "none.toml")


def test_what_tokens_cost() -> None:
    usage = Usage(1_000_000, 100_000, cached_prompt_tokens=400_000)
    assert price().cost(usage) == pytest.approx(2.8)
    assert price(cached_input_usd=0.5).cost(usage) == pytest.approx(1.2 + 0.2 + 0.8)
    assert price(cached_input_usd=0).cost(usage) == pytest.approx(1.2 + 0.8)
    assert price(cache_write_usd=2.5).cost(usage) == pytest.approx(1.5 + 0.8 + 0.8)
    assert price(batch_factor=0.5).cost(usage) == pytest.approx(2.8)
    assert price(batch_factor=0.5).cost(usage, batch=True) == pytest.approx(1.4)
    assert FREE.cost(usage) == 0


tokens = st.integers(0, 10**7)
rates = st.floats(0, 200)


@given(tokens, tokens, tokens, st.builds(sorted, st.tuples(rates, rates, rates)), st.booleans())
def test_a_cache_never_costs_more_than_was_foreseen(
    n_prompt: int, n_completion: int, n_cached: int, ordered: list[float], batch: bool
) -> None:
    cached, fresh, write = ordered
    made = price(input_usd=fresh, cached_input_usd=cached, cache_write_usd=write, batch_factor=0.5)
    foreseen = made.cost(Usage(n_prompt, n_completion), batch)
    billed = made.cost(Usage(n_prompt, n_completion, n_cached), batch)
    assert 0 <= billed <= foreseen * (1 + 1e-12)


def test_prices_as_people_read_them() -> None:
    assert str(price()) == "$2 in, $8 out for a million tokens (a page, 2026-03-21)"
    assert str(FREE) == "free (local endpoint)"
    shown = [dollars(amount) for amount in (0, 12, 12.345, 0.1, 0.04, 0.00012, 1e-9, 1234567)]
    assert shown == [
        "$0.00", "$12.00", "$12.35", "$0.10", "$0.04", "$0.00012", "less than $0.0001",
        "$1,234,567.00",
    ]  # fmt: skip
