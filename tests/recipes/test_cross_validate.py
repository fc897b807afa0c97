"""Cross-validation: each fold by a student that has not seen it, once, whoever asks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from decoct.errors import ConfigError, EvaluationError, StoreError
from decoct.evaluation.evaluate import evaluate
from decoct.evaluation.folds import Folding, split_fold
from decoct.formats.base import read
from decoct.formats.jsonl import write_jsonl
from decoct.progress import Silent
from decoct.recipes.cross_validate import cross_validate
from decoct.records import Document
from decoct.student.fit import fit
from decoct.student.pseudo_labels import SelfTrainingSettings
from decoct.tasks.base import get_task
from fakes.drugs import corpus
from fakes.students import quick

GOLD = [document.model_copy(update={"source": "gold"}) for document in corpus(45, prefix="g")]
FOLDING = Folding(3, 7)
FOLD_OF = FOLDING.assign(GOLD)


class Notes(Silent):
    """Keeps what it is told, and does something when it is told one thing."""

    def __init__(self, at="", then=lambda: None):
        self.said, self.at, self.then = [], at, then

    def note(self, message):
        self.said.append(message)
        if self.at and self.at in message:
            self.then()

    def began(self):
        """The folds that were trained."""
        return [line.split(" ")[1] for line in self.said if "to learn from" in line]


def interrupt():
    raise KeyboardInterrupt


@pytest.fixture(scope="module")
def settings(encoders):
    return quick(encoders("bert"), epochs=6, batch_size=8)


@pytest.fixture(scope="module")
def done(settings, tmp_path_factory):
    """A folder of finished folds that learnt from gold; to be left as it is."""
    out = tmp_path_factory.mktemp("cv") / "out"
    return out, cross_validate(GOLD, out, settings, folding=FOLDING)


def record(out: Path, fold: int):
    return json.loads((out / f"fold-{fold}.json").read_text())


def predictions(out: Path, fold: int) -> bytes:
    return (out / f"fold-{fold}.jsonl").read_bytes()


def test_each_document_is_annotated_by_a_student_of_the_other_folds(done, settings):
    out, _ = done
    for fold in range(3):
        split = split_fold(GOLD, None, FOLD_OF, fold)
        by_hand = fit(split.learn, get_task("ade"), settings).student.extract(
            [document.bare() for document in split.held_out]
        )
        found = read(out / f"fold-{fold}.jsonl")
        assert [(d.id, d.spans, d.relations) for d in found] == [
            (d.id, d.spans, d.relations) for d in by_hand
        ]
        assert record(out, fold)["n_learnt_from"] == len(split.learn)


def test_the_summary_is_that_of_all_predictions(done, settings):
    out, made = done
    whole = read(out / "predicted.jsonl")
    assert sorted(document.id for document in whole) == sorted(document.id for document in GOLD)
    by_hand = evaluate(GOLD, whole, seed=settings.seed)
    assert made.pooled.strict.f1 == by_hand.strict.f1
    written = json.loads((out / "cv.json").read_text())
    assert written == made.to_dict()
    assert written["folds"]["done"] == [0, 1, 2]
    assert written["settings"]["epochs"] == 6
    assert written["inputs"]["learnt_from"] == "gold"
    assert (out / "table.md").read_text() == made.to_markdown()
    assert not list(out.glob("*.checkpoint"))


def test_what_is_done_is_not_done_again(done, settings):
    out, made = done
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    notes = Notes()
    again = cross_validate(GOLD, out, settings, folding=FOLDING, progress=notes)
    assert again.to_dict() == made.to_dict()
    assert notes.began() == []
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_given_subjects_need_no_other_training(done, settings):
    out, made = done
    plain = (out / "cv.json").read_bytes()
    notes = Notes()
    given = cross_validate(
        GOLD, out, settings, folding=FOLDING, given_subjects=True, progress=notes
    )
    assert notes.began() == []
    assert given.pooled.span_labels["Drug"]["strict", "offsets"].recall.value == 1.0
    assert not made.pooled.strict.signature.endswith("|given:subjects")
    assert given.pooled.strict.signature.endswith("|given:subjects")
    assert json.loads((out / "cv.given.json").read_text()) == given.to_dict()
    assert (out / "cv.json").read_bytes() == plain


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["predictions", "record", "no predictions"])
def test_a_fold_that_is_not_whole_is_done_again(done, settings, tmp_path, broken):
    source, made = done
    out = tmp_path / "out"
    out.mkdir()
    for path in source.iterdir():
        (out / path.name).write_bytes(path.read_bytes())
    if broken == "predictions":
        (out / "fold-1.jsonl").write_bytes(predictions(out, 1)[:-20])
    elif broken == "record":
        (out / "fold-1.json").write_text('{"key": ')
    else:
        (out / "fold-1.given.jsonl").unlink()
    notes = Notes()
    again = cross_validate(GOLD, out, settings, folding=FOLDING, progress=notes)
    assert notes.began() == ["1"]
    assert again.pooled.to_dict() == made.pooled.to_dict()
    assert predictions(out, 1) == predictions(source, 1)


@pytest.mark.slow
def test_other_settings_or_data_are_done_anew(settings, tmp_path):
    out, folding = tmp_path / "out", Folding(2, 7)
    once = settings.model_copy(update={"epochs": 1})

    def began(gold=GOLD, settings=once, folding=folding, silver=None):
        notes = Notes()
        cross_validate(gold, out, settings, folding=folding, silver=silver, progress=notes)
        return notes.began()

    assert began() == ["0", "1"]
    assert began() == []
    assert began(settings=once.model_copy(update={"seed": 14})) == ["0", "1"]
    assert began(folding=Folding(2, 8)) == ["0", "1"]
    assert began(silver=GOLD) == ["0", "1"]
    assert began(silver=GOLD[:-1]) == ["0", "1"]
    changed = [*GOLD[:-1], GOLD[-1].bare()]
    assert began(gold=changed) == ["0", "1"]
    assert began(gold=changed) == []


@pytest.mark.slow
def test_some_folds_alone_are_said_to_be_some(settings, tmp_path):
    once = settings.model_copy(update={"epochs": 1})
    out, more = tmp_path / "out", {"folding": FOLDING}
    notes = Notes()
    some = cross_validate(GOLD, out, once, only_folds=[1], progress=notes, **more)
    assert notes.began() == ["1"]
    assert some.missing == (0, 2)
    assert json.loads((out / "cv.json").read_text())["folds"]["missing"] == [0, 2]
    assert "not done: fold 0, 2 of 3" in (out / "table.md").read_text()
    rest = cross_validate(GOLD, out, once, only_folds=[2, 0, 0], **more)
    assert rest.missing == ()
    whole = cross_validate(GOLD, tmp_path / "whole", once, **more)
    assert rest.pooled.to_dict() == whole.pooled.to_dict()


# Silver


def test_with_silver_no_gold_is_learnt_from(settings, tmp_path):
    """Other gold on the same texts changes the scores, and nothing that was predicted."""
    folding = Folding(2, 7)
    silver = [document.model_copy(update={"source": "silver"}) for document in GOLD]
    stripped = [GOLD[0], *(document.bare() for document in GOLD[1:])]
    for gold, name in ((GOLD, "full"), (stripped, "stripped")):
        cross_validate(gold, tmp_path / name, settings, silver=silver, folding=folding)
    for fold in range(2):
        assert predictions(tmp_path / "full", fold) == predictions(tmp_path / "stripped", fold)
    cross_validate(GOLD, tmp_path / "other", settings, silver=silver[:-9], folding=folding)
    assert any(
        predictions(tmp_path / "full", fold) != predictions(tmp_path / "other", fold)
        for fold in range(2)
    ), "what is learnt from does not show"


@pytest.mark.slow
def test_silver_of_a_held_out_text_is_not_learnt_from(settings, tmp_path):
    folding = Folding(2, 7)
    fold_of = folding.assign(GOLD)
    held_out = next(document for document in GOLD if fold_of[document.id] == 0)
    leaks = [
        Document(id="leak-1", text=held_out.text.upper()),
        Document(id="leak-2", text=f"\n{held_out.text.replace(' ', '  ')}"),
    ]
    extra = [Document(id=f"extra-{n}", text=f"Text {n} has no gold .") for n in range(3)]
    for name, silver in (("leaking", [*GOLD, *leaks, *extra]), ("clean", [*GOLD, *extra])):
        cross_validate(GOLD, tmp_path / name, settings, silver=silver, folding=folding)
    sizes = [sum(fold == number for fold in fold_of.values()) for number in range(2)]
    n_learnt = [record(tmp_path / "leaking", fold)["n_learnt_from"] for fold in range(2)]
    assert n_learnt == [sizes[1] + len(extra), sizes[0] + len(leaks) + len(extra)]
    same = [
        predictions(tmp_path / "leaking", fold) == predictions(tmp_path / "clean", fold)
        for fold in range(2)
    ]
    assert same == [True, False], "the leak is learnt from where its text is not held out alone"


# Other processes, and none


def test_a_fold_that_another_is_at_is_waited_for(settings, tmp_path):
    out, once = tmp_path / "out", settings.model_copy(update={"epochs": 1})
    out.mkdir()
    other = FileLock(out / "fold-1.lock")
    other.acquire()
    notes = Notes("waiting for other processes to do fold 1", other.release)
    made = cross_validate(GOLD, out, once, folding=FOLDING, progress=notes)
    assert notes.began() == ["0", "2", "1"]
    assert sum("waiting" in line for line in notes.said) == 1
    assert made.missing == ()


@pytest.mark.slow
def test_an_interrupted_fold_goes_on_at_its_epoch(done, settings, tmp_path):
    source, made = done
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        cross_validate(GOLD, out, settings, folding=FOLDING, progress=Notes("epoch 1: ", interrupt))
    assert not (out / "fold-0.json").exists()
    again = cross_validate(GOLD, out, settings, folding=FOLDING)
    assert [record(out, fold)["training"]["resumed_at"] for fold in range(3)] == [1, 0, 0]
    assert again.pooled.to_dict() == made.pooled.to_dict()
    for fold in range(3):
        assert predictions(out, fold) == predictions(source, fold)


def test_a_command_of_other_settings_in_the_same_folder_ends_both(settings, tmp_path):
    """It is a mistake, and neither does the other's folds anew for ever."""
    out, once = tmp_path / "out", settings.model_copy(update={"epochs": 1})

    def disturb():
        if (out / "fold-0.json").exists():
            (out / "fold-0.json").write_text(json.dumps(record(out, 0) | {"key": "another"}))

    notes = Notes("epoch 1: ", disturb)
    made = cross_validate(GOLD, out, once, folding=FOLDING, progress=notes)
    assert made.missing == (0,)

    def disturb_all():
        for path in out.glob("fold-?.json"):
            path.write_text("{}")

    notes = Notes("fold 2 (of 3): done before", disturb_all)
    with pytest.raises(EvaluationError, match="give that one another --out"):
        cross_validate(GOLD, out, once, folding=FOLDING, progress=notes)


