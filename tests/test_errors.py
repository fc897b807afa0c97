"""Errors: one tree, and a count of what was skipped that stays small."""

import pytest

from decoct import errors
from decoct.errors import DecoctError, Fault, Faults, MissingExtraError, RefusedError


def test_every_error_is_in_the_tree_that_the_module_draws():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    for kind in kinds:
        if issubclass(kind, Exception):
            assert issubclass(kind, DecoctError)
            assert kind.__name__ in errors.__doc__


def test_messages_name_the_way_out():
    assert str(MissingExtraError("torch", "train", "distill")) == (
        "distill needs torch: pip install 'decoct[train]'"
    )
    assert str(RefusedError("too_long", "8 tokens")) == "too_long: 8 tokens"
    assert RefusedError("too_long").reason == str(RefusedError("too_long")) == "too_long"


def test_faults_count_all_and_keep_some():
    faults = Faults(keep=2)
    assert not faults
    for number in range(5):
        faults.add(f"f:{number}", "why", "odd" if number % 2 else "even")
    assert faults
    assert faults.n == 5
    assert faults.counts == {"even": 3, "odd": 2}
    assert faults.kept == [Fault("f:0", "why", "even"), Fault("f:1", "why", "odd")]
    assert str(faults.kept[0]) == "f:0: why"
    with pytest.raises(AttributeError):
        faults.kept[0].kind = "x"
