"""A known task is learnt; windows, markers, weights, doubt, resuming and the folder hold."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModel

from decoct.errors import ArtifactError, ConfigError
from decoct.evaluation.labels import evaluate_labels
from decoct.progress import Silent
from decoct.student.classifier.calibrate import at_temperature, calibrate, fit_temperature
from decoct.student.classifier.classifier import Classifier
from decoct.student.classifier.doubt import doubt_labels
from decoct.student.classifier.examples import make_examples, target_of
from decoct.student.classifier.settings import ClassifierCard, ClassifierSettings
from decoct.student.classifier.split import split_labelled
from decoct.student.silver import document_weight
from fakes.labelled import ONE, PAIR, Labels, pairs, relabelled, texts

GOLD = texts(60, seed=1, prefix="g")


def accuracy(fitted, gold):
    return evaluate_labels(gold, list(fitted.student.extract(gold)), n_resamples=5).accuracy.value


def labels_of(documents):
    return [(one.id, one.label, one.meta["probabilities"]) for one in documents]


def test_a_known_task_is_learnt_and_says_how_sure_it_is(fitted):
    assert accuracy(fitted, GOLD) >= 0.95
    found = fitted.student.extract(GOLD[0])
    assert found.source == "predicted"
    assert sum(found.meta["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert found.meta["confidence"] == max(found.meta["probabilities"].values())
    assert "model" not in found.meta  # the teacher's
    card = fitted.student.card
    assert card.training["train_documents"] + card.training["dev_documents"] == 120
    assert fitted.student.extract("the patient improved").label == "better"


def test_a_folder_gives_the_same_and_is_an_encoder_too(fitted, tmp_path):
    fitted.student.save_pretrained(tmp_path)
    loaded = Classifier.from_pretrained(tmp_path)
    assert labels_of(loaded.extract(GOLD)) == labels_of(fitted.student.extract(GOLD))
    assert loaded.fingerprint == fitted.student.fingerprint
    assert loaded.card == fitted.student.card
    encoder = AutoModel.from_pretrained(tmp_path)
    weight = encoder.state_dict()["embeddings.word_embeddings.weight"]
    own = fitted.student.model.encoder.get_input_embeddings().weight
    assert torch.equal(weight, own.detach().cpu())
    assert "task `course`" in (tmp_path / "README.md").read_text(encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(ArtifactError, match="can't be read"):
        Classifier.from_pretrained(tmp_path)
    with pytest.raises(ArtifactError, match="no such student folder"):
        Classifier.from_pretrained(tmp_path / "nowhere")


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["attention", "mean", "max"])
def test_what_decides_may_stand_in_any_window(learn, pooling):
    fitted = learn(pairs(160, 40), PAIR, window_pooling=pooling, epochs=6)
    assert fitted.student.card.training["documents_in_windows"] > 100
    assert accuracy(fitted, pairs(40, 40, seed=2, prefix="g")) >= 0.8


def test_many_windows_at_once_are_the_same_as_few(fitted, monkeypatch):
    found = labels_of(fitted.student.extract(GOLD))
    monkeypatch.setattr("decoct.student.classifier.predict._MAX_WINDOWS", 1)
    alone = labels_of(fitted.student.extract(GOLD))
    for (_, label, probs), (_, other, other_probs) in zip(found, alone, strict=True):
        assert label == other
        assert list(probs.values()) == pytest.approx(list(other_probs.values()), abs=2e-3)


def test_markers_are_tokens_whose_embeddings_are_learnt(learn, encoder, tmp_path):
    marked = [one.model_copy(update={"text": f"@GENE$ {one.text}"}) for one in texts(40)]
    fitted = learn(marked, epochs=1, freeze_embeddings=True, learning_rate=1e-4)
    student = fitted.student
    assert student.card.markers == ("@GENE$",)
    assert "@GENE$" in student.tokenizer.encode("an @GENE$ there").tokens
    row = student.model.marker_ids[0]
    table = student.model.encoder.get_input_embeddings().weight
    shreds = AutoModel.from_pretrained(encoder).get_input_embeddings().weight
    assert torch.equal(table[: len(shreds)], shreds)  # frozen
    assert torch.equal(table[row], student.model.markers[0])
    pieces = Tokenizer.from_file(str(encoder / "tokenizer.json")).encode(
        "@GENE$", add_special_tokens=False
    )
    began = shreds[pieces.ids].mean(dim=0)
    assert not torch.equal(table[row], began)
    assert (table[row] - began).norm() < 0.5 * began.norm()
    student.save_pretrained(tmp_path)
    loaded = Classifier.from_pretrained(tmp_path)
    assert labels_of(loaded.extract(marked)) == labels_of(student.extract(marked))
    assert learn(marked, epochs=1, markers=[]).student.card.markers == ()


class Interrupting(Silent):
    def __init__(self, at_note):
        self.left = at_note

    def note(self, message):
        self.left -= "epoch" in message
        if not self.left:
            raise KeyboardInterrupt


def test_a_resumed_run_is_the_same_as_a_whole_one(learn, fitted, tmp_path):
    small = texts(40)
    whole = learn(small, epochs=3)
    with pytest.raises(KeyboardInterrupt):
        learn(small, epochs=3, checkpoints=tmp_path, progress=Interrupting(2))
    resumed = learn(small, epochs=3, checkpoints=tmp_path)
    assert resumed.training.resumed_at == 2
    one, other = whole.student.model.state_dict(), resumed.student.model.state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("family", ["roberta", "mpnet", "distilbert", "deberta-v2", "gpt2"])
def test_encoders_of_other_families(learn, encoder_of, family):
    fitted = learn(pairs(12, 30), PAIR, folder=encoder_of(family), epochs=1)
    assert len(labels_of(fitted.student.extract(pairs(3, 30, seed=5)))) == 3


def card(**settings):
    return ClassifierCard(
        task="t", labels=ONE.labels, positive="better", settings=ClassifierSettings(**settings)
    )


def test_what_is_learnt_of_a_confidence(fitted):
    sure = texts(1, confidence=0.7)[0].model_copy(update={"label": "worse"})
    assert target_of(sure, card(confidence="weigh")).tolist() == [0.0, 1.0]
    assert target_of(sure, card(confidence="soft")) == pytest.approx([0.3, 0.7])
    voted = sure.model_copy(update={"meta": {"probabilities": {"better": 0.4, "worse": 0.6}}})
    assert target_of(voted, card(confidence="soft")) == pytest.approx([0.4, 0.6])
    assert target_of(sure, card(label_smoothing=0.2)) == pytest.approx([0.1, 0.9])
    windows = fitted.student._reader.tokenizer
    weights = [one.weight for one in make_examples([sure], windows, card()).items]
    assert weights == pytest.approx([0.7])
    three = [texts(1)[0].model_copy(update={"label": one}) for one in ("better", "worse", "worse")]
    balanced = make_examples(three, windows, card(balance=True))
    assert [one.weight for one in balanced.items] == pytest.approx([1.5, 0.75, 0.75])
    with pytest.raises(ConfigError, match="must be a number from 0 to 1, got 'high'"):
        make_examples(texts(1, confidence="high"), windows, card())


def test_labels_that_others_contradict_are_doubted():
    silver = [one.model_copy(update={"label": "better"}) for one in texts(10)]
    silver = [silver[0].model_copy(update={"label": "worse"}), *silver[1:]]
    others = [one.model_copy(update={"label": "worse"}) for one in texts(10, seed=3, prefix="w")]
    silver += others

    def judge(learnt, asked):
        assert not {one.text for one in learnt} & {one.text for one in asked}
        assert all(one.label is None for one in asked)
        better = {one.id for one in silver if one.id.startswith("s")}
        return [
            one.model_copy(
                update={
                    "meta": {
                        "probabilities": (
                            {"better": 0.9, "worse": 0.1}
                            if one.id in better
                            else {"better": 0.1, "worse": 0.9}
                        )
                    }
                }
            )
            for one in asked
        ]

    dropped = doubt_labels(silver, ClassifierSettings(doubt="drop"), judge, Silent())
    assert [one.id for one in silver if one not in dropped] == ["s0"]
    weighed = doubt_labels(silver, ClassifierSettings(doubt="weigh"), judge, Silent())
    assert [one.id for one in weighed if document_weight(one) < 1] == ["s0"]
    assert document_weight(weighed[0]) == 0.2


def test_doubt_pays_where_labels_are_noisy(learn):
    noisy = relabelled(texts(160), 0.15)
    fitted = learn(noisy, doubt="drop", doubt_folds=2)
    assert fitted.n_train + fitted.n_dev < 160
    assert accuracy(fitted, GOLD) >= 0.8


def test_a_temperature_is_found():
    rng = np.random.default_rng(3)
    true = rng.dirichlet([1, 1, 1], size=4000)
    right = np.array([rng.choice(3, p=row) for row in true])
    hot = at_temperature(true, 0.5)  # twice too sure
    assert fit_temperature(hot, right) == pytest.approx(2.0, abs=0.15)
    assert fit_temperature(np.full((5, 3), 1 / 3), right[:5]) == 1.0
    labels = [("a", "b", "c")[place] for place in right]
    told = ClassifierCard(task="t", labels=("a", "b", "c"), settings=ClassifierSettings())
    found = calibrate(hot, labels, told)
    assert found.ece_after < 0.03 < found.ece_before
    assert found.threshold is None
    assert calibrate(hot[:5], labels[:5], told) is None


def test_a_threshold_decides_between_two_classes(fitted, learn):
    every = learn(texts(40), epochs=1, threshold=0.0001)
    assert {one.label for one in every.student.extract(GOLD)} == {"better"}
    tuned = learn(relabelled(texts(80), 0.1), epochs=2, dev_share=0.4, tune_threshold=True)
    assert 0 < tuned.student.card.calibration.threshold < 1
    assert accuracy(tuned, GOLD) > 0.5
    with pytest.raises(ValueError, match="exclude one another"):
        ClassifierSettings(threshold=0.3, tune_threshold=True)


def test_the_dev_part_has_each_label_and_no_text_twice():
    silver = texts(50) + texts(50)
    train, dev = split_labelled(silver, 0.2, 13)
    assert not {one.text for one in train} & {one.text for one in dev}
    assert {one.label for one in dev} == {"better", "worse"}
    assert len(train) + len(dev) == 100
    assert split_labelled(silver, 0.2, 13) == (train, dev)


def test_silver_that_nothing_can_be_learnt_from(learn):
    same = [one.model_copy(update={"label": "better"}) for one in texts(5)]
    with pytest.raises(ConfigError, match="5 silver documents with 1 of the 2 labels of task cour"):
        learn(same)
    mixed = [*texts(20), texts(1, prefix="x")[0].model_copy(update={"label": "other"})]
    assert learn(mixed, epochs=1).unexpressed == {"other_label": 1}
    with pytest.raises(ConfigError, match=r"meta\.premise must hold"):
        learn(texts(20), PAIR)
    with pytest.raises(ValueError, match="none of the labels"):
        learn(texts(20), Labels("t", positive="good"))


def test_subjects_are_not_for_classifiers(fitted):
    with pytest.raises(ConfigError, match="has no subjects"):
        fitted.student.extract("text", given_subjects=True)
