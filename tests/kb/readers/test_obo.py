"""OBO: what linking needs of it, from files that follow the rules and from those that don't."""

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoct.errors import ConfigError, FormatError
from decoct.kb.base import Entity
from decoct.kb.reading import read_kb

HEADER = """\
format-version: 1.2
data-version: releases/2031-05-06
default-namespace: made_up
property_value: http://purl.org/dc/terms/license http://creativecommons.org/publicdomain/zero/1.0/

"""
TERMS = r"""[Term]
id: T:1
name: heart attack ! a comment
namespace: disease
alt_id: T:9
def: "Death of \"heart\" muscle.\nIt hurts." [X:1, "a b"]
synonym: "MI" EXACT ABBREVIATION [X:1] {source="x"}
synonym: "coronary" RELATED []
synonym: "heart trouble" BROAD []
synonym: "back wall MI" NARROW [X:2 "with, comma"]
is_a: T:2 ! disease

[Term]
id: T:2
name: disease {origin="there"}
is_a: T:1

[Typedef]
id: part_of
name: part of

[Term]
id: T:3
name: gone
is_obsolete: true

[Instance]
id: I:1
name: instance
"""


def test_terms(read):
    found = read("t.obo", HEADER + TERMS)
    assert found == [
        Entity(
            id="T:1",
            name="heart attack",
            aliases=("MI", "coronary", "heart trouble", "back wall MI"),
            definition='Death of "heart" muscle. It hurts.',
            types=("disease",),
            alternatives=("T:9",),
        ),
        Entity(id="T:2", name="disease", types=("made_up",)),
    ]
    assert not read.faults
    manifest = read.kb.manifest
    assert manifest.release == "releases/2031-05-06"
    assert manifest.license_note == "http://creativecommons.org/publicdomain/zero/1.0/"
    assert manifest.left_out == {"obsolete": 1}


def test_what_to_take_can_be_said(read):
    found = read("t.obo", HEADER + TERMS, scopes="exact,broad", obsolete="true")
    assert found[0].aliases == ("MI", "heart trouble")
    assert [entity.id for entity in found] == ["T:1", "T:2", "T:3"]
    assert [entity.id for entity in read("t.obo", TERMS, keep_types="disease")] == ["T:1"]
    with pytest.raises(ConfigError, match="scopes"):
        read("t.obo", TERMS, scopes="exakt")


def test_what_is_given_goes_before_what_the_file_says(read):
    read("t.obo", HEADER + TERMS, release="mine", license_note="mine too")
    assert (read.kb.manifest.release, read.kb.manifest.license_note) == ("mine", "mine too")


def test_a_remark_about_the_licence(read):
    read("t.obo", "remark: Cite us.\nremark: This is under licence X\\: all of it.\n" + TERMS)
    assert read.kb.manifest.license_note == "This is under licence X: all of it."


@pytest.mark.parametrize(
    "line",
    [
        "is_a: T:77 ! not in this file",
        "is_a: T:1 ! itself",
        "xref: AB:A Group of Some Place",
        'def: "D." [AB:A Group of Some Place, url:http\\://x]',
        'synonym: "S" EXACT UNDECLARED []',
        'synonym: "S" []',
        'synonym: "S"',
        'exact_synonym: "S" []',
        "relationship: part_of",
        "unheard_of: x",
        "! a comment",
        'def: "D."',
    ],
)
def test_what_breaks_rules_that_do_not_matter(read, line):
    found = read("t.obo", f"[Term]\nid: T:1\nname: a\n{line}\n")
    assert found[0].id == "T:1"
    assert not read.faults
    assert ("S" in found[0].names) == ('S"' in line)
    assert (found[0].definition == "D.") == line.startswith("def")


def test_old_synonyms_have_their_scope(read):
    content = '[Term]\nid: T:1\nname: a\nrelated_synonym: "r" []\nexact_synonym: "e" []\n'
    assert read("t.obo", content, scopes="EXACT")[0].aliases == ("e",)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('synonym: "open EXACT []', "t.obo:5: synonym: no text in double quotes; the line is left"),
        ("def: D", "t.obo:5: def: no text in double quotes"),
        ("synonym:", "t.obo:5: synonym: no text in"),
        ("nonsense", "t.obo:5: not `tag: value`; the line is left out"),
        ("alt_id: \xff", "t.obo:5: not UTF-8 at byte 8"),
    ],
)
def test_a_broken_line_is_named_and_the_rest_read(read, line, told):
    content = f'[Term]\nid: T:1\nname: a\nalt_id: T:0\n{line}\nsynonym: "s" EXACT []\n'
    found = read("t.obo", content.encode("latin-1"))
    assert (found[0].names, found[0].alternatives) == (("a", "s"), ("T:0",))
    assert [fault.startswith(told) for fault in read.told()] == [True]


