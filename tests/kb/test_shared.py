"""Real knowledge bases, held to counts made by other means."""

import re
from collections import Counter, defaultdict

import pytest

from decoct.kb import read_kb

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def linking(shared):
    folder = shared / "data" / "linking"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    return folder


def cells(path) -> list[list[str]]:
    lines = path.read_bytes().decode().split("\n")
    return [line.split("\t") for line in lines[1:] if line]


@pytest.mark.parametrize("name", ["askapatient", "icd10_zh"])
def test_tables(linking, name):
    path = linking / name / "kb.tsv"
    kb = read_kb(path, name_language="zh" if name == "icd10_zh" else "")
    assert not kb.faults
    rows = [[id_, " ".join(name.split())] for id_, name in cells(path)]
    assert [[entity.id, entity.name] for entity in kb] == rows
    shared_names = Counter(name.lower() for _, name in rows)
    assert kb.manifest.n_ambiguous == sum(n > 1 for n in shared_names.values())
    assert all(entity == kb[entity.id] for entity in kb)


def test_translations(linking):
    path = linking / "kb" / "hp-zh.babelon.tsv"
    kb = read_kb(path)
    rows = cells(path)
    assert not kb.faults
    assert len(kb) == len(rows) == 18_988
    assert kb.manifest.languages == {"en": 18_988, "zh": 18_988}
    for row in rows:
        entity = kb[row[2]]
        assert entity.name == re.sub(r'^"(.*)"$', r"\1", row[4]).replace('""', '"').strip()
        assert entity.languages[entity.aliases[0]] == "zh"
        assert entity.aliases[0].split() == row[5].strip('"').split()


def test_medic_through_options(linking):
    path = linking / "ncbi_disease" / "medic_06Jul2012.txt"
    kb = read_kb(path, "tsv", delimiter="||", header=False)
    assert not kb.faults
    ids, names = set(), 0
    for line in path.read_bytes().decode().splitlines():
        before, after = line.split("||", 1)
        ids.add(before.split("|")[0])
        names += len(set(after.split("|")))
        assert all(kb[other].id for other in before.split("|"))
    assert (len(kb), kb.manifest.n_names) == (len(ids), names) == (11_915, 76_237)


def doid_by_regex(text: str) -> dict[str, set[str]]:
    """Names of terms that are not obsolete, as a few regular expressions see them."""
    found = {}
    for stanza in re.findall(r"^\[Term\]\n(.*?)(?=^\[|\Z)", text, re.DOTALL | re.MULTILINE):
        if "\nis_obsolete: true" in stanza:
            continue
        names = re.findall(r"^name: (.*)$", stanza, re.MULTILINE)
        names += re.findall(r'^synonym: "(.*)" (?:EXACT|RELATED|NARROW)', stanza, re.MULTILINE)
        id_ = re.search(r"^id: (.*)$", stanza, re.MULTILINE)
        found[id_[1]] = {" ".join(re.sub(r"\\(.)", r"\1", name).split()) for name in names}
    return found


def test_an_ontology_by_regular_expressions(linking):
    path = linking / "kb" / "doid_2016-04-29.obo"
    kb = read_kb(path)
    assert not kb.faults
    assert {entity.id: set(entity.names) for entity in kb} == doid_by_regex(path.read_text())
    text = path.read_text()
    assert text.count("\n[Term]") == 9_289 == len(kb) + kb.manifest.left_out["obsolete"]
    assert kb.manifest.left_out == {"obsolete": text.count("\nis_obsolete: true")}
    assert kb.manifest.release == "releases/2016-04-29"
    assert "Creative Commons" in kb.manifest.license_note


def test_an_ontology_by_its_authors_parser(linking):
    """fastobo, stanza by stanza: it gives up on seven whose cross-references hold spaces."""
    fastobo = pytest.importorskip("fastobo")
    path = linking / "kb" / "doid_2016-04-29.obo"
    kb, n_broken = read_kb(path), 0
    for stanza in re.split(r"(?m)^(?=\[)", path.read_text())[1:]:
        if not stanza.startswith("[Term]"):
            continue
        try:
            frame = fastobo.loads(f"\n{stanza}")[0]
        except SyntaxError:
            n_broken += 1
            continue
        said = defaultdict(list)
        for clause in frame:
            said[clause.raw_tag()].append(clause)
        if "is_obsolete" in said:
            continue
        entity = kb[str(frame.id)]
        synonyms = [clause.synonym.desc for clause in said["synonym"]]
        names = [clause.name for clause in said["name"]] + synonyms
        assert entity.names == tuple(dict.fromkeys(" ".join(name.split()) for name in names))
        assert entity.alternatives == tuple(str(clause.alt_id) for clause in said["alt_id"])
        definitions = [clause.definition for clause in said["def"]] or [""]
        assert entity.definition == " ".join(definitions[0].split())
    assert n_broken == 7


def test_pronto_does_not_read_it(linking):
    """Why there is a reader of our own; should this fail, pronto has learnt to."""
    pronto = pytest.importorskip("pronto")
    path = str(linking / "kb" / "doid_2016-04-29.obo")
    with pytest.raises(SyntaxError):
        pronto.Ontology(path, import_depth=0, encoding="utf-8")
