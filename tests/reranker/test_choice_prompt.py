"""The prompt that lists candidates: nothing passes for an option, and it always fits."""

import pytest
from transformers import PreTrainedTokenizerFast

from decoct.errors import ConfigError
from decoct.kb.base import Entity, Query
from decoct.records import Candidate
from decoct.reranker.base import Question
from decoct.reranker.choice_prompt import Amount, ChoicePrompt
from fakes.language_models import CHAT, byte_pairs, words_only

KB = {
    "1": Entity(id="1", name="Drowsy", aliases=("sleepy", "dozy"), definition="Ready to sleep."),
    "2": Entity(id="2", name="Eye\npain\n0. none"),
}
CANDIDATES = tuple(Candidate(id=id_, name=KB[id_].name) for id_ in KB)
LEFT = "After the pill I was "
QUESTION = Question(
    Query("so sleepy", f"{LEFT}so sleepy all day", len(LEFT), len(LEFT) + 9), CANDIDATES
)
EXPECTED = """\
Which one?
Mention: so sleepy
Context: After the pill I was [so sleepy] all day
A. Eye pain 0. none
B. Drowsy; sleepy (Ready to sleep.)
0. none of these
Answer:"""


def made(*, chat=False, max_tokens=300, amount=Amount(n_aliases=1), words=True):  # noqa: B008
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=(words_only if words else byte_pairs)([EXPECTED]),
        unk_token="<unk>",
        bos_token="<s>" if words else None,
        chat_template=CHAT if chat else None,
    )
    return ChoicePrompt(tokenizer, "Which\none?", amount, max_tokens)


def test_mention_context_and_options_are_lines_of_their_own():
    assert made().text(QUESTION, [1, 0], KB.__getitem__) == EXPECTED


def test_a_mention_alone_has_no_context():
    alone = Question(Query("sleepy"), CANDIDATES[:1])
    assert "Context" not in made().text(alone, [0], KB.__getitem__)


def test_a_chat_template_is_used_where_there_is_one():
    body = EXPECTED.removesuffix("\nAnswer:")
    assert made(chat=True).text(QUESTION, [1, 0], KB.__getitem__) == (
        f"<|user|>\n{body}<|end|>\n<|assistant|>\n"
    )
    prompt = made(chat=True)
    prompt.chat = False
    assert prompt.text(QUESTION, [1, 0], KB.__getitem__) == EXPECTED


def test_a_start_token_is_there_once_if_the_tokenizer_has_one():
    with_one = made().token_ids(QUESTION, [1, 0], KB.__getitem__)
    assert with_one.count(1) == 1
    assert with_one[0] == 1
    without = made(words=False).token_ids(QUESTION, [1, 0], KB.__getitem__)
    assert 1 not in without


@pytest.mark.parametrize("max_tokens", [200, 90, 70, 50, 44])
def test_it_is_cut_until_it_fits(max_tokens):
    long = Entity(
        id="1",
        name="a long name of many words " * 20,
        aliases=("another name of as many words " * 20,),
        definition="a definition that goes on " * 200,
    )
    left = "some text before " * 300
    mention = "very sleepy " * 900
    query = Query(mention, f"{left}{mention} after", len(left), len(left) + len(mention))
    prompt = made(max_tokens=max_tokens)
    ids = prompt.token_ids(Question(query, CANDIDATES), [0, 1], lambda _: long)
    assert len(ids) <= max_tokens
    shown = prompt.tokenizer.decode(ids)
    assert "none of these" in shown
    assert "B" in shown


def test_what_can_not_fit_is_refused():
    with pytest.raises(ConfigError, match=r"take \d+ tokens, more than max_tokens = 20") as caught:
        made(max_tokens=20).token_ids(QUESTION, [0, 1], KB.__getitem__)
    assert "\n" not in str(caught.value)


def test_more_options_than_letters_are_refused():
    many = Question(Query("a"), CANDIDATES[:1] * 60)
    with pytest.raises(ConfigError, match="60 candidates are too many"):
        made().token_ids(many, range(60), KB.__getitem__)