def test_terms_without_id_or_name_and_repeated_ones(read):
    content = (
        "[Term]\nname: a\n\n[Term]\nid: T:1\n\n[Term]\nid: T:2\nname: b\n\n"
        "[Term]\nid: T:2\nname: c\n\n[Term]\nid: T:3\nname: d\0e\n"
    )
    found = read("t.obo", content)
    assert [(entity.id, entity.names) for entity in found] == [
        ("T:2", ("b", "c")),
        ("T:3", ("de",)),
    ]
    assert sorted(read.told()) == [
        "t.obo:11: id 'T:2' was there before (line 7); names are put together",
        "t.obo:15: name 'de' held control characters; they are taken out",
        "t.obo:1: no id; it is left out",
        "t.obo:4: 'T:1' has no name; it is left out",
    ]


def test_a_file_that_is_cut_off(read):
    found = read("t.obo", (HEADER + TERMS)[: (HEADER + TERMS).index("coronary") + 3])
    assert found[0].names == ("heart attack", "MI")
    assert dict(read.faults.counts) == {"bad_clause": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"t\.obo: holds no \[Term\]"),
        ("hello\n", r"holds no \[Term\]"),
        (HEADER, r"holds no \[Term\]"),
        ("[Term]\nid: T:1\nname: a\nis_obsolete: true\n", "holds no entity.*left out: 1 obsolete"),
    ],
)
def test_no_term(read, content, message):
    with pytest.raises(FormatError, match=message):
        read("t.obo", content)


def test_a_large_circle_takes_no_longer_than_a_line(read):
    n_terms = 3_000
    terms = "".join(
        f"[Term]\nid: T:{n}\nname: term {n}\nis_a: T:{(n + 1) % n_terms}\n\n"
        for n in range(n_terms)
    )
    assert len(read("t.obo", terms)) == n_terms


def by_pronto(path):
    """Read with another's parser: id -> (name, synonyms, definition, namespace, other ids)."""
    pronto = pytest.importorskip("pronto")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ontology = pronto.Ontology(str(path), import_depth=0, encoding="utf-8")
    return {
        term.id: (
            term.name,
            {synonym.description for synonym in term.synonyms},
            str(term.definition or ""),
            term.namespace or ontology.metadata.default_namespace,
            set(term.alternate_ids),
        )
        for term in ontology.terms()
        if not term.obsolete
    }


def by_us(path):
    return {
        entity.id: (
            entity.name,
            set(entity.aliases),
            entity.definition,
            next(iter(entity.types), None),
            set(entity.alternatives),
        )
        for entity in read_kb(path)
    }


word = st.text("ab\"\\:,!{}[]()' é痛", min_size=1, max_size=8).map(
    lambda text: f"x{' '.join(text.split())}y"
)


def escaped(text: str) -> str:
    return "".join(f"\\{char}" if char in '"\\:,!{}[]()' else char for char in text)


@settings(max_examples=15)
@given(st.lists(st.tuples(word, st.lists(word, max_size=3), word), min_size=1, max_size=4))
def test_it_reads_what_pronto_reads(tmp_path_factory, terms):
    lines = ["format-version: 1.2", "default-namespace: made_up"]
    for number, (name, synonyms, definition) in enumerate(terms):
        lines += ["", "[Term]", f"id: T:{number}", f"name: {escaped(name)}"]
        lines += [f'def: "{escaped(definition)}" [X:1]', f"alt_id: T:1{number}"]
        lines += [f'synonym: "{escaped(synonym)}" EXACT []' for synonym in synonyms]
        lines += ["is_a: T:0 ! the first"]
    path = tmp_path_factory.mktemp("obo") / "t.obo"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    expected = {
        id_: (name, synonyms - {name}, *more)
        for id_, (name, synonyms, *more) in by_pronto(path).items()
    }
    assert by_us(path) == expected
    assert [expected[f"T:{n}"][0] for n in range(len(terms))] == [name for name, _, _ in terms]
