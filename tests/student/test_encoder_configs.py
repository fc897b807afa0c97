"""The configs in examples/encoders: each is read, and a tiny twin of its encoder is trained."""

import re
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch

from decoct.config import check, read_toml
from decoct.encoder.load import load_encoder, looks_local
from decoct.errors import ArtifactError
from decoct.student.fit import fit
from decoct.student.settings import StudentSettings
from decoct.student.student import Student
from decoct.tasks.base import get_task
from fakes.checkpoints import TWINS, pickle_weights, save_in_cache
from fakes.drugs import corpus
from fakes.students import SILVER

EXAMPLES = Path(__file__).parents[2] / "examples" / "encoders"
CONFIGS = sorted(EXAMPLES.glob("*.toml"))
TEXTS = [text for document in SILVER for text in (document.text, document.text.title())]
UNSEEN = [document.bare() for document in corpus(40, seed=7)]


def read(path):
    return check(StudentSettings, read_toml(path), str(path))


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """A cache of a hub that can't be reached."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_there_is_one_for_each_encoder():
    assert sorted(read(path).encoder for path in CONFIGS) == sorted(TWINS)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_it_names_a_hub_id_and_nothing_that_is_the_default(path):
    settings = read(path)
    assert not looks_local(settings.encoder)
    defaults = StudentSettings()
    for name in set(read_toml(path)) - {"batch_size"}:
        assert getattr(settings, name) != getattr(defaults, name), name


@pytest.mark.slow
@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_tiny_twin_is_trained_saved_and_loaded(path, cache, tmp_path):
    settings = read(path)
    save_in_cache(cache, settings.encoder, TEXTS)
    # as in the file, but for the pace: weights drawn at random have more to learn than trained ones
    epochs = {"epochs": 25, "patience": 0} if path.stem == "biogpt" else {}
    pace = {"learning_rate": 5e-3, "head_learning_rate": 5e-3, **epochs}
    quick = settings.model_copy(update={**pace, "device": "cpu", "precision": "fp32"})
    student = fit(SILVER, get_task("ade"), quick).student
    assert student.card.settings.encoder == settings.encoder
    found = list(student.extract(UNSEEN))
    gold = [document.pairs() for document in corpus(40, seed=7)]
    right = sum(
        [(s.text, o.text) for _, s, o in document.pairs()]
        == [(s.text, o.text) for _, s, o in pairs]
        for document, pairs in zip(found, gold, strict=True)
    )
    assert right > 0.8 * len(gold)
    student.save_pretrained(tmp_path / "student")
    loaded = Student.from_pretrained(tmp_path / "student", device="cpu")
    assert list(loaded.extract(UNSEEN)) == found
    # as an encoder to start from, it reads as it did
    encoder, tokenizer = load_encoder(str(tmp_path / "student"))
    assert tokenizer.encode(TEXTS[0]).ids == student.tokenizer.encode(TEXTS[0]).ids
    ids = torch.tensor([tokenizer.encode(TEXTS[0]).ids])
    with torch.inference_mode():
        states = [
            model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
            for model in (encoder.eval(), student.model.encoder)
        ]
    assert torch.equal(*states)


@pytest.mark.parametrize("repository", TWINS)
def test_a_repository_of_pickles_says_what_to_do(repository, cache, tmp_path, monkeypatch):
    folder = save_in_cache(cache, repository, TEXTS)
    wanted, _ = load_encoder(repository)
    pickle_weights(folder)
    with pytest.raises(ArtifactError, match=f"hf download {repository} ") as caught:
        load_encoder(repository)
    assert "\n" not in str(caught.value)
    # the README's way, after the download
    monkeypatch.chdir(tmp_path)
    folder.rename("biogpt")
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    exec(re.search(r"```python\n(.+?)```", readme, re.DOTALL)[1], {})
    converted, _ = load_encoder("biogpt")
    for name, tensor in wanted.state_dict().items():
        assert torch.equal(tensor, converted.state_dict()[name]), name
