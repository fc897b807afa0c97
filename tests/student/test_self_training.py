"""A student that learns from its own labels: what it gains, what it may not see, how it resumes."""

import json

import pytest
import torch

from decoct.errors import ConfigError
from decoct.evaluation.evaluate import evaluate
from decoct.progress import Silent
from decoct.student.fit import fit
from decoct.student.pseudo_labels import SelfTrainingSettings
from decoct.student.self_training import self_train
from decoct.tasks.base import get_task
from fakes.drugs import corpus
from fakes.students import learn, quick

TASK = get_task("ade")
SILVER = corpus(100, seed=3)
TAUGHT = {document.text for document in SILVER}
POOL = [document.bare() for document in corpus(240, seed=4, prefix="u")]
FRESH = {document.text for document in POOL} - TAUGHT
GOLD = [d for d in corpus(150, seed=9, prefix="g") if d.text not in TAUGHT]
LONGER = {"epochs": 18, "patience": 0}  # until a student is sure of something
SURE = SelfTrainingSettings(min_confidence=0.8)
# also of a student that has learnt little
ANY = SelfTrainingSettings(min_confidence=0, max_documents=30)


class Recording:
    """Fits as ever, and remembers what it was given."""

    def __init__(self):
        self.extra = []

    def __call__(self, *arguments, extra, **more):
        self.extra.append(extra)
        return fit(*arguments, extra=extra, **more)


class Interrupting(Silent):
    def __init__(self, word):
        self.word = word

    def note(self, message):
        if message.startswith(self.word):
            raise KeyboardInterrupt


def train(encoder, self_training=SURE, pool=POOL, silver=SILVER, **more):
    changes = more.pop("changes", {})
    return self_train(silver, lambda: pool, TASK, quick(encoder, **changes), self_training, **more)


def strict_f1(student):
    predicted = list(student.extract([document.bare() for document in GOLD]))
    return evaluate(GOLD, predicted).to_dict()["relations"]["offsets"]["strict"]["f1"]["value"]


def weights(fitted):
    return fitted.student.model.state_dict()


def same(one, other):
    return all(torch.equal(tensor, weights(other)[name]) for name, tensor in weights(one).items())


@pytest.mark.slow
def test_a_student_gains_from_what_it_labelled(encoders):
    changes = {**LONGER, "dev_share": 0.25}
    alone = learn(SILVER, encoders("bert"), **changes)
    both = train(encoders("bert"), changes=changes)
    assert both.student.card.training["rounds"][1]["documents"] > 50
    assert strict_f1(both.student) > strict_f1(alone.student)


@pytest.mark.slow
def test_nothing_is_learnt_twice_or_from_the_dev_part(encoders):
    pool = [*SILVER[:30], *POOL[:100], *POOL[:50], POOL[0].model_copy(update={"text": "  "})]
    recording = Recording()
    exclude = {document.text for document in POOL[20:40]}
    train(
        encoders("bert"),
        SURE.model_copy(update={"rounds": 2, "max_empty_share": 0.9}),
        pool,
        fit=recording,
        exclude_texts=exclude,
        changes=LONGER,
    )
    assert len(recording.extra) == 3
    for extra in recording.extra[1:]:
        texts = [document.text for document in extra]
        assert len(texts) > 20
        assert len(set(texts)) == len(texts)
        assert not set(texts) & (TAUGHT | exclude | {"  "})


def test_fit_drops_extra_documents_of_the_dev_part(encoders):
    settings = quick(encoders("bert"), epochs=1)
    alone = fit(SILVER, TASK, settings)
    with_all = fit(SILVER, TASK, settings, extra=SILVER)
    assert with_all.n_dev == alone.n_dev
    assert with_all.n_train == alone.n_train
    assert with_all.student.card.training["extra_documents"] == len(SILVER) - alone.n_dev
    assert not same(alone, with_all)


