"""The ADE corpus: offsets of an abstract become offsets of a sentence, nothing is lost."""

from collections import Counter, defaultdict

import pytest

from decoct.errors import Faults, FormatError, StoreError
from decoct.formats.ade_corpus import plugin
from decoct.formats.base import read_documents

ONCE = "Zorafen caused a rash."
TWICE = "Gold gave fever, and gold gave fever again."
PAIR = "Zorafen led to rash and nausea."


def row(pmid, sentence, base, effect, drug, nth_effect=0, nth_drug=0) -> str:
    """Make a line of the nth occurrences, the sentence starting at `base` of its abstract."""
    fields = [pmid, sentence]
    for string, nth in ((effect, nth_effect), (drug, nth_drug)):
        start = -1
        for _ in range(nth + 1):
            start = sentence.index(string, start + 1)
        fields += [string, str(base + start), str(base + start + len(string))]
    return "|".join(fields)


@pytest.fixture
def corpus(tmp_path):
    def make(rows, negatives=("9 NEG Nothing happened.",)):
        (tmp_path / "DRUG-AE.rel").write_text("".join(f"{each}\n" for each in rows))
        (tmp_path / "ADE-NEG.txt").write_text("".join(f"{each}\n" for each in negatives))
        faults = Faults()
        return list(plugin.read(tmp_path, faults)), faults

    return make


def told(document) -> list[tuple[str, int, str, int]]:
    return [(s.text, s.start, o.text, o.start) for _, s, o in document.pairs("ADE")]


def test_a_sentence(corpus):
    found, faults = corpus([row("1", ONCE, 200, "rash", "Zorafen")])
    assert not faults
    positive, negative = found
    assert (positive.id, positive.text, positive.source) == ("1:200", ONCE, "gold")
    assert [(s.id, s.label, s.text, s.start, s.end) for s in positive.spans] == [
        ("T1", "Drug", "Zorafen", 0, 7),
        ("T2", "AdverseEffect", "rash", 17, 21),
    ]
    assert told(positive) == [("Zorafen", 0, "rash", 17)]
    assert positive.meta == {"pmid": "1"}
    assert (negative.id, negative.text, negative.source) == ("9:neg1", "Nothing happened.", "gold")
    assert not negative.spans


def test_a_repeated_string_stands_where_its_offsets_say(corpus):
    for nth_effect in (0, 1):
        for nth_drug, drug in ((0, "Gold"), (0, "gold")):
            found, faults = corpus([row("1", TWICE, 77, "fever", drug, nth_effect, nth_drug)])
            assert not faults
            effect_start = (10, 31)[nth_effect]
            drug_start = {"Gold": 0, "gold": 21}[drug]
            assert told(found[0]) == [(drug, drug_start, "fever", effect_start)]


def test_one_line_settles_where_another_could_start(corpus):
    twice = "rash, gold: rash, gold."  # either pair is (0, 6) apart
    rows = [row("1", twice, 50, "rash", "gold", 1, 1), row("1", twice, 50, "rash", "gold", 0, 1)]
    for order in (rows, rows[::-1]):
        found, faults = corpus(order)
        assert not faults
        assert found[0].id == "1:50"
        assert sorted(told(found[0])) == [("gold", 18, "rash", 0), ("gold", 18, "rash", 12)]


def test_lines_of_a_sentence_are_one_document(corpus):
    rows = [
        row("1", PAIR, 10, "rash", "Zorafen"),
        row("1", PAIR, 10, "nausea", "Zorafen"),
        row("1", PAIR, 10, "rash", "Zorafen"),
    ]
    found, faults = corpus(rows)
    assert not faults
    assert len(found) == 2
    assert told(found[0]) == [("Zorafen", 0, "rash", 15), ("Zorafen", 0, "nausea", 24)]
    assert [span.id for span in found[0].spans] == ["T1", "T2", "T3"]


def test_the_same_sentence_elsewhere_is_another_document(corpus):
    rows = [
        row("1", ONCE, 10, "rash", "Zorafen"),
        row("2", ONCE, 10, "rash", "Zorafen"),
        row("1", ONCE, 500, "rash", "Zorafen"),
    ]
    found, faults = corpus(rows)
    assert not faults
    assert [document.id for document in found[:-1]] == ["1:10", "1:500", "2:10"]
    assert all(told(document) == [("Zorafen", 0, "rash", 17)] for document in found[:-1])


def test_one_stretch_can_be_both(corpus):
    sentence = "Lithium toxicity is seen."
    found, faults = corpus([row("1", sentence, 0, "Lithium toxicity", "Lithium")])
    assert not faults
    assert {(s.label, s.text) for s in found[0].spans} == {
        ("Drug", "Lithium"),
        ("AdverseEffect", "Lithium toxicity"),
    }


