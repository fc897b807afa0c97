"""CSV and TSV whose columns have names."""

import pytest

from decoct.errors import ConfigError, Faults, FormatError
from decoct.formats._losses import Losses
from decoct.formats.base import guess_format, read_documents
from decoct.formats.table import plugin
from decoct.records import Document


@pytest.fixture
def file(tmp_path):
    def put(content, name="f.csv"):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / name

    return put


def read(path, **options):
    faults = Faults()
    return list(plugin.read(path, faults, **options)), faults


def test_columns_by_name(file):
    path = file('ID,Text,label,ward\n7,"A ""rash"",\nand more",ADE,3\n,Plain.,,\n')
    assert guess_format(path) == "table"
    first, second = read_documents(path, Faults())
    assert (first.id, first.text, first.label) == ("7", 'A "rash",\nand more', "ADE")
    assert (first.source, first.meta) == ("gold", {"ward": "3"})
    assert (second.id, second.label, second.source, second.meta) == ("f.csv:4", None, None, {})


def test_columns_by_option(file):
    path = file("note;class;n\nA rash.;1;x\n", "f.txt")
    ((document,), _) = read(path, text="note", label="class", id="n", delimiter=";")
    assert (document.id, document.text, document.label) == ("x", "A rash.", "1")
    ((document,), _) = read(file("1\tA rash.\n", "f.tsv"), header=False, text="2", id="1")
    assert (document.id, document.text) == ("1", "A rash.")
    with pytest.raises(
        FormatError, match=r"no column is named 'nte' .did you mean 'note'.*--option"
    ):
        read(path, text="nte", delimiter=";")
    with pytest.raises(ConfigError, match="one sign, or the word tab"):
        read(path, delimiter="::")
    with pytest.raises(FormatError, match="two columns have one name"):
        read(file("text,a,a\n"))


def test_tables_of_mentions_stay_what_they_are(file):
    assert guess_format(file("mention,text\nrash,x\n")) == "mentions"
    assert guess_format(file("a,b\n1,2\n")) == "mentions"
    assert guess_format(file("id\ttext\n1\t2\n", "f.tsv")) == "table"


def test_bad_rows_are_named_and_the_rest_is_read(file):
    path = file(b'id,text\n1,a,b\n2\n3,\xff\n4,"x"y\n5,good\n')
    found, faults = read(path)
    assert [one.id for one in found] == ["5"]
    assert [fault.where.rpartition(":")[2] for fault in faults.kept] == ["2", "3", "4", "5"]
    assert faults.counts == {"bad_line": 4}


def test_quotes_as_they_stand(file):
    path = file('id\ttext\n1\t"Heart attack" it is\n2\tand "so on\n', "f.tsv")
    found, faults = read(path, quotes=False)
    assert [one.text for one in found] == ['"Heart attack" it is', 'and "so on']
    assert not faults
    _, faults = read(path)
    assert "quotes=false" in faults.kept[0].reason


def test_a_text_longer_than_csv_likes(file):
    ((document,), faults) = read(file("text\n" + "x" * 300_000 + "\n"))
    assert len(document.text) == 300_000
    assert not faults


def test_columns_out_of_meta(tmp_path):
    documents = [
        Document(id="1", text="a", meta={"ward": "3", "n": 1}),
        Document(id="2", text='b "c"\r\n', label="x", source="gold", meta={"other": "y"}),
    ]
    losses = Losses()
    path = tmp_path / "f.tsv"
    plugin.write(path, documents, losses, Faults())
    assert path.read_bytes() == (
        b'id\ttext\tlabel\tward\tn\r\n1\ta\t\t3\t1\r\n2\t"b ""c""\r\n"\tx\t\t\r\n'
    )
    assert losses.counts == {"meta": 2}
    plugin.write(path, documents, Losses(), Faults(), columns="other")
    assert read(path)[0][1].meta == {"other": "y"}
