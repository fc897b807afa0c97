"""The secret: repeatable, apart by purpose, and never shown."""

import os

import pytest

from decoct.errors import ConfigError
from decoct.privacy.key import MIN_BYTES, VARIABLE, Key

SECRET = "0123456789abcdef-secret"


def test_the_same_key_gives_the_same_numbers_and_another_key_others():
    one, again, other = Key.of(SECRET), Key.of(SECRET.encode()), Key.of(SECRET + "!")
    assert one.number("a", "b") == again.number("a", "b")
    assert one.derive("p").number("a") == again.derive("p").number("a")
    assert (
        len(
            {
                one.number("a", "b"),
                one.number("ab"),
                one.number("", "ab"),
                one.number("b", "a"),
                other.number("a", "b"),
                one.derive("a").number("b"),
            }
        )
        == 6
    )


def test_it_is_never_shown():
    key = Key.of(SECRET)
    assert SECRET not in repr(key) + str(key) + repr(vars(type(key)))
    with pytest.raises(ConfigError) as caught:
        Key.of("tooshort")
    assert "tooshort" not in str(caught.value)
    assert str(MIN_BYTES) in str(caught.value)


def test_without_one_each_is_its_own():
    assert Key.of(None).is_random
    assert not Key.of(SECRET).is_random
    assert Key.of(None).number("a") != Key.of(None).number("a")


def test_file_then_environment_then_random(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert Key.read(None).is_random
    monkeypatch.setenv(VARIABLE, SECRET)
    assert Key.read(None).number("a") == Key.of(SECRET).number("a")
    file = tmp_path / "key"
    file.write_text(f"{SECRET}!!\n")
    file.chmod(0o600)
    assert Key.read(file).number("a") == Key.of(f"{SECRET}!!").number("a")


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_file_that_others_may_read_is_refused(tmp_path):
    file = tmp_path / "key"
    file.write_text(SECRET)
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        Key.read(file)
    with pytest.raises(ConfigError, match="can't be read"):
        Key.read(tmp_path / "none")
