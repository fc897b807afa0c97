"""A student that has learnt its task, and an index of the drugs and effects that it may find."""

import pytest

from decoct.kb.base import Entity
from decoct.retriever.index import Index
from decoct.retriever.settings import IndexSettings
from fakes.drugs import DRUGS, EFFECTS
from fakes.students import encoders, fitted, one_thread, student, student_folder

__all__ = ["encoders", "fitted", "one_thread", "student", "student_folder"]


@pytest.fixture(scope="session")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("index") / "index"
    names = [*DRUGS, *EFFECTS]
    entities = [Entity(id=f"C{number}", name=name) for number, name in enumerate(names)]
    Index.build(entities, folder, IndexSettings(retrievers=("ngram",)))
    return folder
