"""PubMed XML: what is taken of a citation, what is broken, and that nothing is looked up."""

import gzip

import pytest

from decoct.errors import Faults, FormatError, StoreError
from decoct.formats import pubmed_xml
from decoct.formats.base import guess_format, read_documents
from decoct.formats.pubmed_xml import plugin

HEAD = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2025//EN" "https://dtd.example.invalid/pubmed.dtd">
<PubmedArticleSet>
"""
TAIL = "</PubmedArticleSet>\n"
ARTICLE = """<PubmedArticle>
  <MedlineCitation Status="MEDLINE" Owner="NLM">
    <PMID Version="1">31</PMID>
    <Article PubModel="Print">
      <Journal><JournalIssue><PubDate><Year>2019</Year></PubDate></JournalIssue><Title>J Tests</Title></Journal>
      <ArticleTitle>Zorafen in <i>N = 10<sup>6</sup></i> mice, 5 &lt; 6 &amp; Ca<sup>2+</sup> &#x3b1;.</ArticleTitle>
      <ELocationID EIdType="doi" ValidYN="Y">10.1/x</ELocationID>
      <Abstract>
        <AbstractText Label="AIM" NlmCategory="OBJECTIVE">To see
          rash.</AbstractText>
        <AbstractText Label="UNLABELLED">Nothing.</AbstractText>
        <AbstractText/>
        <CopyrightInformation>Not text.</CopyrightInformation>
      </Abstract>
      <Language>eng</Language>
      <PublicationTypeList><PublicationType UI="D016428">Journal Article</PublicationType></PublicationTypeList>
    </Article>
    <MeshHeadingList>
      <MeshHeading><DescriptorName UI="D012373" MajorTopicYN="N">Rash</DescriptorName>
        <QualifierName MajorTopicYN="Y">chemically induced</QualifierName></MeshHeading>
      <MeshHeading><DescriptorName UI="D051379" MajorTopicYN="N">Mice</DescriptorName></MeshHeading>
    </MeshHeadingList>
  </MedlineCitation>
  <PubmedData><ArticleIdList><ArticleId IdType="pubmed">31</ArticleId></ArticleIdList></PubmedData>
