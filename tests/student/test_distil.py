"""All of distilling: doubt comes first, and what it makes of silver is learnt from."""

import pytest

from decoct.encoder.files import hash_weights
from decoct.progress import Silent
from decoct.student.distil import distil
from decoct.student.fit import fit
from decoct.tasks.base import get_task
from fakes.drugs import corpus
from fakes.students import quick

TASK = get_task("ade")


class Notes(Silent):
    def __init__(self):
        self.lines = []

    def note(self, message):
        self.lines.append(message)


def forgetful(documents):
    """A teacher that says nothing about half of the documents that have a relation."""
    related = [document for document in documents if document.relations]
    left_out = {document.id for document in related[::2]}
    return [
        document.model_copy(update={"spans": (), "relations": ()})
        if document.id in left_out
        else document
        for document in documents
    ]


SILVER = forgetful(corpus(240, seed=3))


@pytest.fixture
def settings(encoders):
    return quick(encoders("bert"), epochs=8)


def with_doubt(settings, how, folds=2):
    silver = settings.silver.model_copy(update={"doubt": how, "doubt_folds": folds})
    return settings.model_copy(update={"silver": silver})


def weights(fitted):
    return hash_weights(fitted.student.model)


@pytest.mark.slow
def test_without_doubt_it_is_fit(settings):
    plain = fit(SILVER, TASK, settings)
    assert weights(distil(SILVER, TASK, settings)) == weights(plain)


@pytest.mark.slow
def test_what_the_teacher_forgot_is_adopted(settings):
    notes = Notes()
    adopting = distil(SILVER, TASK, with_doubt(settings, "adopt"), progress=notes)
    assert sum(line.startswith("doubt: student") for line in notes.lines) == 2
    assert adopting.student.card.silver["relations"] > sum(len(one.relations) for one in SILVER)


@pytest.mark.slow
def test_an_interrupted_doubt_goes_on_at_its_last_epoch(settings, tmp_path):
    asked = with_doubt(settings, "weigh", folds=3)
    whole = distil(SILVER, TASK, asked)

    class Stopping(Silent):
        def note(self, message):
            if message.startswith("doubt: student 3"):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distil(SILVER, TASK, asked, progress=Stopping(), checkpoints=tmp_path)
    notes = Notes()
    resumed = distil(SILVER, TASK, asked, progress=notes, checkpoints=tmp_path)
    assert sum(line.startswith("resumed after") for line in notes.lines) == 2
    assert weights(resumed) == weights(whole)
