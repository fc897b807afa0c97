"""A synthetic task is learnt; seeds, resuming and stopping hold for real students."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from decoct.errors import ConfigError
from decoct.evaluation.counts import count_spans
from decoct.evaluation.evaluate import evaluate
from decoct.progress import Silent
from decoct.records import Document, Relation, Span
from decoct.student.calibrate import at_temperature, calibrate, uncalibrated
from decoct.student.examples import split_dev
from decoct.student.fit import fit
from decoct.student.settings import StudentSettings
from decoct.student.student import Student
from decoct.student.torch_student import TorchStudent
from decoct.tasks.base import RelationType, get_task
from fakes.drugs import DRUGS, EFFECTS, corpus, sentence
from fakes.encoders import FAMILIES, save_encoder
from fakes.students import SILVER, learn, quick

SMALL = corpus(40)
HELD_OUT = [d for d in corpus(150, seed=9, prefix="g") if d.text not in {s.text for s in SILVER}]


class Interrupting(Silent):
    def __init__(self, at_note):
        self.left = at_note

    def note(self, message):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def state(result):
    return result.student.model.state_dict()


def same(one, other):
    return all(torch.equal(state(one)[name], state(other)[name]) for name in state(one))


def untimed(result):
    return [{k: v for k, v in entry.items() if k != "seconds"} for entry in result.training.history]


def test_a_known_task_is_learnt(student):
    predicted = list(student.extract([document.bare() for document in HELD_OUT]))
    score = evaluate(HELD_OUT, predicted).to_dict()["relations"]["offsets"]["strict"]
    assert score["n_gold"] > 100
    assert score["f1"]["value"] >= 0.9, score


def test_each_drug_gets_its_own_effect(student):
    right = total = 0
    for first, second in pairwise(DRUGS):
        gold = sentence(3, (first, second, EFFECTS[0], EFFECTS[1]), "d")
        found = student.extract(gold.bare())
        total += 2
        right += len(
            {(s.text, o.text) for _, s, o in found.pairs()}
            & {(first, EFFECTS[0]), (second, EFFECTS[1])}
        )
        assert len(found.relations) <= 3
    assert right / total >= 0.9


def test_the_subject_decides(student):
    """The same text, with one or the other drug given: only the condition differs."""
    gold = sentence(1, (DRUGS[0], DRUGS[1], EFFECTS[0], EFFECTS[1]), "d")
    by_drug = {}
    for span in gold.spans[:2]:
        given = Document(id="d", text=gold.text, spans=[span])
        found = student.extract(given, given_subjects=True)
        by_drug[span.text] = [o.text for _, _, o in found.pairs()]
    assert by_drug == {DRUGS[0]: [], DRUGS[1]: [EFFECTS[0]]}


def test_the_report_of_a_fit(fitted):
    assert fitted.n_train + fitted.n_dev == len(SILVER)
    assert fitted.n_dev >= 1
    assert fitted.unexpressed == {}
    training = fitted.student.card.training
    assert training["best_epoch"] == fitted.training.best_epoch
    assert fitted.student.card.silver["documents"] == len(SILVER)
    assert not fitted.student.model.training


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_of_encoder_trains_saves_loads_and_predicts(encoders, tmp_path, family):
    trained = learn(SMALL, encoders(family), epochs=1, subject_threshold=0.05).student
    trained.save_pretrained(tmp_path)
    loaded = Student.from_pretrained(tmp_path, device="cpu")
    texts = [document.text for document in SMALL]
    assert list(loaded.extract(texts)) == list(trained.extract(texts))
    assert loaded.fingerprint == trained.fingerprint
    assert any(document.spans for document in loaded.extract(texts)), "an idle comparison"
    assert loaded.extract("zorafen caused rash and " * 100).text  # more than one window


def test_half_precision_survives_saving(encoders, tmp_path):
    trained = learn(SMALL, encoders("bert"), epochs=2, precision="bf16", subject_threshold=0.05)
    assert trained.training.bf16
    trained.student.save_pretrained(tmp_path)
    loaded = Student.from_pretrained(tmp_path, device="cpu")
    texts = [document.text for document in SMALL]
    assert list(loaded.extract(texts)) == list(trained.student.extract(texts))
    assert all(weight.dtype == torch.float32 for weight in loaded.model.parameters())


def test_seeds(encoders):
    one, again, other = (learn(SMALL, encoders("bert"), epochs=1, seed=n) for n in (1, 1, 2))
    assert same(one, again)
    assert untimed(one) == untimed(again)
    assert not same(one, other)


def test_an_interrupted_fit_goes_on_and_ends_the_same(encoders, tmp_path):
    settings, task = quick(encoders("bert"), epochs=2), get_task("ade")
    whole = fit(SMALL, task, settings)
    with pytest.raises(KeyboardInterrupt):
        fit(SMALL, task, settings, progress=Interrupting(1), checkpoints=tmp_path)
    resumed = fit(SMALL, task, settings, checkpoints=tmp_path)
    assert resumed.training.resumed_at == 1
    assert same(whole, resumed)
    assert untimed(whole) == untimed(resumed)


# finds enough to be calibrated by, though it has hardly learnt
EAGER = {"epochs": 2, "dev_share": 0.5, "subject_threshold": 0.05, "object_threshold": 0.05}


def links(document):
    return [(r.label, r.subject, r.object) for r in document.relations]


def sure(documents):
    return [relation.confidence for document in documents for relation in document.relations]


def test_a_student_is_calibrated_on_the_dev_part(fitted):
    student = fitted.student
    raw = TorchStudent(student.model, student.tokenizer, uncalibrated(student.card), "cpu")
    settings = student.card.settings
    _, dev_part = split_dev(SILVER, settings.dev_share, settings.seed)
    found = student.card.calibration
    assert found == calibrate(dev_part, list(raw.extract(dev_part)))
    assert found.temperature != 1
    before, after = list(raw.extract(HELD_OUT)), list(student.extract(HELD_OUT))
    assert sure(after) == at_temperature(sure(before), found.temperature).tolist()
    assert sure(after) != sure(before)


@pytest.mark.slow
def test_calibrating_changes_nothing_but_confidences(fitted, encoders):
    off = learn(SILVER, encoders("bert"), calibrate=False)
    assert same(fitted, off)
    assert off.student.card.calibration.temperature == fitted.student.card.calibration.temperature
    ours, theirs = list(fitted.student.extract(HELD_OUT)), list(off.student.extract(HELD_OUT))
    assert [one.spans for one in ours] == [one.spans for one in theirs]
    assert [links(one) for one in ours] == [links(one) for one in theirs]
    # the order too, but for ties
    ranked = [one for _, one in sorted(zip(sure(theirs), sure(ours), strict=True))]
    assert ranked == sorted(ranked)


def test_a_dev_part_with_few_relations_calibrates_nothing(encoders):
    """Also where a threshold was to be tuned by it."""
    less = {"dev_share": 0.05, "subject_threshold": 0.1, "object_threshold": 0.1}
    tuned = learn(SMALL, encoders("bert"), **EAGER | less, tune_threshold=True)
    assert tuned.student.card.calibration is None
    raw = uncalibrated(tuned.student.card)
    other = TorchStudent(tuned.student.model, tuned.student.tokenizer, raw, "cpu")
    found = list(tuned.student.extract(SMALL))
    assert sure(found), "an idle comparison"
    assert found == list(other.extract(SMALL))


@pytest.mark.slow
def test_a_tuned_threshold_leaves_out_what_is_below_it(encoders):
    half = {"epochs": 5, "dev_share": 0.4}  # learnt
    plain, tuned = (
        learn(SILVER, encoders("bert"), **half, tune_threshold=tune) for tune in (False, True)
    )
    assert same(plain, tuned)
    assert tuned.student.card.calibration == plain.student.card.calibration
    # one that cuts, whatever the dev part of this student says
    threshold = float(np.median(sure(list(plain.student.extract(HELD_OUT)))))
    moved = tuned.student.card.calibration.model_copy(update={"threshold": threshold})
    card = tuned.student.card.model_copy(update={"calibration": moved})
    cutting = TorchStudent(tuned.student.model, tuned.student.tokenizer, card, "cpu")
    everything, rest = (list(one.extract(HELD_OUT)) for one in (plain.student, cutting))
    assert min(sure(everything)) < threshold <= min(sure(rest))
    assert sure(rest) == [one for one in sure(everything) if one >= threshold]
    for before, after in zip(everything, rest, strict=True):
        objects = {target.id for _, _, target in after.pairs()}
        assert {span.id for span in after.spans if span.label == "AdverseEffect"} == objects
        drugs = [
            [(s.start, s.end) for s in one.spans if s.label == "Drug"] for one in (before, after)
        ]
        assert drugs[0] == drugs[1]


def test_training_does_not_see_what_is_done_to_confidences(encoders, tmp_path):
    """So a run that is resumed with other such settings goes on, and is calibrated the same."""
    task = get_task("ade")
    whole = fit(SMALL, task, quick(encoders("bert"), **EAGER))
    with pytest.raises(KeyboardInterrupt):
        fit(
            SMALL,
            task,
            quick(encoders("bert"), **EAGER),
            progress=Interrupting(1),
            checkpoints=tmp_path,
        )
    settings = quick(encoders("bert"), **EAGER, relation_threshold=0.6)
    resumed = fit(SMALL, task, settings, checkpoints=tmp_path)
    assert resumed.training.resumed_at == 1
    assert same(whole, resumed)
    assert untimed(whole) == untimed(resumed)
    assert resumed.student.card.calibration == whole.student.card.calibration is not None


class OtherLabels:
    """The same relations under another task's name."""

    name = "other"
    tagged = ("Drug",)
    relation_types = (RelationType("ADE", "Drug", "Effect"),)
    exclusive = True
    threshold = 0.5


