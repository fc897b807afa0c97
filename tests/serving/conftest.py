"""Servers of a tiny student."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("torch")

from decoct.kb.base import Entity
from decoct.linker.linker import Linker
from decoct.retriever.index import Index
from decoct.retriever.settings import IndexSettings
from decoct.serving.models import Models
from fakes.commands import stop_started
from fakes.drugs import DRUGS, EFFECTS
from fakes.servers import HeldStudent, Served, served
from fakes.students import encoders, fitted, one_thread, student, student_folder

__all__ = ["encoders", "fitted", "one_thread", "student", "student_folder"]


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index") / "index"
    names = [*DRUGS, *EFFECTS]
    entities = [Entity(id=f"C{number}", name=name) for number, name in enumerate(names)]
    Index.build(entities, folder, IndexSettings(retrievers=("ngram",)))
    return folder


@pytest.fixture(scope="session")
def linker(index: Path) -> Linker:
    return Linker.load(index)


@pytest.fixture(scope="session")
def server(student, linker) -> Iterator[Served]:
    """A server of a student and a linker, with small limits and more than one runner."""
    models = Models(student, linker, n_runners=3)
    limits = {"max_body_bytes": 200_000, "max_documents": 300, "max_chars": 5000}
    with served(models, body_timeout_s=1, **limits) as made:
        yield made


@pytest.fixture(scope="session")
def exported(student_folder, tmp_path_factory) -> Path:
    """The student's folder with a network that needs no torch, which a process starts quicker."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from decoct.recipes.export import export

    folder = shutil.copytree(student_folder, tmp_path_factory.mktemp("exported") / "student")
    export(folder)
    return folder


@pytest.fixture
def held(student) -> Iterator[HeldStudent]:
    made = HeldStudent(student)
    yield made
    made.go.set()


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    yield
    stop_started()
