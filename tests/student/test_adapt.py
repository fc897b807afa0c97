"""An encoder learns the words of its text, by steps, resumably, and is saved as an encoder."""

import numpy as np
import pytest
import torch

from decoct.encoder.load import load_encoder
from decoct.errors import ConfigError
from decoct.recipes.adapt import adapt_file
from decoct.student.adapt import adapt
from decoct.student.adapt_settings import AdaptSettings
from fakes.commands import invoke, ok, write_documents
from fakes.drugs import corpus
from fakes.encoders import save_encoder

TEXTS = [document.text for document in corpus(300)]
QUICK = {
    "block_tokens": 32,
    "batch_blocks": 8,
    "learning_rate": 3e-3,
    "head_learning_rate": 3e-3,
    "shuffle_blocks": 64,
    "device": "cpu",
    "precision": "fp32",
}


def weights(encoder) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in encoder.state_dict().items()}


def same(one, other) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_encoder(tmp_path_factory.mktemp("encoder") / "bert", "bert", TEXTS)


@pytest.mark.slow
def test_it_learns_the_words(folder):
    settings = AdaptSettings(encoder=str(folder), max_steps=150, **QUICK)
    adapted = adapt(lambda: TEXTS, settings)
    assert adapted.n_steps == 150
    assert adapted.n_tokens == 150 * 8 * 32
    assert adapted.n_texts > len(TEXTS)  # it was read more than once
    assert adapted.last_loss < 0.7 * adapted.first_loss


def test_steps_give_the_same_each_time(folder):
    settings = AdaptSettings(encoder=str(folder), max_steps=5, **QUICK)
    one, other = (weights(adapt(lambda: TEXTS, settings).encoder) for _ in range(2))
    assert same(one, other)
    another = settings.model_copy(update={"seed": 14})
    assert not same(one, weights(adapt(lambda: TEXTS, another).encoder))


def test_an_interrupted_run_goes_on(folder, tmp_path):
    settings = AdaptSettings(encoder=str(folder), max_steps=12, checkpoint_minutes=1e-9, **QUICK)

    class Stop(Exception):
        pass

    taken = 0

    def broken():
        nonlocal taken
        for text in TEXTS:
            taken += 1
            if taken > 280:
                raise Stop
            yield text

    with pytest.raises(Stop):
        adapt(broken, settings, checkpoints=tmp_path)
    notes = []

    class Notes:
        def note(self, message):
            notes.append(message)

        def track(self, items, total, title):
            yield from items

    adapted = adapt(lambda: TEXTS, settings, progress=Notes(), checkpoints=tmp_path)
    assert adapted.n_steps == 12
    assert notes[0].startswith("adapt: resumed at step ")
    assert 0 < int(notes[0].split()[-1]) < 12


@pytest.mark.parametrize("family", ["bert", "roberta", "electra", "deberta-v2", "albert", "mpnet"])
def test_other_families(family, tmp_path):
    folder = save_encoder(tmp_path / family, family, TEXTS)
    settings = AdaptSettings(encoder=str(folder), max_steps=2, **QUICK)
    before, _ = load_encoder(str(folder))
    adapted = adapt(lambda: TEXTS, settings)
    assert np.isfinite(adapted.first_loss)
    assert not same(weights(before), weights(adapted.encoder))


def test_an_encoder_without_a_mask_token_is_refused(tmp_path):
    folder = save_encoder(tmp_path / "gpt2", "gpt2", TEXTS)
    with pytest.raises(ConfigError, match="no mask token"):
        adapt(lambda: TEXTS, AdaptSettings(encoder=str(folder), max_steps=1, **QUICK))


@pytest.mark.parametrize("texts", [[], ["", " "], ["a"]])
def test_too_little_text(folder, texts):
    with pytest.raises(ConfigError, match="hardly any text"):
        adapt(lambda: texts, AdaptSettings(encoder=str(folder), max_steps=1, **QUICK))


@pytest.mark.parametrize("limits", [{}, {"max_steps": 1, "max_minutes": 1.0}])
def test_one_limit_is_needed(limits):
    with pytest.raises(ValueError, match="max_minutes or max_steps"):
        AdaptSettings(**limits)


def test_minutes(folder):
    settings = AdaptSettings(encoder=str(folder), max_minutes=0.02, **QUICK)
    adapted = adapt(lambda: TEXTS, settings)
    assert 1.2 <= adapted.seconds < 10


@pytest.mark.slow
def test_the_command_makes_an_encoder_to_distil_into(folder, tmp_path):
    source = write_documents(tmp_path / "docs.jsonl", corpus(60))
    out = tmp_path / "adapted"
    told = ok(
        *("adapt", "--in", source, "--out", out, "--encoder", folder, "--max-steps", 3),
        *("--block-tokens", 32, "--batch-blocks", 4, "--device", "cpu", "--json", "-q"),
    ).json
    assert (told["n_steps"], told["n_tokens"]) == (3, 3 * 4 * 32)
    assert sorted(path.name for path in out.iterdir() if not path.name.startswith("special")) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    before, old = load_encoder(str(folder))
    after, new = load_encoder(str(out))
    assert not same(weights(before), weights(after))
    assert old.encode(TEXTS[0]).ids == new.encode(TEXTS[0]).ids
    assert "holds a model already" in invoke("adapt", "--in", source, "--out", out, "-q").error
    missing = invoke("adapt", "--in", "-", "--out", tmp_path / "x", "-q", stdin="text\n")
    assert "name a file" in missing.error


def test_bad_lines_are_counted_once(folder, tmp_path):
    source = write_documents(tmp_path / "docs.jsonl", corpus(20))
    with source.open("a") as handle:
        handle.write("no json\n")
    from decoct.errors import Faults

    faults = Faults()
    settings = AdaptSettings(encoder=str(folder), max_steps=20, **QUICK)
    adapt_file(source, tmp_path / "out", settings, faults=faults)
    assert faults.n == 1
