"""Fixtures around tiny students: encoders on demand, and one student that has learnt its task.

A folder's conftest imports what it needs of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from decoct.records import Document
from decoct.student.fit import Fit, fit
from decoct.student.settings import StudentSettings
from decoct.student.student import Student
from decoct.tasks.base import get_task
from fakes.drugs import corpus
from fakes.encoders import save_encoder

SILVER = corpus(250)
Encoders = Callable[[str], Path]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny models are an order of magnitude faster so, above all on busy cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Encoders:
    """Return the folder of a tiny encoder of a family, made when first asked for."""
    made: dict[str, Path] = {}

    def folder(family: str) -> Path:
        if family not in made:
            at = tmp_path_factory.mktemp("encoders") / family
            made[family] = save_encoder(at, family, [document.text for document in SILVER])
        return made[family]

    return folder


def quick(encoder: Path, **changes: Any) -> StudentSettings:
    """Settings that teach a tiny encoder in a second or two, the same on every machine."""
    values = {
        "encoder": str(encoder),
        "epochs": 10,
        "patience": 4,
        "learning_rate": 5e-3,
        "head_learning_rate": 5e-3,
        "freeze_embeddings": False,  # these are random, and have everything to learn
        "precision": "fp32",
        "device": "cpu",
    }
    return StudentSettings.model_validate(values | changes)


def learn(documents: list[Document], encoder: Path, **changes: Any) -> Fit:
    """Fit a student of the task `ade`."""
    return fit(documents, get_task("ade"), quick(encoder, **changes))


@pytest.fixture(scope="session")
def fitted(encoders: Encoders) -> Fit:
    """A student that has learnt `SILVER`."""
    return learn(SILVER, encoders("bert"))


@pytest.fixture(scope="session")
def student(fitted: Fit) -> Student:
    """The same, as an artifact."""
    return fitted.student


@pytest.fixture(scope="session")
def student_folder(student: Student, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, saved; to be copied before anything in it is changed."""
    folder = tmp_path_factory.mktemp("student")
    student.save_pretrained(folder)
    return folder
