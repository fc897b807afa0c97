"""What is blank, too long or not to be printed: named, counted, and the rest kept."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import Faults
from decoct.kb.gather import MAX_DEFINITION_CHARS, MAX_NAME_CHARS, Gathering
from decoct.kb.readers.base import Entry, Notes, ReaderSettings


def gathered(*entries: Entry, repeats: bool = True, **settings):
    notes = Notes(Faults())
    gathering = Gathering(Path("kb.tsv"), ReaderSettings(**settings), notes, repeats)
    return list(gathering.entities(entries)), notes


def entry(id_: str, *names: str, line: int = 1, **more) -> Entry:
    return Entry(id_, [(name, "") for name in names], line=line, **more)


def test_entries_of_one_id_that_follow_each_other_are_one_entity():
    found, notes = gathered(
        entry("1", "MI", line=2, types=["T1"]),
        entry("1", "heart attack", "MI", line=3, definition="D", types=["T2", "T1"]),
        entry("2", "cold", line=4),
        entry("1", "again", line=5),
    )
    assert [(entity.id, entity.names, line) for entity, line in found] == [
        ("1", ("MI", "heart attack"), 2),
        ("2", ("cold",), 4),
        ("1", ("again",), 5),
    ]
    assert (found[0][0].definition, found[0][0].types) == ("D", ("T1", "T2"))
    assert not notes.faults


def test_where_they_should_not_repeat_they_stay_apart():
    found, _ = gathered(entry("1", "a"), entry("1", "b"), repeats=False)
    assert [entity.name for entity, _ in found] == ["a", "b"]


@pytest.mark.parametrize(
    ("raw", "clean", "kind"),
    [
        (" two  words\t", "two words", None),
        ("one\nline\r\nmore", "one line more", None),
        ("no\u00a0break\u3000wide", "no break wide", None),
        ("zero\0byte", "zerobyte", "control_characters"),
        ("\x1b[31mred\x7f", "[31mred", "control_characters"),
        ("\x85next", "next", None),
        ("joined\u200dletters", "joined\u200dletters", None),
        ("\U0001f915 é 疼痛", "\U0001f915 é 疼痛", None),
    ],
)
def test_spaces_and_control_characters(raw, clean, kind):
    found, notes = gathered(entry("1", raw, line=7))
    assert found[0][0].name == clean
    assert dict(notes.faults.counts) == ({kind: 1} if kind else {})
    assert all(str(fault).startswith("kb.tsv:7: name ") for fault in notes.faults.kept)


@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\0", "\u3000"])
def test_blank_ids_and_names(blank):
    found, notes = gathered(entry(blank, "a"), entry("1", blank, line=2), entry("2", blank, "b"))
    assert [(entity.id, entity.names) for entity, _ in found] == [("2", ("b",))]
    counts = dict(notes.faults.counts)
    counts.pop("control_characters", None)
    assert counts == {"no_id": 1, "no_name": 1}
    assert "kb.tsv:2: '1' has no name; it is left out" in map(str, notes.faults.kept)


def test_enormous_cells():
    long = "x" * (MAX_NAME_CHARS + 1)
    found, notes = gathered(
        entry("1", long, "short", definition="d" * (MAX_DEFINITION_CHARS + 1)),
        entry("2", long),
        entry(long, "name"),
    )
    assert [(entity.id, entity.names, entity.definition) for entity, _ in found] == [
        ("1", ("short",), "")
    ]
    assert dict(notes.faults.counts) == {"too_long": 4, "no_name": 1, "no_id": 1}
    assert all(len(str(fault)) < 300 for fault in notes.faults.kept[:3])


def test_a_lone_surrogate():
    found, notes = gathered(entry("1", "a\ud800"), entry("2", "b"))
    assert [entity.id for entity, _ in found] == ["2"]
    assert notes.faults.n == 1


def test_entities_of_other_types_are_counted_not_kept():
    found, notes = gathered(
        entry("1", "a", types=["T047"]), entry("2", "b", types=["T121"]), keep_types="T047,T184"
    )
    assert [entity.id for entity, _ in found] == ["1"]
    assert notes.left_out == {"other_type": 1}
    assert not notes.faults


def test_languages():
    several = Entry("1", [("pain", "en"), ("疼痛", ""), ("douleur", "fr"), ("douleur", "en")])
    (((entity, _),), _) = gathered(several, name_language="zh")
    assert entity.languages == {"pain": "en", "疼痛": "zh", "douleur": "fr"}


@given(st.lists(st.text(max_size=6), min_size=1, max_size=4), st.text(max_size=4))
def test_whatever_it_says_an_entity_is_clean(names, id_):
    found, notes = gathered(entry(id_, *names))
    assert len(found) + bool(notes.faults) >= 1
    for entity, _ in found:
        for text in (entity.id, *entity.names):
            assert text == " ".join(text.split())
            assert not any(char in text for char in "\0\x1b\x7f")