@pytest.mark.parametrize("what", ["seed", "data", "task", "encoder"])
def test_a_checkpoint_of_another_fit_is_not_resumed(encoders, tmp_path, what):
    folder = save_encoder(tmp_path / "encoder", "bert", [d.text for d in SMALL], seed=1)
    at = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        fit(
            SMALL,
            get_task("ade"),
            quick(folder, epochs=1),
            progress=Interrupting(1),
            checkpoints=at,
        )
    if what == "encoder":  # of the same name
        save_encoder(folder, "bert", [d.text for d in SMALL], seed=2)
    result = fit(
        SMALL[:-1] if what == "data" else SMALL,
        OtherLabels() if what == "task" else get_task("ade"),
        quick(folder, epochs=1, seed=7 if what == "seed" else 13),
        checkpoints=at,
    )
    assert result.training.resumed_at == 0


def without_relations(document):
    return Document(id=document.id, text=document.text)


@pytest.mark.parametrize(
    "silver",
    [
        [],
        SMALL[:1],
        [SMALL[0], SMALL[0].model_copy(update={"id": "again"})],
        [without_relations(document) for document in SMALL],
    ],
    ids=["none", "one", "one-text", "no-relations"],
)
def test_too_little_silver_is_an_error(encoders, silver):
    with pytest.raises(ConfigError, match="too few to learn from"):
        learn(silver, encoders("bert"))


