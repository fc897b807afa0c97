"""Tables as text: whatever parts the columns, whatever they are called, ragged or in quotes."""

import gzip

import pytest

from decoct.errors import ConfigError, FormatError, StoreError
from decoct.kb.base import Entity


def names(found: list[Entity]) -> dict[str, tuple[str, ...]]:
    return {entity.id: entity.names for entity in found}


def test_columns_by_the_usual_words(read):
    found = read(
        "kb.tsv",
        "concept_id\tname\tsynonyms\tdefinition\ttypes\tlanguage\n"
        "C1\tMI\theart attack|coronary\tDeath of muscle.\tT047|T046\ten\n"
        "C2\tcold\t\t\t\t\n",
    )
    assert found == [
        Entity(
            id="C1",
            name="MI",
            aliases=("heart attack", "coronary"),
            definition="Death of muscle.",
            types=("T047", "T046"),
            languages=dict.fromkeys(("MI", "heart attack", "coronary"), "en"),
        ),
        Entity(id="C2", name="cold"),
    ]
    assert not read.faults


@pytest.mark.parametrize(
    "header",
    [
        "code,label",
        "CUI,Preferred Name",
        "Id,TERM",
        "subject_id,pref-label",
        "编码,名称",
        "label,id",
    ],
)
def test_other_usual_words(read, header):
    row = "MI,C1" if header == "label,id" else "C1,MI"
    assert names(read("kb.csv", f"{header}\n{row}\n")) == {"C1": ("MI",)}


def test_columns_that_are_named(read):
    found = read(
        "kb.csv",
        "a,b,c,d,e\n1,MI,heart attack,coronary,X\n",
        id="a",
        name="b",
        alias="C, d",
        type=["e"],
    )
    assert found == [Entity(id="1", name="MI", aliases=("heart attack", "coronary"), types=("X",))]


def test_several_columns_of_aliases_are_all_guessed(read):
    found = read("kb.tsv", "id\tname\tsynonyms\talias\n1\ta\tb|c\td\n")
    assert set(found[0].aliases) == {"b", "c", "d"}


def test_rows_of_one_id_are_one_entity_wherever_they_are(read):
    found = read("kb.tsv", "id\tname\n1\ta\n1\tb\n2\tc\n1\td\n1\ta\n")
    assert names(found) == {"1": ("a", "b", "d"), "2": ("c",)}
    assert not read.faults


def test_a_row_may_add_to_an_entity_without_its_name(read):
    found = read("kb.tsv", "id\tname\ttype\n1\ta\tX\n1\t\tY\n")
    assert found == [Entity(id="1", name="a", types=("X", "Y"))]


@pytest.mark.parametrize("header", ["false", False])
def test_no_header(read, header):
    assert names(read("kb.tsv", "1\ta\n2\tb\n", header=header)) == {"1": ("a",), "2": ("b",)}


def test_columns_by_number(read):
    content = "a|x|1|b|c|d\ne||2\n"
    found = read("kb.txt", content, "tsv", header=False, id="3", name="1", alias="4-")
    assert names(found) == {"1": ("a", "b", "c", "d"), "2": ("e",)}


def test_a_delimiter_of_two_characters_and_other_ids_behind_the_first(read):
    found = read("kb.txt", "C1|613||Name|Other\nC2||Plain\n", "tsv", delimiter="||", header=False)
    assert found == [
        Entity(id="C1", name="Name", aliases=("Other",), alternatives=("613",)),
        Entity(id="C2", name="Plain"),
    ]
    assert read.kb.entities["613"].id == "C1"


def test_comments(read):
    content = "# made by hand\nid\tname\n1\ta\n# 2\tb\n3\t#c\n"
    assert names(read("kb.tsv", content, comment="#")) == {"1": ("a",), "3": ("#c",)}


TRANSLATED = (
    "source_language\ttranslation_language\tsubject_id\tpredicate_id\tsource_value\t"
    "translation_value\n"
    'en\tzh\tX:1\trdfs:label\t"Pain, severe"\t剧痛\n'
    "en\tzh\tX:1\tIAO:0000115\tIt hurts.\t痛。\n"
    "en\tzh\tX:2\trdfs:label\tCough\t咳嗽\n"
)


def test_translations_with_their_languages(read):
    found = read("kb.babelon.tsv", TRANSLATED, only="predicate_id=rdfs:label")
    assert found == [
        Entity(
            id="X:1",
            name="Pain, severe",
            aliases=("剧痛",),
            languages={"Pain, severe": "en", "剧痛": "zh"},
        ),
        Entity(id="X:2", name="Cough", aliases=("咳嗽",), languages={"Cough": "en", "咳嗽": "zh"}),
    ]
    assert read.kb.manifest.left_out == {"other_row": 1}
    assert read.kb.manifest.languages == {"en": 2, "zh": 2}


def test_translations_alone(read):
    found = read(
        "kb.tsv",
        TRANSLATED,
        name="translation_value",
        alias="translation_value",
        language="translation_language",
        only="predicate_id = rdfs:label",
    )
    assert names(found) == {"X:1": ("剧痛",), "X:2": ("咳嗽",)}


