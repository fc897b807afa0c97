"""Columns of pandas and polars in, frames out; nulls, indexes, links, classes."""

import pandas
import polars
import pytest

import decoct
from decoct.errors import ArtifactError, ConfigError, FormatError
from fakes.drugs import corpus

TEXTS = [document.text for document in corpus(12, seed=9)]
WITH_NULLS = [None, *TEXTS[:6], None, "", *TEXTS[6:]]


def expected(student):
    """Return what there is to be found: (place of the text, subject, its start, object)."""
    return [
        (place, subject.text, subject.start, target.text)
        for place, text in enumerate(WITH_NULLS)
        if text is not None
        for _, subject, target in student.extract(text).pairs()
    ]


def test_a_pandas_column_keeps_its_index(student):
    names = [f"note {n}" for n in range(len(WITH_NULLS))]
    frame = pandas.DataFrame({"text": WITH_NULLS}, index=names)
    found = decoct.extract(frame["text"], student)
    assert isinstance(found, pandas.DataFrame)
    wanted = expected(student)
    assert len(wanted) > 3
    columns = ["subject_text", "subject_start", "object_text"]
    assert list(found[columns].itertuples(name=None)) == [
        (names[place], *ends) for place, *ends in wanted
    ]
    assert found["subject_start"].dtype == found["object_end"].dtype == "int64"
    assert found["confidence"].between(0, 1).all()
    joined = frame.join(found)
    assert all(
        row.text[int(row.object_start) : int(row.object_end)] == row.object_text
        for row in joined.dropna().itertuples()
    )


def test_a_polars_column_is_numbered(student):
    found = decoct.extract(polars.Series("text", WITH_NULLS), student)
    assert isinstance(found, polars.DataFrame)
    columns = ["row", "subject_text", "subject_start", "object_text"]
    assert found.select(columns).rows() == expected(student)
    assert found.schema["row"] == found.schema["subject_end"] == polars.Int64


def test_nothing_found_has_the_same_columns(student):
    nothing = decoct.extract(polars.Series("text", [None, ""], dtype=polars.String), student)
    something = decoct.extract(polars.Series("text", TEXTS), student)
    assert nothing.schema == something.schema
    assert nothing.height == 0 < something.height
    assert decoct.extract(pandas.Series([], dtype=str), student).empty


def test_spans_and_their_links(student_folder, student, index):
    found = decoct.extract(pandas.Series(TEXTS), student_folder, linker=index, rows="spans")
    spans = [
        (place, span.text, span.label)
        for place, text in enumerate(TEXTS)
        for span in student.extract(text).spans
    ]
    assert list(found[["text", "label"]].itertuples(name=None)) == spans
    linked = found.dropna(subset=["entity"])
    assert len(linked) > len(found) / 2
    assert (linked["text"].str.lower() == linked["name"].str.lower()).mean() > 0.5


def test_texts_that_are_no_column_give_documents(student, index):
    assert decoct.extract(TEXTS[0], student) == student.extract(TEXTS[0])
    assert list(decoct.extract(TEXTS, student)) == list(student.extract(TEXTS))
    assert next(decoct.extract(iter(TEXTS), student, linker=index)).id == "1"


def test_what_is_no_text_is_refused(student, tmp_path):
    with pytest.raises(FormatError, match="row 1: a float is no text"):
        decoct.extract(pandas.Series(["a", 1.5]), student)
    with pytest.raises(FormatError, match="a int is none"):
        decoct.extract(5, student)
    with pytest.raises(ConfigError, match="finds relations and spans, not labels"):
        decoct.extract(pandas.Series(TEXTS), student, rows="labels")
    with pytest.raises(ArtifactError, match="no such student"):
        decoct.extract(pandas.Series(TEXTS), tmp_path / "none")