# Mistakes


def test_mistakes_are_found_before_anything_is_trained(settings, tmp_path):
    quiet = Notes("fold", lambda: pytest.fail("it began"))
    out = tmp_path / "out"
    for folds, said in (([3], "folds 3: there are 0 to 2"), ([], "none"), ([0, -1], "-1, 0")):
        with pytest.raises(ConfigError, match=said):
            cross_validate(GOLD, out, settings, folding=FOLDING, only_folds=folds, progress=quiet)
    genes = [
        document.model_copy(
            update={"spans": tuple(s.model_copy(update={"label": "Gene"}) for s in document.spans)}
        )
        for document in GOLD
    ]
    with pytest.raises(EvaluationError, match="Gene, task ade of AdverseEffect, Drug"):
        cross_validate(genes, out, settings, folding=FOLDING, progress=quiet)
    with pytest.raises(EvaluationError, match="meta has no 'pmid'"):
        cross_validate(GOLD, out, settings, folding=Folding(3, 7, "pmid"), progress=quiet)
    assert not out.exists()
    out.write_text("a file")
    with pytest.raises(StoreError, match="out"):
        cross_validate(GOLD, out, settings, folding=FOLDING, progress=quiet)


def test_silver_that_teaches_nothing_is_an_error(settings, tmp_path):
    bare = [document.bare() for document in GOLD]
    with pytest.raises(ConfigError, match="too few to learn from"):
        cross_validate(GOLD, tmp_path / "out", settings, silver=bare, folding=FOLDING)


