"""Every format that is written: what it carries comes back as it was, and what it loses is said."""

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoct.errors import Faults
from decoct.formats._losses import KINDS, Losses, missing
from decoct.formats.base import FORMATS, Writer
from decoct.records import Document
from fakes.annotated import documents

WRITTEN = [name for name in FORMATS.names() if isinstance(FORMATS.get(name), Writer)]
LIBRARY = {"docbin": "spacy", "parquet": "pyarrow"}
SLOW = {"docbin", "brat"}

plain_text = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1
)
word = st.from_regex(r"[A-Za-z药][\w-]{0,5}", fullmatch=True)
bare = st.just({})
strings = st.dictionaries(word, st.text(min_size=1, max_size=5).filter(bool), max_size=2)
xml_text = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="\ufffe\uffff")
    | st.sampled_from("\r\n\t")
)
xml_name = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="\ufffe\uffff"),
    min_size=1,
    max_size=5,
)
OFFSETS = ["codepoints", "utf8", "utf16"]


def trimmed(surface):
    return bool(surface) and surface == surface.strip()


# what each format carries whole; anything else has to be counted
CARRIED = {
    "jsonl": documents(),
    "parquet": documents(),
    "docbin": documents(),
    "bioc_json": documents(),
    "bioc_xml": documents(text=xml_text, id=xml_name, label=xml_name, own_ids=False),
    "brat": documents(
        label=word, links="plain", own_ids=False, doc_label=False, source=False, meta=bare,
        id=st.text(st.characters(codec="utf-8"), min_size=1, max_size=15),
    ),
    "conll": documents(
        label=word, links=False, own_ids=False, nested=False, fragments=False, relations=False,
        confidence=False, fits=trimmed,
    ),
    "pubtator": documents(
        text=st.tuples(plain_text, plain_text).map("\n".join), label=word, links="plain",
        own_ids=False, fragments=False, relations=False, confidence=False, doc_label=False,
        meta=bare, id=st.from_regex(r"[A-Z0-9]{1,8}", fullmatch=True), fits=str.strip,
    ).map(lambda document: document.model_copy(update={"source": "gold"})),
    "table": documents(
        spans=False, relations=False, meta=bare, source=False,
        id=plain_text,
    ).map(lambda document: document.model_copy(update={"source": "gold" if document.label else None})),  # noqa: E501
    "text": documents(
        text=plain_text.filter(str.strip), spans=False, relations=False, meta=bare,
        id=st.just("f.txt:1"), doc_label=False, source=False,
    ),
}  # fmt: skip


def through(folder, name, given, **options):
    """Write documents, read them again; what both said is returned too."""
    pytest.importorskip(LIBRARY.get(name, "decoct"))
    plugin = FORMATS.get(name)
    path = folder / f"f{(*plugin.endings, '')[0]}"
    losses, faults = Losses(), Faults()
    n_written = plugin.write(path, given, losses, faults, **options)
    assert n_written == len(given) - faults.n
    if not n_written:
        return [], losses, faults
    return list(plugin.read(path, faults, **options)), losses, faults


def ordered(document):
    """A document whose spans are in order of place and so numbered, as token formats return them."""  # noqa: E501
    spans = sorted(document.spans, key=lambda span: span.start)
    spans = [span.model_copy(update={"id": f"T{n}"}) for n, span in enumerate(spans, start=1)]
    return document.model_copy(update={"spans": tuple(spans)})


def test_every_writer_has_a_property():
    assert set(CARRIED) == set(WRITTEN)


@pytest.mark.parametrize("name", WRITTEN)
def test_what_a_format_carries_comes_back(name, tmp_path_factory):
    @settings(max_examples=15 if name in SLOW else 30)
    @given(CARRIED[name])
    def check(document):
        document = ordered(document) if name == "conll" else document
        back, losses, faults = through(tmp_path_factory.mktemp("f"), name, [document])
        assert not faults
        assert back == [document]
        assert not losses

    check()


@pytest.mark.parametrize("name", WRITTEN)
def test_what_a_format_loses_is_said(name, tmp_path_factory):
    """The loss that is told when a file is written is the difference to what is read from it."""

    @settings(max_examples=15 if name in SLOW else 30)
    @given(documents())
    def check(document):
        back, losses, faults = through(tmp_path_factory.mktemp("f"), name, [document])
        assert faults.counts.keys() <= {"not_written"}
        assert losses.counts.keys() <= KINDS.keys()
        for after in back:
            assert losses.counts == missing(document, after)
            assert_sound(after)

    check()


@pytest.mark.parametrize("unit", OFFSETS)
@pytest.mark.parametrize("name", ["brat", "bioc_json", "bioc_xml"])
def test_other_units_of_offsets(name, unit, tmp_path_factory):
    @settings(max_examples=10)
    @given(CARRIED[name])
    def check(document):
        back, _, faults = through(tmp_path_factory.mktemp("f"), name, [document], offsets=unit)
        assert not faults
        assert back == [document]

    check()


@pytest.mark.parametrize("name", sorted(set(WRITTEN) - {"brat"}))
@settings(max_examples=5)
@given(st.lists(documents(id=st.from_regex(r"[a-z]{1,6}", fullmatch=True)), max_size=4))
def test_several_documents_and_gzip(name, tmp_path_factory, made):
    made = list({document.id: document for document in made}.values())
    pytest.importorskip(LIBRARY.get(name, "decoct"))
    plugin = FORMATS.get(name)
    folder = tmp_path_factory.mktemp("f")
    zipped = folder / f"f{plugin.endings[0]}.gz"
    plain = folder / f"f{plugin.endings[0]}"
    faults = [Faults(), Faults()]
    written = [
        plugin.write(path, made, Losses(), some)
        for path, some in zip((zipped, plain), faults, strict=True)
    ]
    assert written[0] == written[1]
    if name == "parquet" or not written[0]:  # columns are compressed as they are
        return
    one, other = (list(plugin.read(path, Faults())) for path in (zipped, plain))
    strip = lambda some: [re.sub(r"f\.\w+(\.gz)?", "f", document.to_json()) for document in some]  # noqa: E731
    assert strip(one) == strip(other)


def assert_sound(document: Document) -> None:
    """Offsets, once more, of what came back."""
    Document.from_json(document.to_json())


def test_losses_are_counted_by_kind_and_some_documents_named():
    losses = Losses(keep=2)
    for id_ in "abc":
        before = Document(id=id_, text="x", label="y", meta={"a": 1, "b": 2})
        losses.compare(before, Document(id=id_, text="x", meta={"b": 2}))
    assert losses.counts == Counter({"document_labels": 3, "meta": 3})
    assert losses.to_dict()["meta"] == {"n": 3, "documents": ["a", "b"]}
    assert losses.lines()[0] == "3 labels of documents (such as in a, b)"
    assert losses
    assert not Losses()
