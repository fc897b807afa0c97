"""The bi-encoder: pooling, templates, saving, and sentence-transformers as the reference."""

import numpy as np
import pytest

pytest.importorskip("torch")

from decoct.encoder.load import embedded_folder
from decoct.errors import ArtifactError, MissingExtraError
from decoct.kb.base import Query
from decoct.retriever.encoder import TextEncoder, stated_pooling
from decoct.retriever.settings import EncoderSettings
from decoct.store import read_json, write_json
from fakes.encoders import save_encoder
from fakes.named import made_up, named

TEXTS = [name for entity in (*named(), *made_up(20)) for name in entity.names]
ODD = ["", " ", "...", "\ud800", "a" * 10_000, "头痛" * 5_000, "x " * 5_000, "\x00"]


def settings(encoder, **more):
    return EncoderSettings(encoder=str(encoder), device="cpu", precision="fp32", **more)


@pytest.fixture(scope="module")
def encoder(tiny_encoder):
    return TextEncoder.load(settings(tiny_encoder))


def test_vectors_have_length_one(encoder):
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), encoder.n_dimensions)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


def test_a_text_has_its_vector_in_any_company(encoder):
    together = encoder.encode(TEXTS)
    for number in (0, 7, len(TEXTS) - 1):
        alone = encoder.encode([TEXTS[number]])
        np.testing.assert_allclose(together[number], alone[0], atol=1e-5)


def test_a_mention_without_context_is_read_as_a_name(encoder):
    mentions = encoder.encode([Query(text) for text in TEXTS[:5]])
    np.testing.assert_array_equal(mentions, encoder.encode(TEXTS[:5]))


@pytest.mark.parametrize("template", ["mention", "mention_context"])
def test_odd_texts(tiny_encoder, template):
    encoder = TextEncoder.load(settings(tiny_encoder, template=template, max_tokens=16))
    asked = [
        *ODD,
        *map(Query, ODD),
        *(Query(text, f"ab {text} cd", 3, 3 + len(text)) for text in ODD),
    ]
    vectors = encoder.encode(asked)
    assert np.isfinite(vectors).all()
    assert all(len(tokens) <= 16 for tokens in encoder.tokens(asked))
    assert encoder.encode([]).shape == (0, encoder.n_dimensions)


@pytest.mark.parametrize("family", ["roberta", "deberta-v2", "distilbert", "gpt2"])
def test_other_families(tmp_path, family):
    encoder = TextEncoder.load(settings(save_encoder(tmp_path, family, TEXTS)))
    vectors = encoder.encode([*TEXTS[:4], ""])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_saved_it_is_as_sentence_transformers_reads_it(tmp_path, tiny_encoder, pooling):
    library = pytest.importorskip("sentence_transformers")
    encoder = TextEncoder.load(settings(tiny_encoder, pooling=pooling))
    encoder.save(tmp_path / "saved")
    reference = library.SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    expected = reference.encode(TEXTS, normalize_embeddings=False)
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_saved_it_is_loaded(tmp_path, tiny_encoder, pooling):
    encoder = TextEncoder.load(settings(tiny_encoder, pooling=pooling))
    encoder.save(tmp_path / "saved")
    again = TextEncoder.load(settings(tmp_path / "saved"))
    assert again.settings.pooling == pooling
    assert again.fingerprint == encoder.fingerprint
    np.testing.assert_array_equal(again.encode(TEXTS), encoder.encode(TEXTS))


def test_the_embedded_one_is_as_sentence_transformers_has_it():
    library = pytest.importorskip("sentence_transformers")
    try:
        folder = embedded_folder()
    except MissingExtraError as error:
        pytest.skip(str(error))
    encoder = TextEncoder.load(settings("embedded"))
    reference = library.SentenceTransformer(str(folder), device="cpu")
    asked = ["heart attack", "myocardial infarction", "sleepy", "a longer name of three words"]
    np.testing.assert_allclose(encoder.encode(asked), reference.encode(asked), atol=1e-5)


def test_a_fingerprint_is_of_weights_tokenizer_and_reading(tiny_encoder, tmp_path):
    one = TextEncoder.load(settings(tiny_encoder))
    before = one.fingerprint
    others = [
        TextEncoder.load(settings(tiny_encoder, pooling="cls")),
        TextEncoder.load(settings(tiny_encoder, max_tokens=9)),
        TextEncoder.load(settings(tiny_encoder, template="mention_context")),
        TextEncoder.load(settings(save_encoder(tmp_path, "bert", TEXTS, seed=5))),
    ]
    assert len({before, *(other.fingerprint for other in others)}) == 5
    next(one.model.parameters()).data[0, 0] += 1
    assert one.fingerprint != before


def test_gradients_reach_the_encoder(tiny_encoder):
    encoder = TextEncoder.load(settings(tiny_encoder))
    encoder.pool(encoder.batch(encoder.tokens(TEXTS[:3]))).sum().backward()
    assert encoder.model.get_input_embeddings().weight.grad.abs().sum() > 0


def test_pooling_as_the_folder_says(tmp_path):
    path = tmp_path / "1_Pooling" / "config.json"
    assert stated_pooling(str(tmp_path)) == "mean"
    for stated, expected in (
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_mean_tokens": True, "include_prompt": True}, "mean"),
        ({"pooling_mode": "cls", "include_prompt": True}, "cls"),
    ):
        write_json(path, stated)
        assert stated_pooling(str(tmp_path)) == expected
    for stated in ({"pooling_mode_max_tokens": True}, {"pooling_mode": "lasttoken"}, [1]):
        write_json(path, stated)
        with pytest.raises(ArtifactError, match="1_Pooling"):
            stated_pooling(str(tmp_path))


def test_the_saved_folder_is_of_the_usual_layout(tmp_path, encoder):
    encoder.save(tmp_path / "saved")
    names = {str(path.relative_to(tmp_path / "saved")) for path in (tmp_path / "saved").rglob("*")}
    assert {"config.json", "model.safetensors", "tokenizer.json", "modules.json"} <= names
    assert read_json(tmp_path / "saved" / "modules.json")[1]["path"] == "1_Pooling"
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl"))]