def test_silver_of_another_task_is_an_error(encoders):
    text = "BRCA1 is linked to cancer"
    spans = [
        Span(id="T1", start=0, end=5, label="Gene", text="BRCA1"),
        Span(id="T2", start=19, end=25, label="Disease", text="cancer"),
    ]
    relations = [Relation(label="GAD", subject="T1", object="T2")]
    silver = [
        Document(id=f"d{n}", text=f"{text} {n}", spans=spans, relations=relations) for n in range(9)
    ]
    with pytest.raises(ConfigError, match="0 relations of task ade"):
        learn(silver, encoders("bert"))


def test_a_part_without_words_to_learn_from_is_an_error(encoders):
    blank = [Document(id=f"b{n}", text=" " * n) for n in range(1, 40)]
    silver = [SMALL[0], *blank]
    seed = next(n for n in range(100) if SMALL[0] in split_dev(silver, 0.1, n)[1])
    with pytest.raises(ConfigError, match="too few to learn from"):
        learn(silver, encoders("bert"), epochs=1, seed=seed)


def test_documents_without_annotations_are_learnt_from(encoders):
    result = learn(
        [*SMALL, Document(id="plain", text="Nothing here .")], encoders("bert"), epochs=1
    )
    assert result.n_train + result.n_dev == len(SMALL) + 1


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused(encoders, seed):
    with pytest.raises(ValueError, match="seed"):
        quick(encoders("bert"), seed=seed)


