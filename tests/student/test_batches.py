"""What a step holds: every example's targets where its words are, and weights of 0 elsewhere."""

import numpy as np
import pytest
import torch

from decoct.inference.tokenize import WordTokenizer
from decoct.records import Document, Span
from decoct.student.batches import Batches, make_targets
from decoct.student.examples import make_examples
from decoct.student.settings import StudentCard, StudentSettings
from fakes.drugs import corpus
from fakes.encoders import wordpiece

DOCUMENTS = [*corpus(23), Document(id="none", text="nothing was given .")]
CARD = StudentCard(
    task="ade",
    tagged=("Drug",),
    relation_types=(
        ("ADE", "Drug", "AdverseEffect"),
        ("TAKES", "Drug", "Dose"),
    ),
    settings=StudentSettings(batch_size=5),
)


@pytest.fixture(scope="module")
def examples():
    tokenizer = WordTokenizer(wordpiece(document.text for document in DOCUMENTS), 64)
    return make_examples(DOCUMENTS, tokenizer, CARD).items


def batches(examples, **changes):
    settings = CARD.settings.model_copy(update=changes)
    return Batches(examples, settings, 0, torch.device("cpu"))


def test_an_epoch_has_each_example_once_and_is_the_same_each_time(examples):
    some = batches(examples)
    assert some.n_batches == len(some.epoch(1)) == 5
    seen = [step.inputs.input_ids for step in some.epoch(1)]
    assert sum(len(ids) for ids in seen) == len(examples)
    n_tokens = sum(int(step.inputs.attention_mask.sum()) for step in some.epoch(1))
    assert n_tokens == sum(len(example.piece) for example in examples)
    again = [step.inputs.input_ids for step in batches(examples).epoch(1)]
    assert all(torch.equal(one, other) for one, other in zip(seen, again, strict=True))
    other = [step.inputs.input_ids for step in some.epoch(2)]
    assert [ids.tolist() for ids in seen] != [ids.tolist() for ids in other]


def test_targets_are_where_the_words_are(examples):
    width = 40
    targets = make_targets(examples, width, torch.device("cpu"))
    row = pair = 0
    for piece, example in enumerate(examples):
        n = len(example.piece.words)
        assert np.array_equal(targets.tags[piece, :n], example.tags)
        assert np.array_equal(targets.object_tags[piece, :n], example.object_tags)
        assert (targets.tag_weights[piece] == torch.arange(width).lt(n)).all()
        assert not targets.object_tag_weights[piece, n:].any()
        for number, (first, last) in enumerate(example.subjects):
            assert targets.subject_piece[row] == piece
            assert targets.subject_words[row].nonzero().flatten().tolist() == list(
                range(first, last)
            )
            assert np.array_equal(targets.objects[row, :n], example.objects[number])
            assert not targets.object_weights[row, n:].any()
            for at, span in enumerate(example.object_spans):
                assert targets.pairs[pair].tolist() == [row, *span]
                assert targets.links[pair] == example.links[number, at]
                pair += 1
            row += 1
    assert (row, pair) == (len(targets.subject_piece), len(targets.pairs))
    assert row > 20
    assert set(targets.links.tolist()) == {0.0, 1.0}


def test_a_batch_without_subjects(examples):
    targets = make_targets(examples[-1:], 6, torch.device("cpu"))
    assert targets.subject_piece.shape == targets.links.shape == targets.link_weights.shape == (0,)
    assert targets.pairs.shape == (0, 4)
    assert targets.objects.shape == (0, 6, 2, 5)
    assert targets.tags.shape == (1, 6, 1, 5)
    assert targets.object_weights.shape == (0, 6, 2)


def test_a_pair_counts_as_the_word_of_the_object_that_counts_least():
    tokenizer = WordTokenizer(wordpiece(document.text for document in DOCUMENTS), 64)
    text = "zorafen caused dry cough ."
    spans = [
        Span(id="T0", start=0, end=7, label="Drug", text="zorafen"),
        Span(id="T1", start=15, end=24, label="AdverseEffect", text="dry cough"),
        Span(id="T2", start=15, end=18, label="AdverseEffect", text="dry"),
    ]
    wary = Document(id="d", text=text, spans=spans, meta={"weight": 0.5, "doubtful": [[19, 24]]})
    targets = make_targets(make_examples([wary], tokenizer, CARD).items, 5, torch.device("cpu"))
    assert targets.pairs.tolist() == [[0, 0, 2, 4], [0, 0, 2, 3]]
    assert targets.link_weights.tolist() == [0.0, 0.5]
