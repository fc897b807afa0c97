"""UMLS: preferred names, languages, sources, suppressed names; three files side by side."""

import gzip

import pytest

from decoct.errors import ConfigError, Faults, FormatError, StoreError
from decoct.kb.base import Entity
from decoct.kb.reading import read_kb
from fakes.umls import atom, definition, semantic_type, write_release

CONCEPTS = [
    atom("C0000001", "A1", "Infarct of heart", term="S", source="SNOMEDCT_US"),
    atom("C0000001", "A2", "heart attack", string="VO"),
    atom("C0000001", "A3", "Myocardial infarction", preferred="N"),
    atom("C0000001", "A4", "Myocardial Infarction"),
    atom("C0000001", "A5", "心肌梗死", language="CHI", source="MSHCHI"),
    atom("C0000001", "A6", "old name", suppress="O", source="SNOMEDCT_US"),
    atom("C0000002", "A7", "感冒", language="CHI", source="MSHCHI"),
    atom("C0000003", "A8", "Cough", source="SNOMEDCT_US"),
]
TYPES = [
    semantic_type("C0000000", "T001"),
    semantic_type("C0000001", "T046"),
    semantic_type("C0000001", "T047"),
    semantic_type("C0000003", "T184"),
]
DEFINITIONS = [
    definition("C0000001", "A5", "中文定义"),
    definition("C0000001", "A4", "withdrawn", suppress="O"),
    definition("C0000001", "A2", "Death of muscle."),
    definition("C0000009", "A9", "of none"),
]


@pytest.fixture
def release(tmp_path):
    return write_release(tmp_path / "META", CONCEPTS, TYPES, DEFINITIONS)


def test_a_release(release):
    kb = read_kb(release)
    assert list(kb) == [
        Entity(
            id="C0000001",
            name="Myocardial Infarction",
            aliases=("Myocardial infarction", "heart attack", "Infarct of heart"),
            definition="Death of muscle.",
            types=("T046", "T047"),
            languages=dict.fromkeys(
                (
                    "Myocardial Infarction",
                    "Myocardial infarction",
                    "heart attack",
                    "Infarct of heart",
                ),
                "en",
            ),
        ),
        Entity(id="C0000003", name="Cough", types=("T184",), languages={"Cough": "en"}),
    ]
    assert not kb.faults
    assert kb.manifest.left_out == {"other_language": 2, "suppressed": 1}
    assert sorted(kb.manifest.files) == ["MRCONSO.RRF", "MRDEF.RRF", "MRSTY.RRF"]


@pytest.mark.parametrize("languages", ["CHI,ENG", ("CHI", "ENG")])
def test_languages_in_the_order_asked_for(release, languages):
    kb = read_kb(release, languages=languages)
    assert [entity.name for entity in kb] == ["心肌梗死", "感冒", "Cough"]
    assert kb["C0000001"].definition == "中文定义"
    assert kb.manifest.languages == {"en": 5, "zh": 2}


def test_every_language(release):
    kb = read_kb(release, languages=())
    assert [entity.name for entity in kb] == ["Myocardial Infarction", "感冒", "Cough"]
    assert read_kb(release, languages="").manifest.n_names == kb.manifest.n_names == 7


def test_sources(release):
    kb = read_kb(release, sources="SNOMEDCT_US")
    assert [entity.names for entity in kb] == [("Infarct of heart",), ("Cough",)]
    assert kb["C0000001"].definition == ""
    assert kb.manifest.left_out["other_source"] == 3


def test_suppressed_names(release):
    kb = read_kb(release, suppressed=True)
    assert "old name" in kb["C0000001"].names
    assert kb["C0000001"].definition == "withdrawn"


def test_types(release):
    kb = read_kb(release, keep_types="T047")
    assert [entity.id for entity in kb] == ["C0000001"]
    assert kb.manifest.left_out["other_type"] == 1


def test_the_folder_above_the_file_itself_and_gzip(release, tmp_path):
    expected = list(read_kb(release))
    assert list(read_kb(tmp_path)) == expected
    assert list(read_kb(release / "MRCONSO.RRF")) == expected
    for path in list(release.iterdir()):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert list(read_kb(release)) == expected
    assert list(read_kb(release / "MRCONSO.RRF.gz")) == expected


def test_names_alone(tmp_path):
    kb = read_kb(write_release(tmp_path / "kb", CONCEPTS))
    assert [(entity.types, entity.definition) for entity in kb] == [((), ""), ((), "")]


def test_the_release_says_its_name(release):
    assert read_kb(release).manifest.release == ""
    (release / "release.dat").write_text("umls.release.name=2031AB\nx=y\n")
    assert read_kb(release).manifest.release == "2031AB"


def test_bad_rows_are_named_and_the_rest_read(tmp_path):
    rows = [CONCEPTS[0], "C0000001|ENG|P", "|".join([""] * 19), "", CONCEPTS[-1].rstrip("|") + "||"]
    folder = write_release(tmp_path / "kb", rows, ["C0000001|T047"])
    faults = Faults()
    kb = read_kb(folder, faults=faults)
    assert [entity.id for entity in kb] == ["C0000001", "C0000003"]
    assert sorted(str(fault).removeprefix(f"{folder}/") for fault in faults.kept) == [
        "MRCONSO.RRF:2: 3 columns where there should be 18; the row is left out",
        "MRCONSO.RRF:3: no CUI; the row is left out",
        "MRSTY.RRF:1: 2 columns where there should be 6; the row is left out",
    ]


@pytest.mark.parametrize("name", ["MRCONSO.RRF", "MRSTY.RRF", "MRDEF.RRF"])
def test_files_that_are_not_in_order(release, name):
    path = release / name
    path.write_text("\n".join(reversed(path.read_text().splitlines())) + "\n")
    with pytest.raises(FormatError, match=rf"{name}:\d: C\d+ comes after C\d+; put .* sort -s -t"):
        read_kb(release)


def test_what_holds_no_concept(tmp_path, release):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FormatError, match="can't tell its format; name one of: jsonl, obo"):
        read_kb(tmp_path / "empty")
    with pytest.raises(FormatError, match=r"holds no MRCONSO\.RRF; give the folder META"):
        read_kb(tmp_path / "empty", "rrf")
    with pytest.raises(FormatError, match=r"holds no entity.*left out: 6 other_language"):
        read_kb(write_release(tmp_path / "kb", CONCEPTS[:4] + CONCEPTS[5:8:2]), languages="FRE")
    with pytest.raises(ConfigError, match=r"unknown key 'language' \(did you mean 'languages'"):
        read_kb(release, language="ENG")
    with pytest.raises(StoreError, match="no such file or folder"):
        read_kb(tmp_path / "none", "rrf")
