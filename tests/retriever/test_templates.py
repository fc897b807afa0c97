"""What an encoder reads of a mention with the text around it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import processors

pytest.importorskip("torch")

from decoct.kb.base import Query
from decoct.retriever.templates import Template
from fakes.encoders import wordpiece

WORDS = [f"word{number}" for number in range(60)]
TEXT = " ".join(WORDS)
MAX_TOKENS = 24


def tokenizer(vocab_size=400):
    """A BERT's, which puts a pair of texts between signs too."""
    made = wordpiece([TEXT], vocab_size)
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(sign, made.token_to_id(sign)) for sign in ("[CLS]", "[SEP]")],
    )
    return made


@pytest.fixture(scope="module")
def template():
    return Template("mention_context", tokenizer(), MAX_TOKENS)


def read(template, query):
    """The mention and the context as they are read, in tokens' words."""
    [encoding] = template.encode([query])
    assert len(encoding) <= MAX_TOKENS
    parts = " ".join(encoding.tokens).replace(" ##", "").split("[SEP]")
    return [part.replace("[CLS]", "").split() for part in parts]


def query(first, last):
    start = TEXT.index(WORDS[first])
    end = TEXT.index(WORDS[last]) + len(WORDS[last])
    return Query(TEXT[start:end], TEXT, start, end)


@pytest.mark.parametrize("place", [0, 1, 30, 58, 59])
def test_the_text_around_the_mention_fills_the_window(template, place):
    mention, context, _ = read(template, query(place, place))
    assert mention == [WORDS[place]]
    assert WORDS[place] in context
    first, last = WORDS.index(context[0]), WORDS.index(context[-1])
    assert context == WORDS[first : last + 1]
    left, right = place - first, last - place
    assert abs(left - right) <= 1 or first == 0 or last == 59, "in the middle, if there is room"
    [encoding] = template.encode([query(place, place)])
    assert len(encoding) >= MAX_TOKENS - 2


def test_a_mention_as_long_as_the_window_is_read_alone(template):
    mention, *_ = read(template, query(5, 45))
    assert mention == WORDS[5 : 5 + len(mention)]
    assert len(mention) > 5


def test_without_context_or_in_the_plain_template(template):
    [bare] = template.encode([Query("word1")])
    [name] = template.encode(["word1"])
    assert bare.ids == name.ids
    plain = Template("mention", tokenizer(), MAX_TOKENS)
    [encoding] = plain.encode([query(3, 3)])
    assert encoding.tokens == plain.encode(["word3"])[0].tokens


@given(st.text(max_size=80), st.integers(0, 80), st.integers(0, 20))
def test_any_place_in_any_text(text, start, length):
    template = Template("mention_context", tokenizer(100), 12)
    start = min(start, len(text))
    end = min(start + length, len(text))
    [encoding] = template.encode([Query(text[start:end], text, start, end)])
    assert len(encoding) <= 12
