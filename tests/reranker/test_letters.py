"""Letters of one token each, whatever the tokenizer makes of what stands before them."""

import pytest
from transformers import PreTrainedTokenizerFast

from decoct.errors import ConfigError
from decoct.reranker.letters import encode, find_letters
from fakes.encoders import sentencepiece
from fakes.language_models import byte_pairs, words_only

TEXTS = ["Which entry of the list does the mention mean ? Answer : A B C D 0 none"] * 3


def wrapped(tokenizer, unknown="<unk>"):
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token=unknown)


TOKENIZERS = {
    "words": lambda: wrapped(words_only(TEXTS)),
    "byte pairs": lambda: wrapped(byte_pairs(TEXTS)),
}


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("ending", ["Answer:", "<|assistant|>\n"])
def test_a_letter_is_the_one_token_that_follows(name, ending):
    tokenizer = TOKENIZERS[name]()
    found = find_letters(tokenizer, ending, (" ", ""))
    assert len(found.ids) == len(set(found.ids)) == len(found.names) >= 26
    for letter, token in zip(("A", "B", "0"), (*found.ids[:2], found.none_id), strict=True):
        before = encode(tokenizer, ending)
        assert encode(tokenizer, f"{ending}{found.joint}{letter}") == [*before, token]


def test_the_most_natural_joint_that_serves_is_taken():
    tokenizer = TOKENIZERS["words"]()
    assert find_letters(tokenizer, "Answer:", (" ", "")).joint == " "
    assert find_letters(tokenizer, "Answer:", ("", " ")).joint == ""


def test_options_beyond_the_letters_are_refused():
    found = find_letters(TOKENIZERS["words"](), "Answer:", (" ",))
    assert len(found.token_ids(52)) == 53
    with pytest.raises(ConfigError, match=r"53 candidates are too many.*52 letters") as caught:
        found.token_ids(53)
    assert "\n" not in str(caught.value)


def test_a_tokenizer_without_letters_is_refused():
    tokenizer = wrapped(sentencepiece(["aaa bbb ccc"], vocab_size=20), "[UNK]")
    with pytest.raises(ConfigError, match="no single tokens for letters"):
        find_letters(tokenizer, "aaa", (" ", ""))
