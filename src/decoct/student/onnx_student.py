"""A student whose network ONNX Runtime runs; nothing here needs torch."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from decoct.encoder.load import pad_id_in
from decoct.inference.cores import n_cores
from decoct.inference.onnx_graph import (
    MAX_BATCH_TOKENS,
    OnnxCard,
    check_source,
    hash_card,
    hash_network,
    read_onnx_card,
)
from decoct.inference.onnx_network import OnnxNetwork
from decoct.inference.tokenize import read_tokenizer
from decoct.store import sha256_json
from decoct.student.predict import Reader
from decoct.student.settings import StudentCard
from decoct.student.student import Student, make_tokenizer, read_card

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class OnnxStudent(Student):
    """A student that `decoct export` made ready to run without torch.

    Args:
        card: what it is.
        reader: what turns documents into predictions.
        folder: where it lies.
        exported: what its exported network says of itself.
    """

    def __init__(self, card: StudentCard, reader: Reader, folder: Path, exported: OnnxCard) -> None:
        super().__init__(card, reader)
        self.folder = folder
        self.exported = exported

    @classmethod
    def load(cls, folder: Path, threads: int | None = None) -> Self:
        """Load it from a student's folder; see `Student.from_pretrained`."""
        config, card = read_card(folder)
        exported = read_onnx_card(folder, OnnxCard)
        check_source(folder, exported, hash_card(card), "student")
        pad_id = pad_id_in(config)
        reader = read_with(folder, card, read_tokenizer(folder), pad_id, threads)
        return cls(card, reader, folder, exported)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the exported network and the card."""
        return sha256_json([self.card.model_dump(mode="json"), *hash_network(self.folder)])

    def __repr__(self) -> str:
        return (
            f"Student(task={self.card.task!r}, encoder={self.card.settings.encoder!r}, "
            f"onnx {self.exported.precision})"
        )


def read_with(
    folder: Path,
    card: StudentCard,
    tokenizer: Tokenizer,
    pad_id: int,
    threads: int | None = None,
) -> Reader:
    """Return what turns documents into predictions by the exported network of a folder."""
    return Reader(
        OnnxNetwork(folder),
        make_tokenizer(tokenizer, card),
        card,
        pad_id,
        max_batch_tokens=MAX_BATCH_TOKENS,
        n_workers=threads or n_cores(),
    )
