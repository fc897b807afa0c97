"""OWL: labels with their languages, synonyms by kind; nothing outside the file is opened."""

import warnings

import pytest

from decoct.errors import FormatError
from decoct.kb.base import Entity
from decoct.kb.reading import read_kb

HEAD = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE rdf:RDF [
  <!ENTITY obo "http://purl.obolibrary.org/obo/">
]>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
  xmlns:rdfs="http://www.w3.org/2000/01/rdf-schema#" xmlns:owl="http://www.w3.org/2002/07/owl#"
  xmlns:obo="http://purl.obolibrary.org/obo/" xmlns:skos="http://www.w3.org/2004/02/skos/core#"
  xmlns:dcterms="http://purl.org/dc/terms/"
  xmlns:oboInOwl="http://www.geneontology.org/formats/oboInOwl#">
<owl:Ontology rdf:about="&obo;t.owl">
  <owl:versionIRI rdf:resource="&obo;t/releases/2031-05-06/t.owl"/>
  <owl:imports rdf:resource="http://198.51.100.1/never.owl"/>
  <oboInOwl:hasDefaultNamespace>made_up</oboInOwl:hasDefaultNamespace>
  <dcterms:license rdf:resource="http://creativecommons.org/publicdomain/zero/1.0/"/>
</owl:Ontology>
"""
CLASSES = """\
<owl:ObjectProperty rdf:about="&obo;RO_1"><rdfs:label>has</rdfs:label></owl:ObjectProperty>
<owl:Class rdf:about="&obo;T_1">
  <rdfs:subClassOf rdf:resource="&obo;T_2"/>
  <rdfs:subClassOf><owl:Restriction><owl:onProperty rdf:resource="&obo;RO_1"/>
    <owl:someValuesFrom><owl:Class rdf:about="&obo;T_77"/></owl:someValuesFrom>
  </owl:Restriction></rdfs:subClassOf>
  <obo:IAO_0000115>Death of muscle.</obo:IAO_0000115>
  <oboInOwl:hasAlternativeId>T:9</oboInOwl:hasAlternativeId>
  <oboInOwl:hasExactSynonym>MI</oboInOwl:hasExactSynonym>
  <oboInOwl:hasRelatedSynonym>coronary</oboInOwl:hasRelatedSynonym>
  <oboInOwl:hasOBONamespace>disease</oboInOwl:hasOBONamespace>
  <rdfs:label>heart attack</rdfs:label>
</owl:Class>
<owl:Class rdf:about="&obo;T_2">
  <rdfs:subClassOf rdf:resource="&obo;T_1"/>
  <rdfs:label>disease</rdfs:label>
</owl:Class>
<owl:Class rdf:about="&obo;T_3">
  <rdfs:label>gone</rdfs:label>
  <owl:deprecated rdf:datatype="http://www.w3.org/2001/XMLSchema#boolean">true</owl:deprecated>