@pytest.mark.slow
def test_a_task_of_spans_alone(encoders, tmp_path):
    """Trained, saved, loaded: its own head and threshold, unless another is asked for."""
    file = tmp_path / "task.toml"
    file.write_text(
        'name = "names"\nthreshold = 0.2\n[entities]\nDrug = ""\nAdverseEffect = ""\n', "utf-8"
    )
    task = get_task(str(file))
    settings = StudentSettings(encoder=str(encoders("bert")), epochs=12, learning_rate=3e-3)
    silver = [one.model_copy(update={"relations": ()}) for one in SILVER]
    student = fit(silver, task, settings).student
    assert student.card.settings.head == "token"
    assert student.card.settings.subject_threshold == 0.2
    student.save_pretrained(tmp_path / "student")
    again = Student.from_pretrained(tmp_path / "student")
    found = list(again.extract(silver))
    assert found == list(student.extract(silver))
    counts = count_spans(silver, found, match="strict", by="offsets")
    assert counts.correct_gold.sum() > 0.9 * counts.gold.sum()
    marks = [sorted((s.start, s.end) for s in document.spans) for document in found]
    assert all(a[1] <= b[0] for one in marks for a, b in pairwise(one))  # exclusive
    own = settings.model_copy(update={"subject_threshold": 0.4})
    own = StudentSettings.model_validate({**own.model_dump(), "epochs": 1})
    assert fit(silver, task, own).student.card.settings.subject_threshold == 0.4
    with pytest.raises(ConfigError, match="0 spans of task names"):
        fit([one.bare() for one in silver], task, settings)
    with pytest.raises(ConfigError, match="'token' finds no relations"):
        fit(SILVER, get_task("ade"), StudentSettings(encoder=settings.encoder, head="token"))


def test_who_learnt_from_sentences_reads_sentences(encoders):
    """A paragraph gives what its sentences give alone, at their places."""
    student = learn(SILVER, encoders("bert")).student
    assert student.card.settings.unit == "sentence"
    sentences = [one.text for one in HELD_OUT[:12]]
    paragraph = " ".join(text[0].upper() + text[1:] for text in sentences)
    alone = [text[0].upper() + text[1:] for text in sentences]
    found = student.extract(paragraph)
    wanted, offset = [], 0
    for text in alone:
        wanted += [
            (one.start + offset, one.end + offset, one.label) for one in student.extract(text).spans
        ]
        offset += len(text) + 1
    assert len(wanted) > 12
    assert [(one.start, one.end, one.label) for one in found.spans] == wanted


@pytest.mark.parametrize(("share", "unit"), [(0.9, "sentence"), (0.5, "document")])
def test_the_natural_unit_is_that_of_the_silver(encoders, share, unit):
    n = round(share * len(SMALL))
    texts = [f"Nothing was given {at}. It was seen." for at in range(len(SMALL) - n)]
    longer = [Document(id=f"long{at}", text=text) for at, text in enumerate(texts)]
    settings = StudentSettings(encoder=str(encoders("bert")), epochs=1)
    task = get_task("ade")
    assert fit([*SMALL[:n], *longer], task, settings).student.card.settings.unit == unit
    own = StudentSettings(encoder=str(encoders("bert")), epochs=1, unit="document")
    assert fit(SMALL[:n], task, own).student.card.settings.unit == "document"