@pytest.mark.slow
def test_rounds_are_recorded(encoders):
    settings = SelfTrainingSettings(rounds=2, min_confidence=0.8, max_documents=15)
    recording = Recording()
    fitted = train(encoders("bert"), settings, fit=recording, changes=LONGER)
    training = fitted.student.card.training
    assert [entry["round"] for entry in training["rounds"]] == [0, 1, 2]
    assert [entry["documents"] for entry in training["rounds"]] == [0, 15, 15]
    assert [entry["empty"] for entry in training["rounds"]] == [
        sum(not document.relations for document in extra) for extra in recording.extra
    ]
    assert training["rounds"][2]["best_dev_f1"] == training["best_dev_f1"]
    assert training["self_training"]["unlabeled"] == len(FRESH)
    json.dumps(training)
    first, second = ({d.text for d in extra} for extra in recording.extra[1:])
    assert first != second, "lots are drawn anew"


def test_where_nothing_is_sure_enough_it_ends_with_silver_alone(encoders):
    settings = SelfTrainingSettings(rounds=3, min_confidence=1.0)
    recording = Recording()
    fitted = train(encoders("bert"), settings, fit=recording, changes={"epochs": 1})
    assert recording.extra == [()]
    assert same(fitted, learn(SILVER, encoders("bert"), epochs=1))
    assert [entry["round"] for entry in fitted.student.card.training["rounds"]] == [0]


class Notes(Silent):
    def __init__(self):
        self.kept = []

    def note(self, message):
        self.kept.append(message)


@pytest.mark.parametrize(("min_confidence", "kept"), [(0.9, False), (0, True)])
def test_one_in_which_something_is_nearly_found_is_not_sure(encoders, min_confidence, kept):
    """A student that is not to mark what it sees finds nothing; one that dares finds it."""
    notes = Notes()
    train(
        encoders("bert"),
        SelfTrainingSettings(min_confidence=min_confidence),
        changes={"epochs": 6, "subject_threshold": 0.99999},
        progress=notes,
    )
    (note,) = (note for note in notes.kept if note.startswith("round 1: sure of"))
    n_sure = int(note.split()[4])
    assert kept == (n_sure > 0)


@pytest.fixture(scope="module")
def whole(encoders):
    """What comes of a run that nobody interrupts."""
    fitted = train(encoders("bert"), ANY, changes={"epochs": 6})
    assert fitted.student.card.training["rounds"][1]["documents"] > 9
    return fitted


@pytest.mark.slow
@pytest.mark.parametrize("words", [["epoch 2"], ["round 1: sure of"], ["round 1: ", "epoch 2"]])
def test_an_interrupted_run_goes_on_to_the_same_student(encoders, tmp_path, whole, words):
    more = {"changes": {"epochs": 6}, "checkpoints": tmp_path}
    for word in words:
        with pytest.raises(KeyboardInterrupt):
            train(encoders("bert"), ANY, progress=Interrupting(word), **more)
    again = train(encoders("bert"), ANY, **more)
    assert same(again, whole)
    assert again.student.card.training["rounds"] == whole.student.card.training["rounds"]


@pytest.mark.slow
def test_what_was_chosen_is_kept_and_read(encoders, tmp_path):
    read = []

    def pool():
        read.append(1)
        return POOL

    def run(**changes):
        read.clear()
        recording = Recording()
        self_train(
            SILVER,
            pool,
            TASK,
            quick(encoders("bert"), epochs=6, **changes),
            ANY,
            fit=recording,
            checkpoints=tmp_path,
        )
        return recording.extra[1], len(read)

    chosen, n_reads = run()
    assert n_reads == 2, "once to look, once to label"
    lines = (tmp_path / "round-0" / "labels.jsonl").read_text().splitlines()
    assert len(lines) == len(chosen) > 9
    assert run() == (chosen, 1), "labelled before"
    (tmp_path / "round-0" / "labels.jsonl").write_text("\n".join(lines[:-1]))
    assert run() == (chosen, 2), "broken off: labelled again"
    other, n_reads = run(seed=14)
    assert n_reads == 2, "of another student"
    assert other != chosen


def test_nothing_unlabeled_is_an_error_before_training(encoders, tmp_path):
    recording = Recording()
    for pool in ([], SILVER):
        with pytest.raises(ConfigError, match="no unlabeled document"):
            train(tmp_path / "no encoder", SURE, pool, fit=recording)
    assert recording.extra == []
