"""CoNLL: our layout, CoNLL-2003, two columns, and all ways to write tags."""

import pytest

from decoct.errors import Faults
from decoct.formats._losses import Losses
from decoct.formats.conll import plugin
from decoct.records import Document, Span


@pytest.fixture
def file(tmp_path):
    def put(content):
        path = tmp_path / "f.conll"
        path.write_bytes(content.encode())
        return path

    return put


def read(path, **options):
    faults = Faults()
    return list(plugin.read(path, faults, **options)), faults


def marks(document):
    return [(span.text, span.label) for span in document.spans]


def test_conll_2003(file):
    documents, faults = read(
        file(
            "-DOCSTART- -X- -X- O\n\nZorafen NNP B-NP B-Drug\ncaused VBD B-VP O\nsevere JJ B-NP B-ADE\n"  # noqa: E501
            "rash NN I-NP I-ADE\n. . O O\n\nIt NN X O\nfaded VB X B-ADE\n\n-DOCSTART- -X- O O\n\nNo NN X O\n"  # noqa: E501
        )
    )
    assert not faults
    assert [one.text for one in documents] == ["Zorafen caused severe rash .\nIt faded", "No"]
    assert marks(documents[0]) == [("Zorafen", "Drug"), ("severe rash", "ADE"), ("faded", "ADE")]
    assert [one.id for one in documents] == ["f.conll:1", "f.conll:12"]
    assert [one.source for one in documents] == ["gold", None]


def test_two_columns_without_documents(file):
    documents, _ = read(file("a\tO\nrash\tB\n\n# a comment\n#\tO\nfever\tB-D\n"), label="Disease")
    assert [one.text for one in documents] == ["a rash", "# fever"]
    assert marks(documents[0]) == [("rash", "Disease")]
    assert marks(documents[1]) == [("fever", "D")]


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("B-A I-A O B-A", ["1 2", "4"]),
        ("I-A I-A O I-A", ["1 2", "4"]),
        ("I-A B-A I-A O", ["1", "2 3"]),
        ("B-A B-A B-A I-A", ["1", "2", "3 4"]),
        ("S-A B-A I-A E-A", ["1", "2 3 4"]),
        ("U-A B-A L-A U-A", ["1", "2 3", "4"]),
        ("B-A I-B I-B O", ["1", "2 3"]),
        ("A A O A", ["1 2", "4"]),
        ("O O O O", []),
    ],
)
def test_ways_to_write_tags(file, tags, found):
    rows = "".join(f"{n} {tag}\n" for n, tag in enumerate(tags.split(), start=1))
    ((document,), _) = read(file(rows))
    assert [span.text for span in document.spans] == found


def test_offsets_without_a_text(file):
    (document,), _ = read(file("# newdoc id = 1\nA\t0\t1\tO\nrash\t4\t8\tB-D\n"))
    assert document.text == "A   rash"
    assert (document.id, document.spans[0].start) == ("1", 4)


def test_what_contradicts_itself_is_a_fault(file):
    documents, faults = read(
        file(
            '# newdoc id = 1\n# text = "A rash"\nA\t0\t1\tO\nrush\t2\t6\tO\n\n'
            "# newdoc id = 2\nA\t9000000000\t9000000001\tO\n\n"
            "# newdoc id = 3\nB\t4\t5\tO\nA\t0\t1\tO\n\n"
            '# newdoc id = 4\n# text = "A\n# decoct = [1]\nA\t0\t1\tO\n'
        )
    )
    assert [one.id for one in documents] == ["4"]
    assert faults.counts == {"bad_document": 3, "bad_line": 2}
    assert all("\n" not in str(fault) for fault in faults.kept)


def test_what_is_written(tmp_path):
    text = "He had severe rash. Then\tfever."
    spans = [
        Span(id="a", start=7, end=18, label="ADE", text="severe rash"),
        Span(id="b", start=14, end=18, label="ADE", text="rash"),
        Span(id="c", start=20, end=28, label="X", text="Then\tfev"),
    ]
    document = Document(id="d 1", text=text, spans=spans)
    losses = Losses()
    plugin.write(tmp_path / "f.conll", [document], losses, Faults())
    assert losses.counts == {"overlapping_spans": 1, "span_ids": 2}
    assert (tmp_path / "f.conll").read_text() == (
        '# newdoc id = d 1\n# text = "He had severe rash. Then\\tfever."\n# decoct = {"source": null}\n'  # noqa: E501
        "He\t0\t2\tO\nhad\t3\t6\tO\nsevere\t7\t13\tB-ADE\nrash\t14\t18\tI-ADE\n.\t18\t19\tO\n\n"
        "Then\t20\t24\tB-X\nfev\t25\t28\tI-X\ner\t28\t30\tO\n.\t30\t31\tO\n\n"
    )
    plugin.write(tmp_path / "p.conll", [document], losses, Faults(), layout="plain")
    (plain,), _ = read(tmp_path / "p.conll")
    assert plain.text == "He had severe rash .\nThen fev er ."
    assert marks(plain) == [("severe rash", "ADE"), ("Then fev", "X")]
