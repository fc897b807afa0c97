"""Configuration: what is wrong is named by its full path, and what was meant is guessed."""

import pytest
from pydantic import Field

from decoct.config import Settings, check, read_toml
from decoct.errors import ConfigError, StoreError


class Inner(Settings):
    epochs: int = Field(3, ge=1)
    encoder: str = "embedded"


class Outer(Settings):
    name: str
    distill: Inner = Inner()
    supervised: Inner | None = None
    several: tuple[Inner, ...] = ()
    more: list[Inner] | None = None
    named: dict[str, Inner] = {}


def wrong(data: dict) -> str:
    with pytest.raises(ConfigError) as caught:
        check(Outer, data, "run.toml")
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix("run.toml: ")


def test_what_is_right():
    made = check(Outer, {"name": "n", "distill": {"epochs": 5}, "supervised": None}, "run.toml")
    assert made == Outer(name="n", distill=Inner(epochs=5))
    with pytest.raises(ValueError, match="frozen"):
        made.name = "m"


@pytest.mark.parametrize(
    ("data", "path", "meant"),
    [
        ({"nmae": "n"}, "nmae", "name"),
        ({"distill": {"epoch": 5}}, "distill.epoch", "epochs"),
        ({"supervised": {"enccoder": ""}}, "supervised.enccoder", "encoder"),
        ({"several": [{}, {"epoch": 5}]}, "several.1.epoch", "epochs"),
        ({"more": [{"epoch": 5}]}, "more.0.epoch", "epochs"),
        ({"named": {"small": {"epoch": 5}}}, "named.small.epoch", "epochs"),
    ],
)
def test_an_unknown_key_has_its_path_and_the_nearest_name(data, path, meant):
    said = wrong({"name": "n", **data})
    assert f"unknown key {path!r} (did you mean {meant!r}?)" in said
    assert "; known: " in said


def test_a_key_like_no_other():
    assert wrong({"name": "n", "zzz": 1}).startswith("unknown key 'zzz'; known: name, distill,")


def test_every_fault_is_said_at_once():
    said = wrong({"distill": {"epochs": 0, "epoch": 5}, "zzz": 1})
    assert "'distill.epoch'" in said
    assert "'zzz'" in said
    assert "distill.epochs: Input should be greater than or equal to 1 (got 0)" in said
    assert "name: Field required" in said
    assert "Extra inputs" not in said


def test_toml(tmp_path):
    path = tmp_path / "run.toml"
    with pytest.raises(StoreError, match=r"run\.toml: can't be read: No such file"):
        read_toml(path)
    with pytest.raises(StoreError, match="can't be read"):
        read_toml(tmp_path)
    path.write_text("a = 1\nb = = 2\n")
    with pytest.raises(ConfigError, match=r"run\.toml: not valid TOML: .*line 2"):
        read_toml(path)
    path.write_bytes(b"a = '\xff'")
    with pytest.raises(ConfigError, match="not valid TOML"):
        read_toml(path)
    path.write_text("[a]\nb = 'é'\n", encoding="utf-8")
    assert read_toml(path) == {"a": {"b": "é"}}
