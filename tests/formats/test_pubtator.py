"""PubTator: offsets over title and abstract, concept ids, relations; read, written, read again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import ConfigError, Faults
from decoct.formats.base import Losses, read_documents
from decoct.formats.pubtator import CONCEPT_RELATIONS, plugin
from decoct.records import Document, Link, Relation, Span

TEXT = """\
11|t|Rash after zorafen.
11|a|A boy had rash and then fever.
11\t0\t4\tRash\tDisease\tD005076
11\t11\t18\tzorafen\tChemical\tMESH:C000001
11\t30\t34\trash\tDisease\tD005076|OMIM:123456
11\t30\t49\trash and then fever\tDisease\tD005076|D005334\trash|fever
11\t44\t49\tfever\tDisease\t-1
11\tCID\tC000001\tD005076
11\tAssociation\tC000001\tD005334\tNovel

12|t|A title alone.
12|a|
12\t2\t7\ttitle\tThing
12\t8\t13\talone\tThing\t-
"""


@pytest.fixture
def write(tmp_path):
    def put(content):
        path = tmp_path / "f.pubtator"
        path.write_text(content, encoding="utf-8")
        return path

    return put


def read(path, **options):
    faults = Faults()
    return list(plugin.read(path, faults, **options)), faults


def test_spans_links_and_relations(write):
    (first, second), faults = read(write(TEXT))
    assert not faults
    assert first.text == "Rash after zorafen.\nA boy had rash and then fever."
    assert [(span.text, span.label) for span in first.spans] == [
        ("Rash", "Disease"),
        ("zorafen", "Chemical"),
        ("rash", "Disease"),
        ("rash and then fever", "Disease"),
        ("fever", "Disease"),
    ]
    assert [span.link.ids for span in first.spans] == [
        ("D005076",),
        ("MESH:C000001",),
        ("D005076", "OMIM:123456"),
        ("D005076", "D005334"),
        (),
    ]
    assert first.meta[CONCEPT_RELATIONS] == [
        {"label": "CID", "subject": "C000001", "object": "D005076"},
        {"label": "Association", "subject": "C000001", "object": "D005334", "qualifier": "Novel"},
    ]
    assert second.text == "A title alone."
    assert [span.link for span in second.spans] == [None, None]


def test_prefixes_of_mesh(write):
    path = write(TEXT)
    (added, _), _ = read(path, prefixes="add")
    assert added.spans[1].link.id == "MESH:C000001"
    assert added.spans[2].link.ids == ("MESH:D005076", "OMIM:123456")
    assert added.meta[CONCEPT_RELATIONS][0]["object"] == "MESH:D005076"
    (dropped, _), _ = read(path, prefixes="drop")
    assert dropped.spans[1].link.id == "C000001"
    assert dropped.spans[2].link.ids == ("D005076", "OMIM:123456")
    with pytest.raises(ConfigError, match="keep, add or drop, got 'off'"):
        read(path, prefixes="off")


def test_bad_lines_are_named_and_the_rest_is_read(write):
    path = write(
        "nonsense\n"
        "1|a|An abstract without a title.\n"
        "1|t|Fever and rash.\n"
        "1|a|No more.\n"
        "1|a|No more again.\n"
        "1\t0\t5\tFever\tDisease\tD1\n"
        "1\t0\t5\tRash\tDisease\tD1\n"
        "1\t10\t400\trash\tDisease\tD1\n"
        "1\t10\tx\trash\tDisease\tD1\n"
        "1\t10\t14\trash\t\tD1\n"
        "2\t0\t5\tFever\tDisease\tD1\n"
        "1\t10\t14\trash\tDisease\tD2\n"
    )
    (document,), faults = read(path)
    assert [span.text for span in document.spans] == ["Fever", "rash"]
    assert faults.counts == {"bad_line": 5, "bad_offsets": 3}
    lines = {int(fault.where.rsplit(":", 1)[1]): fault.reason for fault in faults.kept}
    assert sorted(lines) == [1, 2, 5, 7, 8, 9, 10, 11]
    assert "whose title is not above it" in lines[2]
    assert "a second abstract" in lines[5]
    assert lines[7] == "document '1' does not have the string at 0:5"
    assert lines[10] == "the annotation has no type"
    assert "'2'" in lines[11]


def test_signs_that_a_corpus_lost_are_taken_from_the_text(write):
    (document,), faults = read(
        write('1|t|Fever "plus" rash\n1\t0\t12\tFever  plus \tDisease\tD1\n')
    )
    assert not faults
    assert document.spans[0].text == 'Fever "plus"'


def test_an_id_again_is_counted(write):
    faults = Faults()
    found = list(read_documents(write("1|t|One.\n\n1|t|Two.\n2|t|Three.\n"), faults))
    assert [document.text for document in found] == ["One.", "Three."]
    assert faults.counts == {"duplicate_id": 1}


def test_writing_gives_back_the_lines(write, tmp_path):
    documents, _ = read(write(TEXT))
    faults = Faults()
    assert plugin.write(tmp_path / "out.pubtator", documents, Losses(), faults) == 2
    assert not faults
    # all but the parts of composite mentions, and the sign for no id
    wanted = TEXT.replace("\trash|fever\n", "\n").replace("alone\tThing\t-\n", "alone\tThing\n")
    assert (tmp_path / "out.pubtator").read_text() == wanted + "\n"


def test_relations_between_spans_become_relations_between_concepts(tmp_path):
    drug = Span(id="a", start=0, end=4, label="Drug", text="Drug", link=Link(id="C1"))
    effect = Span(id="b", start=5, end=9, label="Effect", text="rash", link=Link(id="D1"))
    bare = Span(id="c", start=10, end=14, label="Effect", text="pain")
    document = Document(
        id="1",
        text="Drug\trash\x85pain",
        spans=(drug, effect, bare),
        relations=[
            Relation(label="ADE", subject="a", object="b"),
            Relation(label="ADE", subject="a", object="b"),
            Relation(label="ADE", subject="a", object="c"),
        ],
        meta={CONCEPT_RELATIONS: ["nonsense"]},
    )
    losses, faults = Losses(), Faults()
    plugin.write(tmp_path / "o.pubtator", [document], losses, faults)
    text = (tmp_path / "o.pubtator").read_text(encoding="utf-8")
    assert text.startswith("1|t|Drug rash pain\n1|a|\n1\t0\t4\tDrug\tDrug\tC1\n")
    assert text.count("1\tADE\tC1\tD1\n") == 1
    assert not faults
    assert losses.counts["relations"] == 3, "between spans; between concepts one is left"
    assert losses.counts["meta"] == 1


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (Document(id="a b", text="x"), "its id holds"),
        (Document(id="a|b", text="x"), "its id holds"),
        (Document(id="a", text="\ud800"), "lone surrogate"),
    ],
)
def test_what_has_no_form_is_named_and_left_out(tmp_path, document, reason):
    faults = Faults()
    whole = Document(id="b", text="Whole.")
    assert plugin.write(tmp_path / "o.pubtator", [document, whole], Losses(), faults) == 1
    assert faults.counts == {"not_written": 1}
    assert reason in faults.kept[0].reason


def test_a_label_that_no_line_can_hold_is_mended_and_counted(tmp_path):
    span = Span(id="T1", start=0, end=1, label="a\tb", text="x")
    losses, faults = Losses(), Faults()
    plugin.write(
        tmp_path / "o.pubtator", [Document(id="a", text="x", spans=[span])], losses, faults
    )
    assert losses.counts["span_labels"] == 1
    (back,), _ = read(tmp_path / "o.pubtator")
    assert back.spans[0].label == "a b"


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1)
ids = st.from_regex(r"[CD][0-9]{6}|OMIM:[0-9]{6}|A[0-9]{2}\.[0-9]\+", fullmatch=True)
links = st.one_of(
    st.none(),
    st.lists(ids, unique=True, max_size=3).map(
        lambda some: Link(id=some[0] if some else None, also=tuple(some[1:]))
    ),
)


@st.composite
def documents(draw):
    title, abstract = draw(words), draw(words)
    text = f"{title}\n{abstract}"
    spans = []
    for number in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
        if text[start:end].strip():
            label, link = draw(st.sampled_from(["Disease", "Chemical"])), draw(links)
            spans.append(
                Span(id=f"T{number}", start=start, end=end, label=label,
                     text=text[start:end], link=link)
            )  # fmt: skip
    spans = [span.model_copy(update={"id": f"T{n}"}) for n, span in enumerate(spans, start=1)]
    return Document(id=draw(st.sampled_from(["1", "PMC-7"])), text=text, source="gold", spans=spans)


@given(documents())
def test_what_is_written_is_read(tmp_path_factory, document):
    path = tmp_path_factory.mktemp("round") / "f.pubtator"
    faults = Faults()
    plugin.write(path, [document], Losses(), faults)
    assert list(plugin.read(path, faults)) == [document]
    assert not faults


def test_what_would_not_be_read_again_is_counted_and_not_written(tmp_path):
    """A span past a text that loses its last line end, a label that looks like an offset."""
    span = Span(id="T1", start=0, end=1, label="A", text="x", link=Link(id="C1"))
    past = Span(id="T2", start=0, end=2, label="A", text="x\n")
    document = Document(
        id="1",
        text="x\n",
        source="gold",
        spans=[span, past],
        relations=[Relation(label="5", subject="T1", object="T1")],
        meta={CONCEPT_RELATIONS: [{"label": "7", "subject": "a", "object": "b"}]},
    )
    losses, faults = Losses(), Faults()
    plugin.write(tmp_path / "f.pubtator", [document], losses, faults)
    assert losses.counts == {"text": 1, "overlapping_spans": 1, "relations": 1, "meta": 1}
    (back,), faults = read(tmp_path / "f.pubtator")
    assert not faults
    assert back.spans == (span,)


@pytest.mark.shared
def test_every_span_of_the_ncbi_disease_corpus(shared, tmp_path):
    path = shared / "data" / "linking" / "ncbi_disease" / "train_dev.PubTator"
    documents, faults = read(path)
    assert not faults
    assert len(documents) == 693
    spans = [(document, span) for document in documents for span in document.spans]
    assert len(spans) == 5932
    assert all(document.text[span.start : span.end] == span.text for document, span in spans)
    assert all(span.link is not None and span.link.id for _, span in spans)
    plugin.write(tmp_path / "again.PubTator", documents, Losses(), faults)
    again, faults = read(tmp_path / "again.PubTator")
    assert again == documents
    assert not faults
