"""BioGPT's tokenizer: Moses' words, fastBPE's tokens, and places that point into the text."""

import json
import random
from itertools import pairwise

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel

from decoct.encoder.moses import add_rows, moses_bpe
from decoct.errors import ArtifactError
from fakes.checkpoints import biogpt
from fakes.students import SILVER

TEXTS = [document.text for document in SILVER] + [
    "zorafen &quot; beli @-@ fen &apos; s don &apos;t &#91; 3 &#93; ."
] * 9

# As sacremoses 0.2.0 cuts them with aggressive_dash_splits=True.
WORDS = [
    ("Azithromycin-induced rash.", "Azithromycin @-@ induced rash ."),
    ("5-FU (5'-end), -5, a--b", "5 @-@ FU ( 5 &apos; -end ) , -5 , a--b"),
    (
        "the patient's dogs' don't 1990's",
        "the patient &apos;s dogs &apos; don &apos;t 1990 &apos;s",
    ),
    ("3'UTR of 5,300 A,B 1,a", "3&apos;UTR of 5,300 A , B 1 , a"),
    ('p<0.05 & [3] "x" a|b', "p &lt; 0.05 &amp; &#91; 3 &#93; &quot; x &quot; a &#124; b"),
    ("e.g. Dr. House. The end", "e.g. Dr. House . The end"),
    ("10 mg. daily of vitamin C. Then 3.5. Next", "10 mg. daily of vitamin C. Then 3.5 . Next"),
    ("wait... what.. ok", "wait ... what .. ok"),
    ("50% mg/kg μg\tNaïve", "50 % mg / kg μg Naïve"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    at = tmp_path_factory.mktemp("biogpt")
    biogpt(at, TEXTS)
    return at


@pytest.fixture(scope="module")
def tokenizer(folder):
    return moses_bpe(folder / "vocab.json", folder / "merges.txt")


def reference_tokens(word, merges):
    """Merge the pair that comes first among the merges, everywhere, until there is none."""
    symbols = [*word[:-1], f"{word[-1]}</w>"]
    while True:
        ranks = [merges.get(pair, len(merges)) for pair in pairwise(symbols)]
        if not ranks or min(ranks) == len(merges):
            return symbols
        best = min(ranks)
        merged = []
        while symbols:
            pair = tuple(symbols[:2])
            n_taken = 2 if merges.get(pair) == best else 1
            merged.append("".join(symbols[:n_taken]))
            del symbols[:n_taken]
        symbols = merged


@pytest.mark.parametrize(("text", "words"), WORDS)
def test_words_are_those_of_moses(tokenizer, text, words):
    normal = tokenizer.normalizer.normalize_str(text)
    assert normal.split() == words.split()


def test_ids_are_those_of_the_slow_tokenizer(tokenizer, folder):
    vocabulary = json.loads((folder / "vocab.json").read_text())
    lines = (folder / "merges.txt").read_text().splitlines()
    merges = {tuple(line.split()[:2]): rank for rank, line in enumerate(lines)}
    rng = random.Random(0)
    letters = [*"zorafenbeli&;@-3] 's.", "ñ"]
    texts = TEXTS + ["".join(rng.choices(letters, k=40)) for _ in range(200)]
    for text in texts:
        words = tokenizer.normalizer.normalize_str(text).split()
        slow = [token for word in words for token in reference_tokens(word, merges)]
        unknown = vocabulary["<unk>"]
        wanted = [vocabulary["</s>"], *(vocabulary.get(token, unknown) for token in slow)]
        found = tokenizer.encode(text).ids
        assert [i if i < len(vocabulary) else unknown for i in found] == wanted


def test_entities_are_one_token_though_the_way_there_is_not_in_the_vocabulary(tokenizer, folder):
    vocabulary = json.loads((folder / "vocab.json").read_text())
    assert "@-@</w>" in vocabulary
    assert "-@</w>" not in vocabulary
    assert "@-@</w>" in tokenizer.encode("beli-fen").tokens


def test_tokens_know_their_places(tokenizer):
    text = "zorafen-rash isn't [3]."
    encoded = tokenizer.encode(text)
    assert encoded.special_tokens_mask == [1] + [0] * (len(encoded) - 1)
    places = encoded.offsets[1:]
    assert places == sorted(places)
    covered = {at for start, end in places for at in range(start, end)}
    assert covered == {at for at, char in enumerate(text) if char != " "}
    by_token = dict(zip(encoded.tokens, encoded.offsets, strict=True))
    assert by_token["@-@</w>"] == (7, 8)


def test_saved_and_read_it_is_the_same(tokenizer, tmp_path):
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    again = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for text, _ in WORDS:
        assert again.encode(text).ids == tokenizer.encode(text).ids
        assert again.encode(text).offsets == tokenizer.encode(text).offsets


@pytest.mark.parametrize(
    "text", ["a" * 50_000, "a. " * 20_000, "'" * 20_000, "." * 20_000, " " * 50_000]
)
def test_odd_text_takes_no_time(tokenizer, text):
    assert len(tokenizer.encode(text)) >= 1


def test_tokens_that_the_encoder_lacks_are_its_unknown(tokenizer, folder):
    encoder = AutoModel.from_pretrained(folder)
    n_rows, unknown = encoder.config.vocab_size, tokenizer.token_to_id("<unk>")
    n_tokens = tokenizer.get_vocab_size()
    assert n_tokens > n_rows
    before = encoder.get_input_embeddings().weight.detach().clone()
    with torch.inference_mode():
        known = encoder(input_ids=torch.tensor([[2, unknown]])).last_hidden_state
    add_rows(encoder, tokenizer)
    with torch.inference_mode():
        new = encoder(input_ids=torch.tensor([[2, n_tokens - 1]])).last_hidden_state
    assert torch.equal(known, new)
    assert torch.equal(encoder.get_input_embeddings().weight[:n_rows], before)
    assert encoder.config.vocab_size == n_tokens
    again = AutoModel.from_config(AutoConfig.for_model(**encoder.config.to_dict()))
    again.load_state_dict(encoder.state_dict())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("vocab.json", b""),
        ("vocab.json", b"{}"),
        ("vocab.json", b"[1]"),
        ("vocab.json", b"\xff\xfe"),
        ("vocab.json", b'{"</s>": "a"}'),
        ("merges.txt", b"\xff\xfe"),
        ("merges.txt", None),
    ],
)
def test_other_files_are_refused_in_one_line(folder, tmp_path, name, content):
    for file in {"vocab.json", "merges.txt"} - ({name} if content is None else set()):
        (tmp_path / file).write_bytes((folder / file).read_bytes())
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ArtifactError, match="not those of a BioGPT") as caught:
        moses_bpe(tmp_path / "vocab.json", tmp_path / "merges.txt")
    assert "\n" not in str(caught.value)