def test_a_student_that_labels_more_text_never_reads_what_is_held_out(settings, tmp_path):
    """The pool holds the whole corpus; what is not learnt from already is the held-out fold."""
    pool = [document.model_copy(update={"id": f"u-{document.id}"}) for document in GOLD]
    with pytest.raises(ConfigError, match="no unlabeled document has a text that the silver"):
        cross_validate(GOLD, tmp_path, settings, unlabeled=pool, folding=FOLDING)


def test_self_training_without_unlabeled_documents_is_an_error(settings, tmp_path):
    asked = {"self_training": SelfTrainingSettings()}
    with pytest.raises(ConfigError, match="no unlabeled documents"):
        cross_validate(GOLD, tmp_path, settings, folding=FOLDING, **asked)


@pytest.mark.slow
def test_an_encoder_is_known_by_its_content(encoders, tmp_path):
    """Another folder with the same encoder is the same, another encoder in a folder is not."""
    once, folding = {"epochs": 1}, Folding(2, 7)
    copy = shutil.copytree(encoders("bert"), tmp_path / "copy")
    out = tmp_path / "out"

    def began(folder):
        notes = Notes()
        cross_validate(GOLD, out, quick(folder, **once), folding=folding, progress=notes)
        return notes.began()

    assert began(encoders("bert")) == ["0", "1"]
    assert began(copy) == []
    shutil.rmtree(copy)
    shutil.copytree(encoders("electra"), copy)
    assert began(copy) == ["0", "1"]


def test_predictions_can_be_evaluated_as_any_other(done, tmp_path):
    out, made = done
    write_jsonl(tmp_path / "gold.jsonl", GOLD)
    metrics = evaluate(read(tmp_path / "gold.jsonl"), read(out / "predicted.jsonl"))
    assert metrics.missing == metrics.unknown == ()
    assert metrics.lenient.f1 == made.pooled.lenient.f1
