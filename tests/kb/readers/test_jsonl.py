"""JSONL: our shape, scispaCy's, one's own keys; a bad line named, the rest read."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoct.errors import FormatError
from decoct.kb.base import Entity
from decoct.kb.reading import read_kb
from fakes.knowledge import any_entity


def tidy(text: str) -> str:
    return " ".join(text.split())


def test_scispacys_shape(read):
    found = read(
        "kb.jsonl",
        '{"concept_id": "C1", "canonical_name": "MI", "aliases": ["heart attack", "MI"], '
        '"types": ["T047"], "definition": "D."}\n'
        '{"concept_id": "C2", "canonical_name": "cold", "aliases": [], "types": [], '
        '"definition": null}\n',
    )
    assert found == [
        Entity(id="C1", name="MI", aliases=("heart attack",), definition="D.", types=("T047",)),
        Entity(id="C2", name="cold"),
    ]
    assert read.kb.manifest.format == "jsonl"


@settings(max_examples=20)
@given(st.lists(any_entity, min_size=1, max_size=5, unique_by=lambda entity: tidy(entity.id)))
def test_our_own_shape_comes_back(tmp_path_factory, entities):
    """As far as spaces and control characters in them let it."""
    path = tmp_path_factory.mktemp("kb") / "kb.jsonl"
    plain = [
        entity for entity in entities if "".join((entity.id, *entity.names)).isprintable()
    ] or [Entity(id="1", name="a")]
    path.write_text("".join(f"{entity.to_json()}\n" for entity in plain), "utf-8", newline="\n")
    found = {entity.id: entity for entity in read_kb(path)}
    for entity in plain:
        again = found[tidy(entity.id)]
        assert again.name == tidy(entity.name)
        assert again.names == tuple(dict.fromkeys(map(tidy, entity.names)))
        if entity.definition.isprintable():
            assert again.definition == tidy(entity.definition)


def test_languages_and_other_ids_of_our_shape(read):
    made = Entity(
        id="1", name="pain", aliases=("疼痛",), languages={"疼痛": "zh"}, alternatives=("X1",)
    )
    assert read("kb.jsonl", made.to_json()) == [made]


def test_keys_of_ones_own(read):
    line = {"nr": 7, "nom": "douleur", "autres": ["mal", 3], "note": {"a": 1}, "en": "pain; ache"}
    found = read("kb.jsonl", json.dumps(line), id="nr", name="nom", alias="autres")
    assert found == [Entity(id="7", name="douleur", aliases=("mal", "3"))]
    parted = read("kb.jsonl", json.dumps(line), id="nr", name="nom", alias="en", separator=";")
    assert parted[0].aliases == ("pain", "ache")


def test_lines_need_not_have_the_same_keys(read):
    found = read("kb.jsonl", '{"id": "1", "name": "a"}\n\n{"cui": "2", "label": "b", "x": []}\n')
    assert [(entity.id, entity.name) for entity in found] == [("1", "a"), ("2", "b")]


def test_bad_lines_are_named_and_the_rest_read(read):
    found = read(
        "kb.jsonl",
        b'{"id": "1", "name": "a"}\n{"id": "2"\n[]\n"x"\n{"name": "b"}\n{"id": "3"}\n'
        b'{"id": "\\ud800", "name": "c"}\n{"id": "4", "name": "\xff"}\n'
        b'{"id": "", "name": "d"}\n{"id": "5", "name": null}\n' + b"[" * 100_000 + b"\n"
        b'{"id": "6", "name": "e"}\n',
    )
    assert [entity.id for entity in found] == ["1", "6"]
    told = sorted(read.told(), key=lambda line: int(line.split(":")[1]))
    assert [line.split(": ")[0] for line in told] == [
        f"kb.jsonl:{number}" for number in (2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
    ]
    assert "not JSON" in told[0]
    assert told[1].endswith("not a JSON object")
    assert "no key for ids; there are: name; give id=KEY" in told[3]
    assert "nested too deep" in told[-1]
    assert read.kb.manifest.skipped == dict(read.faults.counts)


def test_an_id_that_comes_again_is_a_fault_that_names_both_lines(read):
    found = read(
        "kb.jsonl",
        '{"id": "1", "name": "a"}\n{"id": "2", "name": "b"}\n{"id": "1", "name": "c"}\n'
        '{"id": "1", "name": "a"}\n',
    )
    assert [entity.names for entity in found] == [("a", "c"), ("b",)]
    assert read.told() == [
        "kb.jsonl:3: id '1' was there before (line 1); names are put together",
        "kb.jsonl:4: id '1' was there before (line 1); names are put together",
    ]
    assert read.kb.manifest.skipped == {"duplicate_id": 2}


def test_a_name_of_two_concepts_is_kept_for_both_and_counted(read):
    read("kb.jsonl", '{"id": "1", "name": "Cold"}\n{"id": "2", "name": "x", "alias": "cold"}\n')
    assert [entity.id for entity in read.kb.entities.named("cold")] == ["1", "2"]
    assert read.kb.manifest.n_ambiguous == 1
    assert not read.faults


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"id": "1", "name": "a"}]', "is one JSON array; write an entity a line: `jq -c"),
        ('[\n{"id": "1", "name": "a"}]', "is one JSON array"),
        ("", "holds no entity"),
        ("nonsense\n", r"holds no entity.*kb\.jsonl:1: not JSON"),
    ],
)
def test_no_entity(read, content, message):
    with pytest.raises(FormatError, match=message):
        read("kb.jsonl", content)
