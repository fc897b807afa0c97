"""An entity: its names each once, itself again from its line, two of one id as one."""

import pytest
from hypothesis import given

from decoct.errors import RecordError
from decoct.kb.base import Entity
from fakes.knowledge import any_entity


@given(any_entity)
def test_an_entity_comes_back_from_its_line(entity):
    line = entity.to_json()
    assert "\n" not in line
    assert Entity.from_json(line) == entity


def test_what_is_empty_is_not_written():
    assert Entity(id="C1", name="MI").to_json() == '{"id":"C1","name":"MI"}'


@pytest.mark.parametrize(
    "line",
    ['{"id": "C1"}', '{"id": "", "name": "a"}', '{"id": " ", "name": "a"}', "[]", "x", '{"id":1}'],
)
def test_what_is_no_entity(line):
    with pytest.raises(RecordError) as caught:
        Entity.from_json(line)
    assert "\n" not in str(caught.value)


@given(any_entity, any_entity)
def test_merged_loses_no_name_and_keeps_the_first_preferred(one, two):
    both = one.merged(two)
    assert (both.id, both.name) == (one.id, one.name)
    assert set(both.names) == {*one.names, *two.names}
    assert len(both.names) == len(set(both.names))
    assert both.names[: len(one.names)] == one.names
    assert set(both.types) == {*one.types, *two.types}
    assert both.definition == (one.definition or two.definition)
    assert both.merged(two) == both


def test_the_first_to_say_a_names_language_is_right():
    one = Entity(id="1", name="gift", languages={"gift": "de"})
    two = Entity(id="1", name="gift", aliases=("poison",), languages={"gift": "en", "poison": "en"})
    assert one.merged(two).languages == {"gift": "de", "poison": "en"}
