"""A tiny encoder whose tokenizer knows the names that are looked up."""

from pathlib import Path

import pytest

from fakes.named import NAMED, made_up


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    from fakes.encoders import save_encoder

    texts = [name for names in NAMED.values() for name in names]
    texts += [name for entity in made_up(40) for name in entity.names]
    return save_encoder(tmp_path_factory.mktemp("encoder") / "tiny", "bert", texts)
