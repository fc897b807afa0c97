"""A student whose network torch runs: it is trained, saved, and exported from here."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from decoct.encoder.files import hash_weights, load_network, save_student, upload
from decoct.encoder.load import pad_id_of
from decoct.inference.batch import Batch
from decoct.inference.onnx_graph import remove_onnx
from decoct.inference.tokenize import read_tokenizer
from decoct.store import sha256_json
from decoct.student.card import model_card
from decoct.student.heads.base import HeadModel, Inputs, get_head
from decoct.student.predict import Reader, Subjects
from decoct.student.settings import StudentCard
from decoct.student.student import OTHER_VERSION, Student, make_tokenizer, read_card
from decoct.training.device import autocast, choose_device, uses_bf16


class TorchStudent(Student):
    """A student with its model.

    Args:
        model: encoder and head.
        tokenizer: the encoder's.
        card: what it is.
        device: auto, cpu, cuda, cuda:1, mps.
    """

    def __init__(
        self,
        model: HeadModel[Any],
        tokenizer: Tokenizer,
        card: StudentCard,
        device: str = "auto",
    ) -> None:
        super().__init__(card, make_reader(model, tokenizer, card, choose_device(device)))
        self.tokenizer = tokenizer
        self.model = model.eval()

    @cached_property
    def fingerprint(self) -> str:
        """Hash of weights and card: two students with the same one predict the same."""
        return sha256_json([self.card.model_dump(mode="json"), hash_weights(self.model)])

    def save_pretrained(self, folder: str | Path) -> None:
        """Write weights, configuration, tokenizer and model card.

        Raises:
            StoreError: the folder can't be written.
        """
        folder = Path(folder)
        remove_onnx(folder)  # of another student that was here
        card, readme = self.card.model_dump(mode="json"), model_card(self.card)
        save_student(folder, self.model, self.tokenizer, card, readme, "student")

    @classmethod
    def load(cls, folder: Path, device: str = "auto", threads: int | None = None) -> Self:
        """Load a student from a folder; see `Student.from_pretrained`."""
        if threads is not None:
            torch.set_num_threads(threads)
        config, card = read_card(folder)
        make = get_head(card.settings.head)
        model = load_network(folder, config, lambda encoder: make(encoder, card), OTHER_VERSION)
        return cls(model, read_tokenizer(folder), card, device)

    def push_to_hub(self, repo_id: str, **options: Any) -> str:  # noqa: ANN401 (huggingface_hub's own)
        """Upload the folder to a hub and return its address; options go to `create_repo`."""
        return upload(self.save_pretrained, repo_id, **options)

    def __repr__(self) -> str:
        n_parameters = sum(parameter.numel() for parameter in self.model.parameters())
        return (
            f"Student(task={self.card.task!r}, encoder={self.card.settings.encoder!r}, "
            f"{n_parameters / 1e6:.1f} M parameters)"
        )


def make_reader(
    model: HeadModel[Any], tokenizer: Tokenizer, card: StudentCard, device: torch.device
) -> Reader:
    """Return what turns documents into predictions with this model."""
    bf16 = uses_bf16(card.settings.precision, device)
    network = TorchNetwork(model.to(device), device, bf16)
    return Reader(network, make_tokenizer(tokenizer, card), card, pad_id_of(model.encoder))


def make_fp32_reader(student: TorchStudent) -> Reader:
    """Return what turns documents into predictions on the cpu, at full precision."""
    cpu = torch.device("cpu")
    network = TorchNetwork(student.model.to(cpu), cpu, bf16=False)
    words = make_tokenizer(student.tokenizer, student.card)
    return Reader(network, words, student.card, pad_id_of(student.model.encoder))


class TorchNetwork:
    """Runs the model in torch."""

    def __init__(self, model: HeadModel[Any], device: torch.device, bf16: bool) -> None:
        self.model = model
        self.device = device
        self.bf16 = bf16

    def encode(self, batch: Batch) -> tuple[object, NDArray[np.float32]]:
        """Return what `objects` needs, and tag probabilities (n_pieces, n_words, n_tagged, 5)."""
        self.model.eval()
        with torch.inference_mode(), autocast(self.device, self.bf16):
            box, probs = self.model.encode(Inputs.from_batch(batch, self.device))
        return (box, batch.n_words), probs.cpu().numpy()

    def objects(self, states: object, subjects: Subjects) -> NDArray[np.float32]:
        """Return the objects' tag probabilities (n_subjects, n_words, n_relations, 5)."""
        assert isinstance(states, tuple)
        box, n_words = states
        words = torch.zeros(len(subjects), n_words, device=self.device)
        for row, (_, first, last) in enumerate(subjects):
            words[row, first:last] = 1.0
        pieces = torch.tensor([piece for piece, _, _ in subjects], device=self.device)
        with torch.inference_mode(), autocast(self.device, self.bf16):
            return self.model.objects(box, pieces, words).cpu().numpy()
