"""Spreadsheets: columns by name on the sheet that is named; numbers as they look."""

import sys
from datetime import date, datetime

import pytest

from decoct.errors import ConfigError, FormatError, MissingExtraError
from decoct.kb.base import Entity

openpyxl = pytest.importorskip("openpyxl")


@pytest.fixture
def sheets(tmp_path, read):
    """Write sheets of rows and read them."""

    def make(_rows=None, **options):
        book = openpyxl.Workbook()
        named = _rows if isinstance(_rows, dict) else {"Sheet": _rows}
        book.remove(book.active)
        for title, rows in named.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(row)
        book.save(tmp_path / "made.xlsx")
        return read("kb.xlsx", (tmp_path / "made.xlsx").read_bytes(), **options)

    return make


def test_columns_by_name(sheets, read):
    found = sheets(
        [
            ["Code", "Preferred Name", "Synonyms", "Definition"],
            [10001, "MI", "heart attack|coronary", "Death\nof muscle."],
            [],
            ["C2", "cold"],
            [10001, "infarct"],
        ]
    )
    assert found == [
        Entity(
            id="10001",
            name="MI",
            aliases=("heart attack", "coronary", "infarct"),
            definition="Death of muscle.",
        ),
        Entity(id="C2", name="cold"),
    ]
    assert not read.faults
    assert read.kb.manifest.format == "xlsx"


def test_cells_of_every_kind(sheets):
    rows = [
        ["id", "name", "alias"],
        [1.0, 2.5, True],
        [2, date(2031, 5, 6), None],
        [3, datetime(2031, 5, 6, 7, 8), " é 疼痛 "],
    ]
    assert [(entity.id, *entity.names) for entity in sheets(rows)] == [
        ("1", "2.5", "True"),
        ("2", "2031-05-06T00:00:00"),
        ("3", "2031-05-06T07:08:00", "é 疼痛"),
    ]


def test_the_sheet_can_be_named(sheets):
    both = {"Readme": [["about"], ["this"]], "Terms": [["id", "name"], ["1", "a"]]}
    assert [entity.name for entity in sheets(both, sheet="Terms")] == ["a"]
    with pytest.raises(ConfigError, match=r"sheet=Trems: no such sheet \(did you mean 'Terms'\?\)"):
        sheets(both, sheet="Trems")
    with pytest.raises(ConfigError, match=r"kb\.xlsx:1: no column for ids; there are: about"):
        sheets(both)


def test_no_header(sheets):
    assert [entity.id for entity in sheets([["1", "a"], ["2", "b"]], header=False)] == ["1", "2"]
    found = sheets([["a", "1"]], header=False, id="2", name="1")
    assert [entity.id for entity in found] == ["1"]


def test_bad_rows_are_named_and_the_rest_read(sheets, read):
    found = sheets(
        [
            ["id", "name"],
            ["1", "a", "beyond"],
            [1234567890123456, "rounded"],
            [None, "no id"],
            ["2", None],
            ["3", "c"],
        ]
    )
    assert [entity.id for entity in found] == ["3"]
    told = sorted(read.told())
    assert told[0] == "kb.xlsx:2: 3 cells where the header has 2; it is left out"
    assert "kb.xlsx:3: 1234567890123456 is a number, of which Excel keeps 15 digits" in told[1]
    assert dict(read.faults.counts) == {
        "ragged_row": 1,
        "rounded_number": 1,
        "no_id": 2,
        "no_name": 1,
    }


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04broken"])
def test_what_is_no_workbook(read, content):
    with pytest.raises(FormatError, match=r"kb\.xlsx: is no Excel workbook.*save it as"):
        read("kb.xlsx", content)


def test_without_the_extra(sheets, read, monkeypatch):
    sheets([["id", "name"], ["1", "a"]])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingExtraError, match=r"needs openpyxl: pip install 'decoct\[link\]'"):
        read("again.xlsx", (read.folder / "kb.xlsx").read_bytes())


def test_an_empty_sheet(sheets):
    with pytest.raises(FormatError, match="the sheet is empty"):
        sheets([[]])
    with pytest.raises(FormatError, match="holds no entity"):
        sheets([["id", "name"]])
