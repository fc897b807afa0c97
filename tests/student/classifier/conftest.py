"""A tiny encoder that knows the words, and classifiers that have learnt them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from decoct.student.classifier.fit import LabelFit, distil_labels
from decoct.student.classifier.settings import ClassifierSettings
from fakes.encoders import save_encoder
from fakes.labelled import ONE, Labels, pairs, texts

SILVER = texts(120)


def quick(encoder: Path, **changes: Any) -> ClassifierSettings:
    """Settings that teach a tiny encoder in a second."""
    values = {
        "encoder": str(encoder),
        "epochs": 4,
        "batch_size": 8,
        "learning_rate": 5e-3,
        "head_learning_rate": 5e-3,
        "freeze_embeddings": False,
        "precision": "fp32",
        "device": "cpu",
        "max_tokens": 32,
    }
    return ClassifierSettings.model_validate(values | changes)


@pytest.fixture(scope="session")
def encoder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def folder(family: str) -> Path:
        if family not in made:
            at = tmp_path_factory.mktemp("labels") / family
            words = [one.text for one in SILVER]
            premises = [str(one.meta["premise"]) for one in pairs(40, 40)]
            made[family] = save_encoder(at, family, [*words, *premises, "@ GENE $ how now 0 1 2 3"])
        return made[family]

    return folder


@pytest.fixture(scope="session")
def encoder(encoder_of: Callable[[str], Path]) -> Path:
    return encoder_of("bert")


@pytest.fixture(scope="session")
def learn(encoder: Path) -> Callable[..., LabelFit]:
    def fit(documents, task: Labels = ONE, **changes: Any) -> LabelFit:
        folder = changes.pop("folder", encoder)
        more = {key: changes.pop(key) for key in ("progress", "checkpoints") if key in changes}
        return distil_labels(documents, task, quick(folder, **changes), **more)

    return fit


@pytest.fixture(scope="session")
def fitted(learn: Callable[..., LabelFit]) -> LabelFit:
    return learn(SILVER)