</owl:Class>
<owl:Class><owl:unionOf/></owl:Class>
"""
TAIL = "</rdf:RDF>\n"
EXPECTED = [
    Entity(
        id="T:1",
        name="heart attack",
        aliases=("MI", "coronary"),
        definition="Death of muscle.",
        types=("disease",),
        alternatives=("T:9",),
    ),
    Entity(id="T:2", name="disease", types=("made_up",)),
]


def test_classes(read):
    assert read("t.owl", HEAD + CLASSES + TAIL) == EXPECTED
    assert not read.faults
    manifest = read.kb.manifest
    assert manifest.release == "http://purl.obolibrary.org/obo/t/releases/2031-05-06/t.owl"
    assert manifest.license_note == "http://creativecommons.org/publicdomain/zero/1.0/"
    assert manifest.left_out == {"obsolete": 1}


def test_what_to_take_can_be_said(read):
    found = read("t.owl", HEAD + CLASSES + TAIL, scopes="EXACT", obsolete=True)
    assert found[0].aliases == ("MI",)
    assert [entity.id for entity in found] == ["T:1", "T:2", "T:3"]


def test_labels_in_several_languages(read):
    labels = """<owl:Class rdf:about="http://example.org/pain">
      <rdfs:label xml:lang="zh">疼痛</rdfs:label><rdfs:label xml:lang="cs">bolest</rdfs:label>
      <skos:prefLabel xml:lang="en">pain</skos:prefLabel>
      <skos:altLabel xml:lang="zh">痛</skos:altLabel>
      <skos:definition>It hurts.</skos:definition></owl:Class>"""
    assert read("t.owl", HEAD + labels + TAIL) == [
        Entity(
            id="http://example.org/pain",
            name="pain",
            aliases=("疼痛", "bolest", "痛"),
            definition="It hurts.",
            types=("made_up",),
            languages={"pain": "en", "疼痛": "zh", "bolest": "cs", "痛": "zh"},
        )
    ]


def test_classes_written_as_descriptions(read):
    written = """<rdf:Description rdf:about="&obo;T_1">
      <rdf:type rdf:resource="http://www.w3.org/2002/07/owl#Class"/><rdfs:label>a</rdfs:label>
    </rdf:Description><rdf:Description rdf:about="&obo;T_2"><rdfs:label>b</rdfs:label>
    </rdf:Description>"""
    assert [entity.name for entity in read("t.rdf", HEAD + written + TAIL)] == ["a"]


def test_an_id_of_its_own_and_one_that_comes_again(read):
    written = """<owl:Class rdf:about="&obo;T_1"><oboInOwl:id>X:1</oboInOwl:id>
      <rdfs:label>a</rdfs:label></owl:Class><owl:Class rdf:about="http://x/y">
      <oboInOwl:id>X:1</oboInOwl:id><rdfs:label>b</rdfs:label></owl:Class>
      <owl:Class rdf:about="&obo;T_4"/>"""
    found = read("t.owl", HEAD + written + TAIL)
    assert [(entity.id, entity.names) for entity in found] == [("X:1", ("a", "b"))]
    assert sorted(read.told()) == [
        "t.owl: T:4: 'T:4' has no name; it is left out",
        "t.owl: X:1: id 'X:1' was there before; names are put together",
    ]


EXPLODING = HEAD.replace(
    "<!ENTITY obo",
    '<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">'
        for before, name in zip("abcdefghi", "bcdefghij", strict=True)
    )
    + "<!ENTITY obo",
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEAD + CLASSES, r"t\.owl:\d+: not RDF/XML: no element found"),
        (HEAD + CLASSES + "</owl:Class>", r"t\.owl:\d+: not RDF/XML: mismatched tag"),
        ("Prefix(:=<http://x>)", r"t\.owl:1: not RDF/XML.*robot convert"),
        ("", r"not RDF/XML: no element found"),
        (HEAD + TAIL, "holds no owl:Class with an rdf:about"),
        (
            EXPLODING + '<owl:Class rdf:about="x"><rdfs:label>&j;</rdfs:label></owl:Class>' + TAIL,
            r"not RDF/XML: limit on input amplification",
        ),
    ],
    ids=["cut off", "mismatched", "functional syntax", "empty", "no class", "exploding entities"],
)
def test_what_is_no_ontology(read, content, message):
    with pytest.raises(FormatError, match=message) as caught:
        read("t.owl", content)
    assert "\n" not in str(caught.value)


def test_no_other_file_is_opened(read, tmp_path):
    (tmp_path / "secret.txt").write_text("a secret")
    outside = HEAD.replace(
        "<!ENTITY obo", f'<!ENTITY out SYSTEM "{tmp_path}/secret.txt"><!ENTITY obo'
    )
    written = '<owl:Class rdf:about="&obo;T_1"><rdfs:label>x &out;</rdfs:label></owl:Class>'
    try:
        found = read("t.owl", outside + written + TAIL)
    except FormatError:
        return
    assert "secret" not in repr(found)


def test_it_reads_what_pronto_reads(read, tmp_path):
    pronto = pytest.importorskip("pronto")
    path = tmp_path / "t.owl"
    path.write_text((HEAD + CLASSES + TAIL).replace('"http://198', '"file://198'))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ontology = pronto.Ontology(str(path), import_depth=0, encoding="utf-8")
    assert {
        term.id: (
            term.name,
            {synonym.description for synonym in term.synonyms},
            term.definition,
            set(term.alternate_ids),
        )
        for term in ontology.terms()
        if not term.obsolete
    } == {
        entity.id: (
            entity.name,
            set(entity.aliases),
            entity.definition or None,
            set(entity.alternatives),
        )
        for entity in read_kb(path)
    }
