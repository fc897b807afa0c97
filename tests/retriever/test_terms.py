"""Hashed terms against n-grams and words cut one by one."""

import re
from collections import Counter
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.retriever.fold import fold
from decoct.retriever.terms import Terms, ngrams, words
from decoct.text.align import CJK
from decoct.text.words import MAX_WORD_CHARS, find_words

TEXTS = st.lists(
    st.text(st.sampled_from("ab1 ,-_é糖尿か가\n"), max_size=12)
    | st.text(st.characters(exclude_categories=(), max_codepoint=0x1FFFF), max_size=8),
    min_size=1,
    max_size=5,
)


def is_cjk(sign):
    return bool(re.fullmatch(f"[{CJK}]", sign)) and sign.isalnum()


def runs(text, wanted):
    """Runs of the signs that are wanted."""
    return "".join(sign if wanted(sign) else " " for sign in text).split()


def plain_ngrams(text, letters, characters):
    text = fold(text)
    found = []
    between = runs(text, lambda sign: sign.isalnum() and not is_cjk(sign))
    spaced = f" {' '.join(between)} " if between else ""
    for n in letters:
        found += [spaced[at : at + n] for at in range(len(spaced) - n + 1)]
    for run in runs(text, is_cjk):
        found += [run[at : at + n] for n in characters for at in range(len(run) - n + 1)]
    return Counter(found)


def plain_words(text, characters):
    text = fold(text)
    found = runs(text, lambda sign: sign.isalnum() and not is_cjk(sign))
    for run in runs(text, is_cjk):
        found += [run[at : at + n] for n in characters for at in range(len(run) - n + 1)]
    return Counter(found)


def agree(terms: Terms, plain):
    """The same terms are hashed alike, and only those, in each text as often."""
    counted = [Counter() for _ in range(terms.n_texts)]
    for hash_, owner in zip(terms.hashes.tolist(), terms.owners.tolist(), strict=True):
        counted[owner][hash_] += 1
    assert [sorted(each.values()) for each in counted] == [sorted(each.values()) for each in plain]
    of_term = {}
    for hashed, named in zip(counted, plain, strict=True):
        once = {h for h, n in hashed.items() if n == 1}, {t for t, n in named.items() if n == 1}
        if len(once[0]) == len(once[1]) == 1:
            (hash_,), (term,) = once
            assert of_term.setdefault(term, hash_) == hash_
    every = set(chain.from_iterable(plain))
    assert len(set(terms.hashes.tolist())) == len(every)


@given(TEXTS, st.sampled_from([(2,), (3,), (2, 3), (2, 4)]), st.sampled_from([(1,), (1, 2), (3,)]))
def test_ngrams(texts, letters, characters):
    agree(ngrams(texts, letters, characters), [plain_ngrams(t, letters, characters) for t in texts])


@given(TEXTS, st.sampled_from([(1,), (2,), (1, 2)]))
def test_words(texts, characters):
    agree(words(texts, characters), [plain_words(text, characters) for text in texts])


@given(st.text(st.characters(max_codepoint=0x1FFFF), max_size=30))
def test_words_are_those_that_the_rest_of_decoct_knows(text):
    folded = fold(text)
    known = [folded[word.start : word.end] for word in find_words(folded)]
    known = [word for word in known if word[0].isalnum() and len(word) < MAX_WORD_CHARS]
    found = words([text], (1,))
    marked = any(sign in "\u200d\ufe0f" for sign in folded)  # a mark is a part of a word there
    assert marked or len(found.hashes) == len(known)


@pytest.mark.parametrize("terms_of", [lambda t: ngrams(t, (3,), (1,)), lambda t: words(t, (1,))])
def test_a_text_has_its_terms_in_any_company(terms_of):
    alone = terms_of(["右乳腺癌 stage IV"])
    in_company = terms_of(["", "x", "右乳腺癌 stage IV", "癌"])
    mine = in_company.owners == 2
    assert sorted(alone.hashes.tolist()) == sorted(in_company.hashes[mine].tolist())


@pytest.mark.parametrize("text", ["", " ", "...", "\ud800", "。，", "\n\n"])
def test_what_has_no_terms(text):
    assert not len(ngrams([text], (3,), (1,)).hashes)
    assert not len(words([text, text], (1, 2)).hashes)
    assert ngrams([], (3,), (1,)).n_texts == 0


def test_a_digit_among_characters_is_a_word():
    found = ngrams(["糖尿病2型", "2"], (3,), (1,))
    assert set(found.hashes[found.owners == 1]) <= set(found.hashes[found.owners == 0])
