"""From texts to predicted documents: windows merged, offsets exact, subjects given or found."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoct.inference.decode import BEGIN, END, OUTSIDE, SINGLE
from decoct.inference.tokenize import WordTokenizer
from decoct.records import Document, Span
from decoct.student import predict
from decoct.student.calibrate import at_temperature
from decoct.student.predict import Reader
from decoct.student.settings import RelationCalibration, StudentCard, StudentSettings
from decoct.student.student import Student
from fakes.drugs import DRUGS, EFFECTS, TEMPLATES, corpus
from fakes.encoders import gpt, wordpiece

TEXTS = [document.text for document in corpus(60)] + DRUGS + EFFECTS
WORDS = wordpiece(TEXTS)
ODD = "😀 e\u0301 好。\0\r\n\t\u3000 "
REACH = 4


def single(probs):
    """Tag probabilities (n_subjects, n_words, 1, 5) of words that are objects by themselves."""
    tags = np.zeros((*probs.shape, 1, 5), dtype=np.float32)
    tags[:, :, 0, OUTSIDE], tags[:, :, 0, SINGLE] = 1 - probs, probs
    return tags


class Lexical:
    """A network that knows: a drug is a listed word, its effect the one soon after it.

    It sees token ids alone, as a real one does, so what a window cuts off is not there for it.
    """

    def __init__(self, tokenizer, drugs=("zorafen", "kutamab"), effects=("rash", "coma")):
        self.drugs = {tuple(tokenizer.encode(w, add_special_tokens=False).ids) for w in drugs}
        self.effects = {tuple(tokenizer.encode(w, add_special_tokens=False).ids) for w in effects}
        self.asked = []

    def encode(self, batch):
        probs = np.tile(
            np.array([0.96, 0.01, 0.01, 0.01, 0.01], dtype=np.float32),
            (len(batch.input_ids), batch.n_words, 1),
        )
        states = []
        for row in range(len(batch.input_ids)):
            words = [
                tuple(batch.input_ids[row][batch.word_of_token[row] == n].tolist())
                for n in range(batch.n_words)
            ]
            states.append(words)
            for n, word in enumerate(words):
                if word in self.drugs:
                    probs[row, n] = 0.1, 0.05, 0.05, 0.05, 0.75
        return states, probs[:, :, None]

    def objects(self, states, subjects):
        self.asked.append(len(subjects))
        probs = np.zeros((len(subjects), len(states[0])), dtype=np.float32)
        for row, (piece, _, last) in enumerate(subjects):
            for n, word in enumerate(states[piece][last : last + REACH], start=last):
                probs[row, n] = 0.9 if word in self.effects else 0.0
        return single(probs)


def card(**changes):
    return StudentCard(
        task="ade",
        tagged=("Drug",),
        relation_types=(("ADE", "Drug", "AdverseEffect"),),
        settings=StudentSettings.model_validate(changes),
    )


def lexical(max_tokens=32, **options):
    return Reader(Lexical(WORDS), WordTokenizer(WORDS, max_tokens), card(), 0, **options)


def read_one(reader, text, **options):
    (found,) = reader.read([Document(id="d", text=text)], **options)
    return found


def places(document):
    return [(s.start, s.end, o.start, o.end) for _, s, o in document.pairs()]


@pytest.mark.parametrize(
    "filler", ["and ", "and then , ", "given . ", "Given. ", "\n", "dry cough "], ids=repr
)
@pytest.mark.parametrize("max_tokens", [16, 32, 10_000])
def test_windows_lose_nothing_and_double_nothing(filler, max_tokens):
    unit = f"zorafen caused rash {filler}"
    found = read_one(lexical(max_tokens), unit * 50)
    step = len(unit)
    assert places(found) == [
        (n * step, n * step + 7, n * step + 15, n * step + 19) for n in range(50)
    ]
    assert len(found.spans) == 100


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(["zorafen", "kutamab", "rash", "coma", "and", ",", "好"]), max_size=120
    ),
    st.sampled_from([16, 20, 33]),
)
def test_windows_of_one_long_sentence_find_what_one_window_finds(words, max_tokens):
    text = " ".join(words)
    # windows overlap by half, so that each subject is far enough from its own window's edge
    assert places(read_one(lexical(max_tokens), text)) == places(read_one(lexical(10_000), text))


def test_confidence_is_of_subject_and_object_together():
    found = read_one(lexical(), "zorafen caused rash")
    assert [span.confidence for span in found.spans] == [0.9, 0.9]
    assert found.relations[0].confidence == 0.81
    assert found.source == "predicted"


class Touching(Lexical):
    """Marks each word but `and` as a subject of its own, or as the half of an object of two."""

    def encode(self, batch):
        states, probs = super().encode(batch)
        ((word,),) = [WORDS.encode("and", add_special_tokens=False).ids]
        for row, words in enumerate(states):
            for n, ids in enumerate(words):
                probs[row, n, 0] = np.eye(5)[OUTSIDE if ids == (word,) else SINGLE]
        return states, probs

    def objects(self, states, subjects):
        tags = np.array([BEGIN, END] * len(states[0]))[: len(states[0]) // 2 * 2]
        probs = single(np.zeros((len(subjects), len(states[0]))))
        probs[:, : len(tags), 0] = np.eye(5)[tags]
        return probs


def test_subjects_that_touch_are_one_and_objects_that_touch_are_two():
    found = read_one(
        Reader(Touching(WORDS), WordTokenizer(WORDS, 64), card(), 0), "dry rash and coma"
    )
    assert [s.text for s in found.spans if s.label == "Drug"] == ["dry rash", "coma"]
    objects = [s.text for s in found.spans if s.label == "AdverseEffect"]
    assert objects == ["dry rash", "and coma"]


class Fading(Lexical):
    """Less sure of an effect, the farther it is from the drug: 0.9, 0.8 and so on."""

    def objects(self, states, subjects):
        probs = super().objects(states, subjects)
        for row, (_, _, last) in enumerate(subjects):
            probs[row, last:, 0, SINGLE] -= 0.1 * np.arange(probs.shape[1] - last)
        return single(probs[:, :, 0, SINGLE].clip(0))


def calibration(temperature=1.0, threshold=0.5):
    return RelationCalibration(
        temperature=temperature,
        threshold=threshold,
        n_relations=50,
        ece_before=0.1,
        ece_after=0.1,
        brier_before=0.1,
        brier_after=0.1,
    )


def faded(text, found=None, network=Fading, **changes):
    """Read a text with a card of that calibration and those settings."""
    made = card(**changes).model_copy(update={"calibration": found})
    return read_one(Reader(network(WORDS), WordTokenizer(WORDS, 64), made, 0), text)


BOTH = "zorafen and kutamab caused rash"  # 0.9 * 0.8 for kutamab, 0.9 * 0.6 for zorafen


def sure(document):
    return {(s.text, o.text): r.confidence for r, s, o in document.pairs()}


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_relations_are_as_sure_as_the_temperature_says_and_spans_as_before(temperature):
    raw, found = faded(BOTH), faded(BOTH, calibration(temperature))
    assert sure(raw) == {("zorafen", "rash"): 0.54, ("kutamab", "rash"): 0.72}
    assert sure(found) == {
        pair: at_temperature([confidence], temperature)[0] for pair, confidence in sure(raw).items()
    }
    assert found.spans == raw.spans
    assert [(r.subject, r.object) for r in found.relations] == [
        (r.subject, r.object) for r in raw.relations
    ]
    assert faded(BOTH, calibration(temperature), calibrate=False) == raw


def test_a_threshold_drops_relations_and_the_objects_that_nothing_else_has():
    assert faded(BOTH, relation_threshold=0.54) == faded(BOTH)
    one = faded(BOTH, relation_threshold=0.55)
    assert sure(one) == {("kutamab", "rash"): 0.72}
    assert one.spans == faded(BOTH).spans
    none = faded(BOTH, relation_threshold=0.73)
    assert [s.text for s in none.spans] == ["zorafen", "kutamab"]
    assert none.relations == ()

    class Blind(Fading):
        def objects(self, states, subjects):
            return single(0 * super().objects(states, subjects)[:, :, 0, SINGLE])

    assert none == faded(BOTH, network=Blind)


@pytest.mark.parametrize(
    ("temperature", "changes", "kept"),
    [
        (1.0, {}, 2),
        (1.0, {"tune_threshold": True}, 1),
        # 0.54 and 0.72 are then 0.513 and 0.578
        (3.0, {"tune_threshold": True}, 0),
        (3.0, {"tune_threshold": True, "calibrate": False}, 1),
        (3.0, {"relation_threshold": 0.55}, 1),
        (3.0, {"relation_threshold": 0.58}, 0),
        (3.0, {"relation_threshold": 0.58, "calibrate": False}, 1),
    ],
)
def test_thresholds_are_compared_with_what_is_given_out(temperature, changes, kept):
    assert len(faded(BOTH, calibration(temperature, 0.6), **changes).relations) == kept


def test_a_tuned_threshold_that_there_is_not_drops_nothing():
    assert faded(BOTH, None, tune_threshold=True) == faded(BOTH)


def test_order_is_kept_across_chunks_and_batches(monkeypatch):
    monkeypatch.setattr(predict, "CHUNK_DOCUMENTS", 7)
    documents = [
        Document(id=f"d{n}", text="and " * (n * 7 % 11) + "zorafen caused rash") for n in range(40)
    ]
    found = list(lexical(max_pieces=3, max_batch_tokens=50).read(iter(documents)))
    assert [document.id for document in found] == [document.id for document in documents]
    assert [document.text for document in found] == [document.text for document in documents]
    assert all(len(document.relations) == 1 for document in found)


def test_reading_is_lazy(monkeypatch):
    monkeypatch.setattr(predict, "CHUNK_DOCUMENTS", 5)
    taken = []
    stream = (taken.append(n) or Document(id=str(n), text="rash") for n in range(1000))
    found = lexical().read(stream)
    next(found)
    assert len(taken) == 5


def test_objects_are_asked_for_a_few_subjects_at_a_time(monkeypatch):
    monkeypatch.setattr(predict, "MAX_OBJECT_CELLS", 60)
    reader = lexical(10_000)
    found = read_one(reader, "zorafen caused rash , " * 10)
    assert len(found.relations) == 10
    assert max(reader.network.asked) == 1
    assert sum(reader.network.asked) == 10


def span(id, text, surface, label="Drug"):
    start = text.index(surface)
    return Span(id=id, start=start, end=start + len(surface), label=label, text=surface)


def test_given_subjects_replace_those_that_would_be_found():
    text = "zorafen and ibuprofen caused rash , kutamab caused coma"
    document = Document(
        id="d", text=text, spans=[span("A", text, "ibuprofen"), span("B", text, "kutamab", "Dose")]
    )
    (found,) = lexical().read([document], given=True)
    assert [(s.text, s.label) for s in found.spans] == [
        ("ibuprofen", "Drug"),
        ("rash", "AdverseEffect"),
    ]
    assert len(found.relations) == 1
    (without,) = lexical().read([Document(id="d", text=text)], given=True)
    assert not without.spans


def test_given_subjects_keep_their_offsets_even_inside_a_word_or_across_windows():
    long = "Kutamab" + " and" * 40
    text = f"ibuprofens caused rash. {long} caused coma"
    parts = [span("A", text, "profen"), span("B", text, long)]
    (found,) = lexical(16).read([Document(id="d", text=text, spans=parts)], given=True)
    drugs = [s.text for s in found.spans if s.label == "Drug"]
    assert drugs == ["profen", long]  # which no window holds whole, and so has no effect
    assert [(s.text, o.text) for _, s, o in found.pairs()] == [("profen", "rash")]


def test_of_spans_that_overlap_the_surer_is_kept():
    own = card().model_copy(update={"tagged": ("Drug", "Gene"), "exclusive": True})

    class Both(Lexical):
        def encode(self, batch):
            states, probs = super().encode(batch)
            both = np.concatenate([probs, probs], axis=2)
            both[..., 1, OUTSIDE] += 0.05
            both[..., 1, SINGLE] -= 0.05
            return states, both

    def read(exclusive):
        chosen = own.model_copy(update={"exclusive": exclusive})
        return read_one(Reader(Both(WORDS), WordTokenizer(WORDS, 32), chosen, 0), "zorafen")

    assert [s.label for s in read(True).spans] == ["Drug"]
    assert [s.label for s in read(False).spans] == ["Drug", "Gene"]


def test_meta_is_kept_and_silver_is_not():
    document = Document(id="d", text="rash", source="silver", meta={"page": 3, "model": "gpt"})
    (found,) = lexical().read([document])
    assert found.meta == {"page": 3}


WIDE = st.text(st.sampled_from(f"zorafen caused rash.,()[]%{ODD}"), max_size=120) | st.text(
    max_size=80
)


@settings(max_examples=100, deadline=None)
@given(WIDE)
def test_any_text_comes_out_as_it_went_in_with_exact_offsets(text):
    # an object wherever the network is asked, so that the tests of the record have work to do
    class Eager(Lexical):
        def encode(self, batch):
            states, probs = super().encode(batch)
            probs[:, ::2] = 0.2, 0.2, 0.1, 0.2, 0.3
            return states, probs

        def objects(self, states, subjects):
            return np.tile(
                np.array([0.1, 0.2, 0.3, 0.2, 0.2], dtype=np.float32),
                (len(subjects), len(states[0]), 1, 1),
            )

    found = read_one(Reader(Eager(WORDS), WordTokenizer(WORDS, 16), card(), 0), text)
    assert found.text == text
    for one in found.spans:
        assert one.text == text[one.start : one.end]
        assert one.text.strip() == one.text
        assert 0.0 <= one.confidence <= 1.0


def test_offsets_are_exact_among_odd_characters(student: Student):
    text = f"{ODD} zorafen caused severe bleeding {ODD} . {ODD}"
    found = student.extract(text)
    assert found.text == text
    for one in found.spans:
        assert one.text == text[one.start : one.end]


@pytest.mark.parametrize("text", ["", " ", "\n \t", "\0", "\r", "rash", "好", "😀", "\u0301"])
def test_little_texts(student: Student, text):
    assert student.extract(text).text == text


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    ["zorafen caused rash and " * 8334, "z" * 200_000, "好" * 2_000],
    ids=["spaces", "no-spaces", "cjk"],
)
def test_very_long_lines_are_read_in_bounded_time(student: Student, text):
    found = student.extract(text)
    assert found.text == text


def test_the_reader_pads_with_any_id(student: Student):
    texts = ["zorafen caused rash .", "kutamab was given and zorafen caused dry cough ."]
    together = [places(document) for document in student.extract(texts)]
    assert together == [places(student.extract(text)) for text in texts]


def test_a_gpt_tokenizer_works_with_windows_too():
    tokenizer = gpt([" zorafen caused rash and"] * 20)
    network = Lexical(tokenizer, drugs=[" zorafen", "zorafen"], effects=[" rash"])
    reader = Reader(network, WordTokenizer(tokenizer, 16), card(), 0)
    assert len(read_one(reader, "zorafen caused rash and " * 50).relations) == 50


def test_the_templates_say_what_they_mark():
    for number, document in enumerate(corpus(len(TEMPLATES))):
        said = {(s.text, o.text) for _, s, o in document.pairs()}
        assert all(f"{s} caused {o}" in document.text for s, o in said), number
