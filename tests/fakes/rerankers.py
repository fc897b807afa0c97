"""Re-rankers of each kind that have learnt a little, small enough to take a second or two.

A folder's conftest imports what it needs of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from decoct.reranker.artifact import get_kind
from decoct.reranker.base import Reranker
from fakes.choices import KB, choices, lookup
from fakes.encoders import save_encoder
from fakes.language_models import save_language_model, words_only

TEXTS = [text for entity in KB.values() for text in (*entity.names, entity.definition, "severe")]
SIGNS = ["Mention Context none of these Answer Which entry . : [ ] ( ) ; |"]
LEARNT = choices(40)
Quick = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny models are faster so."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny encoder `bert` and a tiny language model `llama`."""
    folder = tmp_path_factory.mktemp("models")
    save_encoder(folder / "bert", "bert", TEXTS)
    save_language_model(folder / "llama", "llama", words_only([*TEXTS, *SIGNS]), width=32)
    return folder


@pytest.fixture(scope="session")
def quick(models: Path) -> Quick:
    """Settings of each kind that take no time, the same on every machine."""
    of_torch = {"device": "cpu", "precision": "fp32", "epochs": 1, "batch_size": 8}
    found = {
        "features": {"penalty": 3.0},
        "cross_encoder": {
            **of_torch,
            "encoder": str(models / "bert"),
            "freeze_embeddings": False,
            "learning_rate": 3e-3,
        },
        "causal_lm": {**of_torch, "model": str(models / "llama"), "max_tokens": 400},
    }
    return lambda kind: dict(found[kind])


@pytest.fixture(scope="session")
def taught(quick: Quick) -> Callable[[str], Reranker]:
    """Return a re-ranker of a kind that has seen `LEARNT`, made when first asked for."""
    made: dict[str, Reranker] = {}

    def of(kind: str) -> Reranker:
        if kind not in made:
            made[kind] = get_kind(kind).fit(LEARNT, lookup, quick(kind))
        return made[kind]

    return of
