"""Whole documents: nothing that was marked is left, the rest is, and nothing tells what it was."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import ConfigError
from decoct.privacy import PHI_LABELS, Deidentifier, DeidentifySettings, Key, Labels, deidentify
from decoct.privacy.pieces import merge, pieces_of, type_of
from decoct.records import Document, Span

KEY = b"a key for tests only"
HOWS = ("mask", "tag", "replace")
TEXT = (
    "Mr. Tobin Harrow (MRN: HX-204481) came on 03/14/2019 and March 20th, 2019. "
    "T. Harrow takes zorafen. Call Harrow at 614-555-0139."
)
MARKS = (
    ("PATIENT", "Mr. Tobin Harrow"),
    ("MEDICALRECORD", "HX-204481"),
    ("DATE", "03/14/2019"),
    ("DATE", "March 20th, 2019"),
    ("PATIENT", "T. Harrow"),
    ("Drug", "zorafen"),
    ("PHONE", "614-555-0139"),
)


def test_mask(build):
    made = deidentify(build(TEXT, *MARKS), "mask", KEY)
    assert len(made.document.text) == len(TEXT)
    assert made.document.text.startswith("**************** (MRN: *********) came on **********")
    assert [(one.id, one.start, one.text) for one in made.document.spans] == [
        ("T6", TEXT.index("zorafen"), "zorafen")
    ]
    assert made.counts == {"NAME": 3, "MEDICAL_RECORD_NUMBER": 1, "DATE": 2, "PHONE_NUMBER": 1}
    assert made.origins == {"span": 6, "sweep": 1}
    assert made.left == ()


def test_tag(build):
    text = deidentify(build(TEXT, *MARKS), "tag", KEY, number_tags=True).document.text
    assert text == (
        "[NAME_1] (MRN: [MEDICAL_RECORD_NUMBER_1]) came on [DATE_1] and [DATE_2]. "
        "[NAME_1] takes zorafen. Call [NAME_1] at [PHONE_NUMBER_1]."
    )


def test_replace(build):
    made = deidentify(build(TEXT, *MARKS), "replace", KEY)
    again = deidentify(build(TEXT, *MARKS), "replace", KEY)
    other = deidentify(build(TEXT, *MARKS), "replace", KEY + b"!")
    assert made.document == again.document
    assert made.document.text != other.document.text
    given_name, surname = made.document.text.split()[1:3]
    assert made.document.text.startswith(f"Mr. {given_name} {surname} (MRN: ")
    assert f"{given_name[0]}. {surname} takes zorafen. Call {surname} at " in made.document.text
    assert not any(string in made.document.text for label, string in MARKS if label != "Drug")


def test_a_document_of_another_id_has_other_stand_ins(build):
    one, other = (deidentify(build(TEXT, *MARKS, id=id_), key=KEY).document for id_ in "ab")
    assert one.text != other.text


def test_patients_keep_theirs(build):
    cleaner = Deidentifier(DeidentifySettings(), Key(KEY), Labels())
    notes = [
        build("Tobin Harrow came on 03/14/2019.", ("NAME", "Tobin Harrow"), ("DATE", "03/14/2019")),
        build("Mr. Harrow came on 03/17/2019.", ("NAME", "Mr. Harrow"), ("DATE", "03/17/2019")),
        build("Then Tobin left."),
    ]
    orders = []
    for order in (notes, notes[::-1]):
        scope = cleaner.scope("patient", "p1")
        for note in order:
            scope.add(cleaner.pieces(note))
        orders.append(
            [cleaner.clean(note, cleaner.pieces(note), scope).document.text for note in notes]
        )
    assert orders[0] == orders[1]
    first, second, third = orders[0]
    assert first.split()[1] == second.split()[1]
    assert third == f"Then {first.split()[0]} left."


def test_what_is_swept_and_what_is_left(build):
    note = build("Tobin Harrow came. harrow, Tobin", ("NAME", "Tobin Harrow"), id="Harrow-7")
    made = deidentify(note, "tag", KEY, sweep=False)
    assert made.document.text == "[NAME] came. harrow, Tobin"
    assert [(one.where, one.start, one.label) for one in made.left] == [
        ("text", 13, "NAME"), ("text", 21, "NAME"), ("id", None, "NAME"),
    ]  # fmt: skip
    assert "arrow" not in "".join(map(str, made.left)) + repr(made)
    clean = deidentify(note, "tag", KEY, new_ids=True)
    assert clean.left == ()
    assert clean.document.text == "[NAME] came. [NAME], [NAME]"
    assert clean.document.id.startswith("doc-")


def test_meta_goes_unless_it_is_named_and_is_searched_then(build):
    meta = {"patient": "Tobin Harrow", "site": "B", "notes": {"by": ["Dr. Harrow"]}, "age": 4}
    note = build("Tobin Harrow came.", ("NAME", "Tobin Harrow"), meta=meta)
    assert deidentify(note, key=KEY).document.meta == {}
    made = deidentify(note, key=KEY, keep_meta=("site", "notes"))
    assert made.document.meta == {"site": "B", "notes": meta["notes"]}
    assert [one.where for one in made.left] == ["meta.notes"]


def test_nested_and_overlapping_spans_are_one_piece(build):
    text = "at Harrow General, Quillport today"
    spans = [
        Span(id="A", start=3, end=28, label="HOSPITAL", text=text[3:28]),
        Span(id="B", start=19, end=28, label="CITY", text="Quillport"),
        Span(id="C", start=3, end=9, label="NAME", text="Harrow"),
    ]
    note = Document(id="n", text=text, spans=spans)
    assert deidentify(note, "tag", KEY).document.text == "at [GEOGRAPHIC_LOCATION] today"
    made = deidentify(note, "tag", KEY, keep_spans=True).document
    assert [(one.id, one.text) for one in made.spans] == [
        (id_, "[GEOGRAPHIC_LOCATION]") for id_ in "ABC"
    ]


def test_fragments_go_each_and_what_is_between_stays():
    text = "Tobin and Edda Harrow"
    name = Span(id="A", start=0, end=21, label="NAME", text="Tobin Harrow",
                fragments=((0, 5), (15, 21)))  # fmt: skip
    note = Document(id="n", text=text, spans=[name])
    assert deidentify(note, "tag", KEY).document.text == "[NAME] and Edda [NAME]"
    made = deidentify(note, "replace", KEY, keep_spans=True).document
    assert made.spans[0].fragments is not None
    assert " and Edda " in made.text


def test_a_span_that_cuts_a_word_takes_all_of_it(build):
    note = build("Harrowing? No: Harrow 2044815.", ("NAME", "Harr"), ("ID", "4481"))
    assert deidentify(note, "tag", KEY).document.text.startswith("[NAME]? No: ")
    assert deidentify(note, "tag", KEY).document.text.endswith(" [UNIQUE_IDENTIFIER].")


def test_ages(build):
    note = build("aged 92, his son 61", ("AGE", "92"), ("AGE", "61"))
    made = deidentify(note, "replace", KEY).document
    assert made.text == "aged 90 or over, his son 61"
    assert [one.text for one in made.spans] == ["61"]
    assert deidentify(note, "mask", KEY).document.text == "aged **, his son 61"


def test_dates_that_are_not_clear_get_a_tag(build):
    note = build("came last week, on 03/14/2019", ("DATE", "last week"), ("DATE", "03/14/2019"))
    made = deidentify(note, "replace", KEY)
    assert made.document.text.startswith("came [DATE], on ")
    assert made.n_generalised == 1


def test_a_date_that_tells_the_order_tells_it_for_all(build):
    note = build("03/04/2019 and 25/04/2019", ("DATE", "03/04/2019"), ("DATE", "25/04/2019"))
    made = deidentify(note, "replace", KEY).document.text
    from dateutil.parser import parse

    first, second = (parse(text, dayfirst=True) for text in made.split(" and "))
    assert (second - first).days == 22


def test_labels_in_no_table_are_taken_and_named(build):
    note = build("a smith by trade, 40", ("PROFESSION", "smith"), ("Drug", "trade"))
    made = deidentify(note, "tag", KEY)
    assert made.document.text == "a [UNIQUE_IDENTIFIER] by trade, 40"
    assert made.unknown_labels == {"PROFESSION"}
    kept = deidentify(note, "tag", KEY, labels=Labels.of({}, ["profession"]))
    assert kept.document.text == note.text
    assert kept.unknown_labels == frozenset()


def test_patterns_too(build):
    note = build("Mr. Harrow, tel 614-555-0139", ("NAME", "Mr. Harrow"))
    assert deidentify(note, "tag", KEY).document.text == "[NAME], tel 614-555-0139"
    made = deidentify(note, "tag", KEY, patterns=True)
    assert made.document.text == "[NAME], tel [PHONE_NUMBER]"
    assert made.origins == {"span": 1, "pattern": 1}


@pytest.mark.parametrize(
    ("label", "text", "words"),
    [("NAME", "沈 David", ["david", "沈"]),
     ("HOSPITAL", "云陵Quillport医院", ["quillport", "云陵"]),
     ("NAME", "Van", ["van"]), ("URL", "http://harrow", ["harrow"]),
     ("ID", "patient Harrow", ["harrow"])],
)  # fmt: skip
def test_nothing_of_a_mixed_string_stays(build, label, text, words):
    made = deidentify(build(f"x {text} y", (label, text)), "replace", KEY).document.text
    assert not any(word in made.casefold() for word in words)


def test_in_chinese(build):
    text = "患者沈若兰，93岁，2023年4月12日入住临川县人民医院，电话13912345678，沈若兰出院。"
    marks = [("姓名", "沈若兰"), ("AGE", "93岁"), ("DATE", "2023年4月12日"),
             ("医院", "临川县人民医院"), ("PHONE", "13912345678")]  # fmt: skip
    made = deidentify(build(text, *marks), "replace", KEY)
    assert made.left == ()
    assert not any(string in made.document.text for _, string in marks)
    assert "90岁以上" in made.document.text
    assert "县人民医院" in made.document.text
    assert made.origins["sweep"] == 1


@pytest.mark.parametrize("options", [{"how": "hide"}, {"sing": "x"}, {"sign": "xx"}, {"sign": "a"}])
def test_options_that_are_wrong(build, options):
    with pytest.raises(ConfigError):
        deidentify(build("Tobin", ("NAME", "Tobin")), key=KEY, **options)


LABELS = st.sampled_from([*PHI_LABELS, "Drug", "Effect", "Nonsuch"])


@st.composite
def documents(draw):
    text = draw(
        st.text(alphabet="abTSmith 0123-./,'’@:年月日王医院\n", min_size=1, max_size=60)
        | st.lists(
            st.sampled_from(["Tobin", "Harrow", "03/14/19", "May", "2019", "MRN", "204481", "Mr.",
                             "zorafen", "沈若兰", "住", "St.", "Quillport,", "OH", "93", "of"]),
            min_size=1, max_size=14,
        ).map(" ".join)
    )  # fmt: skip
    spans = []
    for number in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, min(len(text), start + 12)))
        fragments = None
        surface = text[start:end]
        if end - start > 4 and draw(st.booleans()):
            fragments = ((start, start + 2), (end - 2, end))
            surface = f"{text[start : start + 2]} {text[end - 2 : end]}"
        spans.append(
            Span(id=str(number), start=start, end=end, label=draw(LABELS), text=surface,
                 fragments=fragments)
        )  # fmt: skip
    return Document(id="d", text=text, spans=spans)


@given(documents(), st.sampled_from(HOWS), st.booleans(), st.booleans())
def test_any_document(note, how, keep_spans, patterns):
    made = deidentify(note, how, KEY, keep_spans=keep_spans, patterns=patterns)
    again = Document.from_json(made.document.to_json())  # offsets hold
    assert again == made.document
    assert [one for one in made.left if one.where == "text"] == []
    labels = Labels()
    pieces = merge(note.text, pieces_of(note, labels))
    assert len(made.document.text) == len(note.text) or how != "mask"
    if how == "mask":
        kept = {at for piece in pieces for at in range(piece.start, piece.end)}
        assert all(made.document.text[at] == "*" for at in kept)
        for before, after in zip(note.text, made.document.text, strict=True):
            assert after in (before, "*")
    assert patterns or made.counts.total() >= len(pieces)  # a pattern may join two
    for span in made.document.spans:
        assert keep_spans or labels.type_of(span.label) in (None, "AGE")
    others = {one.id for one in note.spans if type_of(one, labels) is None}
    n_kept = sum(one.id in others for one in made.document.spans)
    assert n_kept + made.n_spans_lost == len(others)


@given(documents())
def test_a_stand_in_is_never_what_it_stands_for(note):
    made = deidentify(note, "replace", KEY, sweep=False, keep_spans=True)
    by_id = {one.id: one for one in made.document.spans}
    for span in note.spans:
        if span.id in by_id and Labels().type_of(span.label) not in (None, "AGE"):
            has_signs = any(char.isalnum() for char in span.text)
            assert by_id[span.id].text.casefold() != span.text.casefold() or not has_signs


def test_nothing_is_logged(build, caplog):
    with caplog.at_level(logging.DEBUG):
        made = deidentify(build(TEXT, *MARKS), "replace", KEY)
    assert caplog.records == []
    assert "Harrow" not in repr(made)
    assert "Harrow" not in json.dumps(made.counts)


@pytest.mark.shared
def test_on_real_queries(shared):
    """Every gold string goes, in every way, and no offset is off."""
    rows = (shared / "data" / "phi" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    for line in rows[::20]:
        row = json.loads(line)
        spans, at = [], 0
        for number, (label, string) in enumerate(row["gold"]):
            start = row["text"].find(string, at)
            if start < 0:
                continue
            at = start + len(string)
            spans.append(Span(id=str(number), start=start, end=at, label=label, text=string))
        note = Document(id=row["id"], text=row["text"], spans=spans)
        for how in HOWS:
            made = deidentify(note, how, KEY, patterns=True)
            assert made.left == ()
            assert Document.from_json(made.document.to_json()) == made.document
