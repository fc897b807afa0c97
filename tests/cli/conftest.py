"""A tiny encoder, a tiny corpus, and a student that has learnt it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from fakes.commands import LEARN, make_encoder, ok, stop_started, write_documents, write_script
from fakes.drugs import corpus


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    yield
    stop_started()


@pytest.fixture(autouse=True, scope="session")
def _one_core() -> None:
    torch.set_num_threads(1)  # for models this small, threads only wait for each other


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("encoder") / "tiny")


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with silver, unlabeled, gold and a script that answers all of them."""
    folder = tmp_path_factory.mktemp("data")
    silver, gold = corpus(60), corpus(20, seed=1, prefix="g")
    write_documents(folder / "silver.jsonl", silver)
    write_documents(folder / "unlabeled.jsonl", [document.bare() for document in silver])
    write_documents(
        folder / "gold.jsonl", [document.model_copy(update={"source": "gold"}) for document in gold]
    )
    write_script(folder / "script.jsonl", [*silver, *gold])
    return folder


@pytest.fixture(scope="session")
def student(tmp_path_factory: pytest.TempPathFactory, data: Path, encoder: Path) -> Path:
    folder = tmp_path_factory.mktemp("students") / "student"
    ok(
        "distill",
        "--silver",
        data / "silver.jsonl",
        "--out",
        folder,
        "--encoder",
        encoder,
        *LEARN,
        "-q",
    )
    return folder