BAD = {
    "effect elsewhere": (f"1|{ONCE}|rash|218|222|Zorafen|200|207", "bad_offsets"),
    "end not after its text": (f"1|{ONCE}|rash|217|225|Zorafen|200|207", "bad_offsets"),
    "end before start": (f"1|{ONCE}|rash|217|213|Zorafen|200|207", "bad_offsets"),
    "not in the sentence": (f"1|{ONCE}|fever|217|222|Zorafen|200|207", "bad_offsets"),
    "another case": (f"1|{ONCE}|rash|217|221|zorafen|200|207", "bad_offsets"),
    "empty string": (f"1|{ONCE}||217|217|Zorafen|200|207", "bad_offsets"),
    "before the abstract": (f"1|{ONCE}|rash|2|6|Zorafen|-15|-8", "bad_offsets"),
    "no number": (f"1|{ONCE}|rash|x|221|Zorafen|200|207", "bad_line"),
    "too few fields": (f"1|{ONCE}|rash|217|221", "bad_line"),
    "too many fields": (f"1|{ONCE}|rash|217|221|Zorafen|200|207|x", "bad_line"),
    "something else": ("Zorafen caused a rash.", "bad_line"),
}


@pytest.mark.parametrize(("bad", "kind"), BAD.values(), ids=BAD.keys())
def test_a_bad_line_is_named_and_the_rest_read(corpus, tmp_path, bad, kind):
    good = row("1", ONCE, 200, "rash", "Zorafen")
    found, faults = corpus([good, bad, row("2", ONCE, 3, "rash", "Zorafen")])
    assert [document.id for document in found] == ["1:200", "2:3", "9:neg1"]
    assert faults.counts == {kind: 1}
    assert faults.kept[0].where == f"{tmp_path / 'DRUG-AE.rel'}:2"


def test_negatives(corpus, tmp_path):
    negatives = [
        "9 NEG One.",
        "nonsense",
        "9 NEG Two | NEG.",
        "9 NEG One.",
        "8 NEG One.",
        "",
        "NEG x",
    ]
    found, faults = corpus([row("1", ONCE, 0, "rash", "Zorafen")], negatives)
    assert [(document.id, document.text) for document in found[1:]] == [
        ("9:neg1", "One."),
        ("9:neg2", "Two | NEG."),
        ("8:neg1", "One."),
    ]
    path = tmp_path / "ADE-NEG.txt"
    assert [fault.where for fault in faults.kept] == [f"{path}:2", f"{path}:7"]


def test_what_is_missing(tmp_path, corpus):
    faults = Faults()
    with pytest.raises(FormatError, match=r"holds no DRUG-AE\.rel"):
        list(plugin.read(tmp_path, faults))
    with pytest.raises(StoreError, match="No such file"):
        list(plugin.read(tmp_path / "none", faults))
    corpus([row("1", ONCE, 0, "rash", "Zorafen")])
    (tmp_path / "ADE-NEG.txt").unlink()
    with pytest.raises(FormatError, match=r"holds no ADE-NEG\.txt.*--positives-only"):
        next(plugin.read(tmp_path, faults))
    alone = plugin.read(tmp_path / "DRUG-AE.rel", faults, positives_only=True)
    assert [document.id for document in alone] == ["1:0"]


def test_the_file_itself_is_known_by_its_ending(corpus, tmp_path):
    found, _ = corpus([row("1", ONCE, 0, "rash", "Zorafen")])
    assert list(read_documents(tmp_path / "DRUG-AE.rel", Faults())) == found


def test_doses_are_read_where_their_file_is_named(tmp_path):
    path = tmp_path / "DRUG-DOSE.rel"
    path.write_text("7|Zorafen 5 mg was given.|5 mg|108|112|Zorafen|100|107\n", encoding="utf-8")
    (document,) = read_documents(path, Faults())
    assert [(r.label, s.text, o.label, o.text) for r, s, o in document.pairs()] == [
        ("DOSE_OF", "Zorafen", "Dose", "5 mg")
    ]


@pytest.mark.shared
def test_the_real_corpus_comes_out_whole(shared):
    folder = shared / "data" / "ade"
    rows = [line.split("|") for line in (folder / "DRUG-AE.rel").read_text("utf-8").split("\n")]
    rows = [row for row in rows if row != [""]]
    assert len(rows) == 6143
    faults = Faults()
    documents = list(read_documents(folder, faults, format="ade_corpus"))
    assert not faults
    positives = [document for document in documents if document.relations]
    assert Counter((row[0], row[1], row[2], row[5]) for row in rows) == Counter(
        (document.meta["pmid"], document.text, effect.text, drug.text)
        for document in positives
        for _, drug, effect in document.pairs("ADE")
    )
    bases = defaultdict(set)
    in_abstract = Counter()
    for document in positives:
        base = int(document.id.partition(":")[2])
        bases[document.meta["pmid"], document.text].add(base)
        for _, drug, effect in document.pairs("ADE"):
            assert document.text[drug.start : drug.end] == drug.text
            assert document.text[effect.start : effect.end] == effect.text
            places = (base + effect.start, base + effect.end, base + drug.start, base + drug.end)
            in_abstract[(document.meta["pmid"], document.text, *places)] += 1
    assert in_abstract == Counter(
        (row[0], row[1], int(row[3]), int(row[4]), int(row[6]), int(row[7])) for row in rows
    )
    assert sum(len(each) for each in bases.values()) == len(positives)
    lines = (folder / "ADE-NEG.txt").read_text("utf-8").split("\n")
    negatives = {tuple(line.split(" NEG ", 1)) for line in lines if line}
    found = [(d.meta["pmid"], d.text) for d in documents if not d.relations]
    assert sorted(found) == sorted(negatives)
