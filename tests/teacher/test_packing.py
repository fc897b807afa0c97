"""Packing: each text gets the entry of its own number or none, and its own share of the bill."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import AnswerError
from decoct.tasks.ade import plugin as ade
from decoct.teacher.base import Usage
from decoct.teacher.packing import packed_schema, share, unpack


def answer(*drugs):
    return {"drugs": list(drugs), "events": []}


def entry(number, *drugs):
    return {"item": number, **answer(*drugs)}


def unpacked(found, n_items):
    """Unpack, an error as its message."""
    content = found if isinstance(found, str) else json.dumps(found)
    return [
        str(one) if isinstance(one, AnswerError) else json.loads(one)
        for one in unpack(content, n_items)
    ]


def test_the_schema_is_of_the_strict_kind():
    schema = packed_schema(ade.schema)
    assert schema["required"] == ["items"]
    assert schema["additionalProperties"] is False
    entry = schema["properties"]["items"]["items"]
    assert list(entry["properties"]) == entry["required"] == ["item", "drugs", "events"]
    assert entry["properties"]["item"] == {"type": "integer"}
    assert entry["additionalProperties"] is False
    assert "item" not in ade.schema["properties"]
    assert json.loads(json.dumps(schema)) == schema


ENTRIES = [entry(1, "gold"), entry(2), entry(3, "阿司匹林")]


@pytest.mark.parametrize(
    "found",
    [
        {"items": ENTRIES},
        {"items": ENTRIES[::-1]},
        {"items": [*ENTRIES, ENTRIES[0]]},
        {"items": [{**one, "item": f"[{one['item']}]"} for one in ENTRIES]},
        {"items": ENTRIES, "note": "x"},
        ENTRIES,
        f"Here:\n```json\n{ENTRIES!r}\n```",
        json.dumps({"items": ENTRIES}).replace("}, {", ", "),
    ],
    ids=range(8),
)
def test_every_text_gets_its_own_entry(found):
    assert unpacked(found, 3) == [answer("gold"), answer(), answer("阿司匹林")]


def test_an_entry_is_read_by_the_task():
    event = {"drug": "gold", "effect": "rash"}
    (content,) = unpack(json.dumps({"items": [{"item": 1, "drugs": [], "events": [event]}]}), 1)
    assert ade.parse(content).claims[0].object == "rash"


@pytest.mark.parametrize("found", [answer("gold"), [answer("gold")], {"items": [answer("gold")]}])
def test_a_single_text_needs_no_number(found):
    assert unpacked(found, 1) == [answer("gold")]
    assert len(set(unpacked(found, 2))) == 1
    assert "numbers no entry" in unpacked(found, 2)[0]


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([entry(1), entry(3)], "has no entry for item 2"),
        ([entry(1), entry(2, "gold"), entry(3), entry(2)], "several entries for item 2"),
        ([entry(1), "secret", entry(3)], "has no entry for item 2"),
        ([entry(1), {**entry(2), "item": None}, entry(3)], "has no entry for item 2"),
        ([entry(1), {**entry(2), "item": True}, entry(3)], "has no entry for item 2"),
        ([entry(1), {**entry(2), "item": "9" * 5_000}, entry(3)], "has no entry for item 2"),
        ([entry(1), answer("secret"), entry(3)], "has no entry for item 2"),
    ],
    ids=range(7),
)
def test_one_bad_entry_spoils_no_other(entries, told):
    first, second, third = unpacked({"items": entries}, 3)
    assert first == third == answer()
    assert told in second
    assert "secret" not in second


def test_a_teacher_that_lost_count_is_not_believed_from_there_on():
    doubtful = "item number that was not asked about, so item 3 is in doubt"
    found = unpacked({"items": [entry(1), entry(3), entry(4)]}, 3)
    assert found[0] == answer()
    assert "no entry for item 2" in found[1]
    assert doubtful in found[2]
    found = unpacked({"items": [entry(1), entry(2), entry(7)]}, 3)
    assert found[:2] == [answer(), answer()]
    assert "no entry for item 3" in found[2]
    found = unpacked({"items": [entry(0), entry(1), entry(2)]}, 3)
    assert all(isinstance(one, str) for one in found)
    assert unpacked({"items": [entry(1), entry(2)]}, 1) == [answer()]
    assert unpacked({"items": [entry(2)]}, 1) == ["answer has no entry for item 1"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("no JSON", "no JSON object"),
        (json.dumps({"items": ENTRIES})[:-10], "broken off"),
        ('{"items": []}', "numbers no entry"),
        ('{"items": {"1": {}}}', "'items' must be a list"),
        ('{"items": "secret"}', "'items' must be a list"),
    ],
)
def test_an_answer_that_is_none_is_nobodys(content, told):
    found = unpack(content, 3)
    assert len(found) == 3
    assert all(isinstance(one, AnswerError) and told in str(one) for one in found)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"item": st.integers(-1, 5) | st.none() | st.sampled_from(["2", "[3]", "x", "", "²"])},
            optional={"drugs": st.lists(st.sampled_from("ab"), max_size=1)},
        )
        | st.none()
        | st.integers(),
        max_size=5,
    ),
    st.integers(1, 4),
)
def test_any_entries_give_one_result_a_text(entries, n_items):
    found = unpack(json.dumps({"items": entries}), n_items)
    assert len(found) == n_items
    for one in found:
        if isinstance(one, str):
            assert "item" not in json.loads(one)
            with suppress(AnswerError):
                ade.parse(one)


TOKENS = st.integers(0, 10**9)


@given(TOKENS, TOKENS, TOKENS, st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_shares_add_up(prompt, completion, cached, weights):
    usage = Usage(prompt, completion, min(prompt, cached))
    parts = share(usage, weights)
    assert len(parts) == len(weights)
    assert sum(parts, Usage()) == usage
    for part, weight in zip(parts, weights, strict=True):
        assert 0 <= part.cached_prompt_tokens <= part.prompt_tokens
        fair = prompt * weight / (sum(weights) or 1) if any(weights) else prompt / len(weights)
        assert abs(part.prompt_tokens - fair) <= 2


def test_shares_go_by_weight():
    assert share(Usage(100, 10, 40), [3, 1]) == [Usage(75, 7, 30), Usage(25, 3, 10)]
    assert share(Usage(3, 1, 0), [0, 0, 0]) == [Usage(1, 0, 0), Usage(1, 0, 0), Usage(1, 1, 0)]
