from __future__ import annotations

from decoct.evaluation.differences import find_differences

TEXT = "Severe skin rash after aspirin."


def test_missed_invented_and_marked_text(build):
    gold = build(TEXT, [("Drug", "aspirin"), ("Effect", "Severe skin rash")], [(0, 1)])
    predicted = build(
        TEXT,
        [("Drug", "aspirin"), ("Effect", "skin rash")],
        [(0, 1)],
        ungrounded=[("ADE", "heparin", "bleeding")],
    )
    [found] = find_differences([(gold, predicted)])
    assert [(one.subject, one.object) for one in found.missed] == [("aspirin", "Severe skin rash")]
    assert [(one.subject, one.in_text) for one in found.invented] == [
        ("aspirin", True),
        ("heparin", False),
    ]
    assert [(piece.text, piece.mark) for piece in found.pieces] == [
        ("Severe ", "gold"),
        ("skin rash", "both"),
        (" after ", "none"),
        ("aspirin", "both"),
        (".", "none"),
    ]


def test_documents_that_agree_are_left_out(build):
    gold = build(TEXT, [("Drug", "aspirin"), ("Effect", "rash")], [(0, 1)])
    again = build(TEXT, [("Effect", "rash"), ("Drug", "aspirin")], [(1, 0)])
    assert find_differences([(gold, again)]) == []


def test_spans_are_compared_where_there_are_no_pairs(build):
    gold, predicted = build(TEXT, [("Drug", "aspirin")]), build(TEXT, [("Effect", "rash")])
    [found] = find_differences([(gold, predicted)])
    assert [(one.label, one.subject, one.object) for one in found.missed] == [
        ("Drug", "aspirin", None)
    ]
    assert [one.label for one in found.invented] == ["Effect"]


def test_the_choice_is_limited_and_does_not_depend_on_order(build):
    examples = [
        (build(TEXT, [("Drug", "aspirin")], id=str(n)), build(TEXT, id=str(n))) for n in range(100)
    ]
    chosen = find_differences(examples)
    assert len(chosen) == 30
    assert chosen == find_differences(examples[::-1])
    assert [one.document_id for one in chosen] != sorted(map(str, range(100)))[:30]


def test_a_long_text_is_cut_around_its_marks(build):
    text = "a" * 2000 + "aspirin" + "b" * 2000 + "fever"
    gold = build(text, [("Drug", "aspirin"), ("Effect", "fever")])
    [found] = find_differences([(gold, build(text))])
    assert [piece.mark for piece in found.pieces] == [
        "gap", "none", "gold", "none", "gap", "none", "gold",
    ]  # fmt: skip
    assert sum(len(piece.text) for piece in found.pieces) < 600


def test_a_long_text_without_marks_shows_its_beginning(build):
    text = "a" * 3000
    predicted = build(text, ungrounded=[("ADE", "x", "y")])
    [found] = find_differences([(build(text), predicted)])
    assert [piece.mark for piece in found.pieces] == ["none", "gap"]