@pytest.mark.parametrize(
    ("name", "delimiter"), [("a.csv", ","), ("a.csv", ";"), ("a.csv", "\t"), ("a.tab", "|")]
)
def test_what_parts_the_columns_is_guessed(read, name, delimiter):
    content = "id,name,alias\n1,a,b\n".replace(",", delimiter)
    assert names(read(name, content)) == {"1": ("a", "b")}


def test_quotes_in_a_csv(read):
    content = 'id,name\n1,"Pain, severe"\n2,"The ""worst"""\n3,"two\nlines"\n4,last\n'
    assert names(read("kb.csv", content)) == {
        "1": ("Pain, severe",),
        "2": ('The "worst"',),
        "3": ("two lines",),
        "4": ("last",),
    }


def test_quotes_in_a_tsv_go_from_whole_cells_alone(read):
    content = 'id\tname\n1\t"a, ""b"""\n2\t5" scar\n3\t"open\n4\tlast\n'
    assert names(read("kb.tsv", content)) == {
        "1": ('a, "b"',),
        "2": ('5" scar',),
        "3": ('"open',),
        "4": ("last",),
    }
    assert names(read("kb.tsv", content, quoted=False))["1"] == ('"a, ""b"""',)
    quoted = read("kb.tsv", 'id\tname\n1\t"a\tb"\n', quoted=True)
    assert names(quoted) == {"1": ("a b",)}


def test_a_quote_left_open_is_named_and_the_rest_read(read):
    rows = "".join(f"{n},name {n} {'x' * 200}\n" for n in range(2, 2_000))
    found = read("kb.csv", f'id,name\n0,a\n1,"open\n{rows}')
    assert found[0].id == "0"
    assert found[-1].id == "1999"
    assert read.told()[0].startswith("kb.csv:3: field larger than field limit")
    assert read.told()[0].endswith("is a quote left open?")
    assert dict(read.faults.counts) == {"bad_row": 1}


def test_ragged_rows(read):
    found = read("kb.csv", "id,name,alias\n1,a\n2,b,c,d\n3,e,f,,\n4\n")
    assert names(found) == {"1": ("a",), "3": ("e", "f")}
    assert read.told() == [
        "kb.csv:3: 4 cells where the header has 3; it is left out",
        "kb.csv:5: '4' has no name; it is left out",
    ]


def test_lines_are_named_by_their_number_in_the_file(read):
    content = b'id,name\n\n1,a\n2,"x\ny"\n\xff,b\n\n,c\n4,\n'
    found = read("kb.csv", content)
    assert [entity.id for entity in found] == ["1", "2"]
    assert read.told() == [
        "kb.csv:6: not UTF-8 at byte 0",
        "kb.csv:8: no id; it is left out",
        "kb.csv:9: '4' has no name; it is left out",
    ]


def test_a_byte_order_mark_and_windows_line_ends(read):
    assert names(read("kb.csv", b"\xef\xbb\xbfid,name\r\n1,a\r\n")) == {"1": ("a",)}


def test_gzipped(read):
    found = read("kb.tsv.gz", gzip.compress(b"id\tname\n1\ta\n"))
    assert names(found) == {"1": ("a",)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id\tname\n".encode("utf-16"), r"kb\.tsv:1: is UTF-16; convert it.*iconv -f UTF-16"),
        ("编码\t名称\n".encode("gb18030"), r"kb\.tsv:1: is not UTF-8; convert it.*-f GB18030"),
        (b"", "is empty; a header and an entity a row are expected"),
        (b"\n \n", "is empty"),
        (b"id\tname\n", "holds no entity with an id and a name"),
        (b"id\tname\n1\t\n", "holds no entity .*kb.tsv:2: '1' has no name"),
        ("id\tname\n1\t疼痛\n".encode("gb18030"), "holds no entity.*kb.tsv:2: not UTF-8 at byte"),
    ],
)
def test_what_holds_no_entity(read, content, message):
    with pytest.raises(FormatError, match=message) as caught:
        read("kb.tsv", content)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"kb\.tsv:1: no column for names; there are: id, nom; give name=COLUMN, or header="),
        ({"name": "non"}, r"name=non: no such column \(did you mean 'nom'\?\); there are: id, nom"),
        ({"name": "nom", "alias": "9"}, "alias=9: no such column"),
        ({"name": "nom", "only": "id"}, "only=id: write only=COLUMN=VALUE"),
        ({"name": "nom", "only": "x=1"}, "only=x: no such column"),
        ({"names": "nom"}, r"kb\.tsv as tsv: unknown key 'names' \(did you mean 'name'\?\)"),
        ({"header": "perhaps"}, "header: Input should be a valid boolean"),
        ({"languages": "ENG"}, r"unknown key 'languages' \(did you mean 'language'\?\)"),
    ],
)
def test_options_that_do_not_fit(read, options, message):
    with pytest.raises(ConfigError, match=message) as caught:
        read("kb.tsv", "id\tnom\n1\ta\n", **options)
    assert "\n" not in str(caught.value)


def test_a_gzip_that_is_broken_off(read):
    whole = gzip.compress(b"id\tname\n" + b"".join(b"%d\tname %d\n" % (n, n) for n in range(3000)))
    with pytest.raises(StoreError, match="can't be read"):
        read("kb.tsv.gz", whole[:-100])
