"""Faults at random: the same ones for the same seed, in the shares that were asked for."""

import random

import pytest

from decoct.testing import FakeOpenAI
from decoct.testing.mix import ALL, ANSWERS, REFUSALS, TRANSIENT, Mix


def names(mix: Mix, prompts: range, n_before: int = 0) -> list[str]:
    found = [mix.fault(str(prompt), n_before) for prompt in prompts]
    return [fault.name if fault else "" for fault in found]


def test_shares_are_what_was_asked_for() -> None:
    drawn = names(Mix({"throttled": 0.1, "reset": 0.05}, seed=3), range(20_000))
    assert set(drawn) == {"", "throttled", "reset"}
    assert drawn.count("throttled") == pytest.approx(2000, abs=150)
    assert drawn.count("reset") == pytest.approx(1000, abs=110)


def test_a_number_is_spread_over_all_faults() -> None:
    drawn = names(Mix(0.3), range(20_000))
    assert set(drawn) == {"", *ALL}
    assert len(drawn) - drawn.count("") == pytest.approx(6000, abs=250)
    for name in ALL:
        assert drawn.count(name) == pytest.approx(6000 / len(ALL), abs=90)


@pytest.mark.parametrize(
    ("group", "members"),
    [("transient", TRANSIENT), ("answers", ANSWERS), ("refusals", REFUSALS)],
)
def test_a_group_is_spread_over_its_members(group, members) -> None:
    assert set(names(Mix({group: 0.5}), range(3000))) == {"", *members}


def test_it_goes_by_seed_prompt_and_time_and_not_by_order() -> None:
    first, other = Mix(0.5, seed=1), Mix(0.5, seed=2)
    assert names(first, range(500)) == names(Mix(0.5, seed=1), range(500))
    assert names(first, range(500)) != names(other, range(500))
    assert names(first, range(500), 0) != names(first, range(500), 1)
    shuffled = [*range(500)]
    random.Random(0).shuffle(shuffled)
    by_prompt = {prompt: first.fault(str(prompt), 0) for prompt in shuffled}
    assert [by_prompt[n].name if by_prompt[n] else "" for n in range(500)] == names(
        first, range(500)
    )


def test_how_late_a_hang_is() -> None:
    fault = Mix({"hang": 1.0}, hang_s=0.25).fault("p", 0)
    assert fault is not None
    assert fault.hang_s == 0.25


@pytest.mark.parametrize(
    ("shares", "complaint"),
    [
        ({"throtled": 0.1}, "no fault is called 'throtled'"),
        ({"200": 0.1}, "no fault is called '200'"),
        ({"reset": 0.6, "500": 0.6}, "these 1.2"),
        ({"reset": -0.1}, "from 0 to 1"),
        (1.5, "from 0 to 1"),
    ],
)
def test_shares_that_are_none(shares, complaint) -> None:
    with pytest.raises(ValueError, match=complaint):
        FakeOpenAI(mix=shares)


def test_over_the_wire_it_is_the_same_twice(serve) -> None:
    def run() -> list[str]:
        with serve(mix={"503": 0.3, "wrong_schema": 0.2}, seed=5) as client:
            return [client.chat(str(n % 20)).text.partition('"created"')[2][20:] for n in range(60)]

    first = run()
    assert first == run()
    assert len(set(first)) > 2


def test_asking_again_helps_in_the_end(serve) -> None:
    with serve(mix={"500": 0.5}) as client:
        for text in map(str, range(20)):
            while client.chat(text).status_code != 200:
                pass
        counts = client.server.counts.prompts.values()
        assert [count.answered for count in counts] == [1] * 20
        assert sum(count.failed for count in counts) > 5