</PubmedArticle>
"""  # noqa: E501


def small(pmid, title="A title."):
    return (
        f'<PubmedArticle><MedlineCitation><PMID Version="1">{pmid}</PMID><Article><ArticleTitle>{title}'  # noqa: E501
        "</ArticleTitle></Article></MedlineCitation></PubmedArticle>\n"
    )


@pytest.fixture
def file(tmp_path):
    def put(*parts, name="f.xml", tail=TAIL):
        content = "".join((HEAD, *parts, tail)).encode()
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
        return tmp_path / name

    return put


def read(path, **options):
    faults = Faults()
    return list(plugin.read(path, faults, **options)), faults


@pytest.mark.parametrize("name", ["f.xml", "pubmed25n0001.xml.gz"])
def test_what_is_taken_of_a_citation(file, name):
    path = file(ARTICLE, name=name)
    assert guess_format(path) == "pubmed_xml"
    faults = Faults()
    (document,) = read_documents(path, faults)
    assert not faults
    assert document.id == "31"
    assert document.text == (
        "Zorafen in N = 10⁶ mice, 5 < 6 & Ca2+ α.\nAIM: To see rash.\nNothing."
    )
    assert document.source is None
    assert document.meta == {
        "journal": "J Tests",
        "year": 2019,
        "doi": "10.1/x",
        "language": "eng",
        "types": ["Journal Article"],
        "mesh": [
            {"id": "D012373", "name": "Rash", "major": True},
            {"id": "D051379", "name": "Mice"},
        ],
        "sections": [
            {"label": "AIM", "start": 41, "end": 58},
            {"label": "UNLABELLED", "start": 59, "end": 67},
        ],
    }
    for section in document.meta["sections"]:
        assert document.text[section["start"] : section["end"]] in ("AIM: To see rash.", "Nothing.")
    ((bare,), _) = read(path, labels=False)
    assert "\nTo see rash.\n" in bare.text


def test_medline_books_and_titles_in_other_languages(file):
    medline = "<MedlineCitation><PMID>1</PMID><Article><ArticleTitle>M.</ArticleTitle></Article></MedlineCitation>"  # noqa: E501
    book = (
        "<PubmedBookArticle><BookDocument><PMID>2</PMID><Book><BookTitle>B</BookTitle></Book>"
        "<ArticleTitle>C.</ArticleTitle><Abstract><AbstractText>T.</AbstractText></Abstract>"
        "</BookDocument></PubmedBookArticle>"
    )
    other = small(3, "[Not Available].").replace(
        "</Article>", "<VernacularTitle>皮疹。</VernacularTitle></Article>"
    )
    found, faults = read(file(medline, book, other))
    assert not faults
    assert [(one.id, one.text) for one in found] == [("1", "M."), ("2", "C.\nT."), ("3", "皮疹。")]
    assert found[1].meta["journal"] == "B"


def test_a_malformed_citation_is_named_and_the_rest_is_read(file):
    found, faults = read(
        file(
            small(1),
            small(2, "<i>open"),
            small(3, "&nonsuch;"),
            small(4).replace("PMID", "PMIX"),
            small(5, ""),
            small(6).replace("</PubmedArticle>", ""),
            small(7),
            small(8)[:90],
            tail="",
        )
    )
    assert [one.id for one in found] == ["1", "7"]
    lines = [int(fault.where.rpartition(":")[2]) for fault in faults.kept]
    assert lines == [5, 6, 7, 8, 9, 11]
    assert faults.counts == {"bad_citation": 5, "no_text": 1}
    assert "citation 2: not well-formed" in faults.kept[0].reason
    assert all("\n" not in str(fault) for fault in faults.kept)


def test_withdrawn_citations(file):
    path = file(
        small(1), "<DeleteCitation><PMID Version='1'>8</PMID><PMID>9</PMID></DeleteCitation>\n"
    )
    found, faults = read(path)
    assert [one.id for one in found] == ["1"]
    assert not faults
    found, _ = read(path, deleted=True)
    assert [(one.id, one.text, one.meta) for one in found[1:]] == [
        ("8", "", {"deleted": True}),
        ("9", "", {"deleted": True}),
    ]


@pytest.mark.parametrize("size", [1, 7, 300])
def test_wherever_the_pieces_of_a_file_end(file, monkeypatch, size):
    monkeypatch.setattr(pubmed_xml, "CHUNK_BYTES", size)
    monkeypatch.setattr(pubmed_xml, "MAX_CITATION_BYTES", 3000)
    path = file("x" * 4000, small(1), ARTICLE, small(2, "y" * 5000), small(3))
    found, faults = read(path)
    assert [one.id for one in found] in (["1", "31", "3"], ["1", "31", "2", "3"])  # 2 is too long
    assert len(found) + faults.n == 4


@pytest.mark.parametrize("entity", ["&a;", "&passwd;"])
def test_no_entity_is_expanded(tmp_path, entity):
    (tmp_path / "secret").write_text("secret")
    path = tmp_path / "f.xml"
    path.write_text(
        f'<!DOCTYPE x [<!ENTITY a "rash"><!ENTITY passwd SYSTEM "file://{tmp_path}/secret">]>\n'
        f"<PubmedArticleSet>{small(1, entity)}{small(2)}{TAIL}"
    )
    found, faults = read(path)
    assert [one.id for one in found] == ["2"]
    assert faults.counts == {"bad_citation": 1}


def test_what_holds_no_citation(file, tmp_path):
    for content in ("", "<html/>"):
        (tmp_path / "g.xml").write_text(content)
        with pytest.raises(FormatError, match="holds no citation"):
            read(tmp_path / "g.xml")
    path = file(*(small(n) for n in range(2000)), name="f.xml.gz")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(StoreError, match="can't be read"):
        read(path)
