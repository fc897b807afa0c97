"""Mention and candidate as one sequence: cut to the window, the same for every tokenizer."""

import numpy as np
import pytest
from tokenizers import Tokenizer, models, trainers

from decoct.errors import ArtifactError
from decoct.kb.base import Entity, Query
from decoct.records import Candidate
from decoct.reranker.base import Question
from decoct.reranker.pairs import PairTokenizer, pad_pairs
from fakes.encoders import FAMILIES

ENTITY = Entity(
    id="1", name="eye pain", aliases=("sore eyes", "ache of the eye"), definition="pain in an eye"
)
TEXTS = [*ENTITY.names, ENTITY.definition, "my eyes are sore", "far near [ ] ; . |"]
QUESTION = Question(Query("sore eyes"), (Candidate(id="1", name="eye pain"),))


def made(family="bert", max_tokens=40, max_aliases=1, definitions=True):
    return PairTokenizer(FAMILIES[family][0](TEXTS), max_tokens, max_aliases, definitions)


def shown(pairs, pair):
    return pairs.tokenizer.decode(list(pair.ids), skip_special_tokens=False)


def lookup(_):
    return ENTITY


def test_mention_names_and_definition_are_read():
    pairs = made()
    candidate, nil = pairs.pairs(QUESTION, lookup)
    read = shown(pairs, candidate)
    assert read == "[CLS] sore eyes [SEP] eye pain ; sore eyes . pain in an eye [SEP]"
    assert shown(pairs, nil) == "[CLS] sore eyes [SEP]"
    assert nil.n_first == len(nil)
    assert shown(pairs, type(nil)(candidate.ids[: candidate.n_first], 0)).endswith("[SEP]")


def test_without_definitions_and_aliases_there_is_the_name():
    pairs = made(max_aliases=0, definitions=False)
    assert shown(pairs, pairs.pairs(QUESTION, lookup)[0]) == "[CLS] sore eyes [SEP] eye pain [SEP]"


def test_a_mention_in_a_text_is_marked_and_what_is_near_it_kept():
    left = "far " * 50 + "near "
    query = Query("sore eyes", f"{left}sore eyes near{' far' * 50}", len(left), len(left) + 9)
    pairs = made()
    _, nil = pairs.pairs(Question(query, QUESTION.candidates), lookup)
    assert "near [ sore eyes ] near" in shown(pairs, nil)
    assert len(nil) <= 21


@pytest.mark.parametrize("family", FAMILIES)
def test_every_tokenizer_fits_its_window(family):
    long = Entity(id="1", name="eye pain " * 90, definition="pain " * 900)
    query = Query("sore eyes " * 800, "my " * 900 + "sore eyes " * 800, 2700, 10_700)
    pairs = made(family)
    for question in (QUESTION, Question(query, QUESTION.candidates)):
        found = pairs.pairs_of([question, QUESTION], lambda _: long)
        assert all(1 < len(pair) <= 40 for some in found for pair in some)
        assert len(found[0][0]) == 40
        assert all(pair.n_first <= 22 for some in found for pair in some)


def test_what_is_before_and_after_differs_by_the_pair_only():
    pairs = made("gpt2")
    candidate, nil = pairs.pairs(QUESTION, lookup)
    assert candidate.ids[: len(nil.ids)] == nil.ids
    assert "|" in shown(pairs, candidate)


def test_a_tokenizer_without_any_sign_between_is_refused():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.train_from_iterator(["a b"], trainers.BpeTrainer(show_progress=False))
    with pytest.raises(ArtifactError, match="no special tokens"):
        PairTokenizer(tokenizer, 40, 1, True)


def test_padding_is_masked():
    pairs = made()
    batch = pad_pairs(pairs.pairs(QUESTION, lookup), pad_id=0)
    assert batch.input_ids.shape == batch.attention_mask.shape == batch.token_type_ids.shape
    lengths = batch.attention_mask.sum(axis=1)
    assert lengths[0] == batch.input_ids.shape[1] > lengths[1]
    np.testing.assert_array_equal(batch.input_ids[1, lengths[1] :], 0)
    assert batch.token_type_ids[0].sum() > 0
    assert batch.token_type_ids[1].sum() == 0
