"""Training a student on silver documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from decoct.errors import ConfigError
from decoct.evaluation.counts import count_relations
from decoct.evaluation.scores import precision_recall_f1
from decoct.inference.batch import pad
from decoct.inference.tokenize import WordTokenizer
from decoct.progress import Progress, Silent
from decoct.records import Document
from decoct.store import sha256_json, versions
from decoct.student.encoder import load_encoder, window_tokens
from decoct.student.examples import Example, make_examples, split_dev
from decoct.student.model import HEAD_NAMES, SubjectCentricModel, Targets
from decoct.student.settings import StudentCard, StudentSettings
from decoct.student.silver import prepare
from decoct.student.student import Student, hash_weights, make_reader
from decoct.tasks.base import Task
from decoct.training.device import choose_device
from decoct.training.loop import Job, Training, train

_POOL_BATCHES = 16


@dataclass(frozen=True, slots=True)
class Fit:
    """A trained student and how it went.

    Attributes:
        student: with the weights of the best epoch.
        training: epochs, scores, device.
        n_train: silver documents learnt from.
        n_dev: silver documents kept for early stopping.
        unexpressed: what of the annotations the heads can't express, by reason.
    """

    student: Student
    training: Training
    n_train: int
    n_dev: int
    unexpressed: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Step:
    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    word_of_token: torch.Tensor
    n_words: int
    word_mask: torch.Tensor
    targets: Targets


def fit(
    silver: Sequence[Document],
    task: Task,
    settings: StudentSettings | None = None,
    *,
    progress: Progress | None = None,
    checkpoints: Path | None = None,
) -> Fit:
    """Train a student on silver documents, stopping early on a part of them that is kept apart.

    Args:
        silver: documents with the task's spans and relations; ones without any are learnt from too.
        task: gives the labels.
        settings: encoder and training; None for the defaults.
        progress: shown each epoch.
        checkpoints: folder for resuming; None keeps none.

    Raises:
        ConfigError: fewer than two documents, or none with a relation.
        ArtifactError: the encoder can't be loaded.
    """
    settings = settings or StudentSettings()
    progress = progress or Silent()
    n_relations = sum(
        relation.label in task.object_labels
        for document in silver
        for relation in document.relations
    )
    if len({document.text for document in silver}) < 2 or not n_relations:
        raise ConfigError(
            f"{len(silver)} silver documents with {n_relations} relations of task {task.name} "
            "are too few to learn from"
        )
    device = choose_device(settings.device)
    torch.manual_seed(settings.seed)
    encoder, tokenizer = load_encoder(settings.encoder)
    if settings.freeze_embeddings:
        encoder.get_input_embeddings().requires_grad_(False)
    settings = settings.model_copy(
        update={"max_tokens": window_tokens(encoder, settings.max_tokens)}
    )
    card = StudentCard(
        task=task.name,
        subject_label=task.subject_label,
        relation_labels=tuple(task.object_labels),
        object_labels=tuple(task.object_labels.values()),
        settings=settings,
        silver=_describe_silver(silver),
        versions=versions(),
    )
    train_part, dev_part = split_dev(silver, settings.dev_share, settings.seed)
    prepared = prepare(train_part, task, settings.silver)
    words = WordTokenizer(tokenizer, settings.max_tokens)
    examples = make_examples(prepared.documents, words, card)
    if not examples.items:
        raise ConfigError(
            f"{len(train_part)} silver texts without a word are too few to learn from"
        )
    model = SubjectCentricModel(encoder, len(card.relation_labels), settings.dropout)
    reader = make_reader(model, tokenizer, card, device)
    batches = _Batches(examples.items, settings, reader.pad_id, device)
    job = Job(
        model=model,
        head_names=HEAD_NAMES,
        n_batches=batches.n_batches,
        batches=batches.epoch,
        loss=lambda step: _loss(model, step),
        dev_score=lambda: _dev_f1(dev_part, list(reader.read(dev_part))),
        # with the encoder as loaded: a folder or hub id may hold other weights tomorrow
        fingerprint=sha256_json([card.model_dump(mode="json"), hash_weights(encoder)]),
    )
    training = train(job, settings, progress, checkpoints)
    card = card.model_copy(
        update={"training": _describe_training(training, len(train_part), len(dev_part))}
    )
    student = Student(model, tokenizer, card, settings.device)
    return Fit(student, training, len(train_part), len(dev_part), dict(examples.unexpressed))


class _Batches:
    """An epoch's batches: shuffled, then sorted by length within pools, then shuffled again."""

    def __init__(
        self,
        examples: Sequence[Example],
        settings: StudentSettings,
        pad_id: int,
        device: torch.device,
    ) -> None:
        self.examples = [example for example in examples if example.piece.words]
        self.settings = settings
        self.pad_id = pad_id
        self.device = device
        self.n_batches = -(-len(self.examples) // settings.batch_size)

    def epoch(self, number: int) -> _LazySteps:
        rng = np.random.default_rng([self.settings.seed, number])
        order = rng.permutation(len(self.examples)).tolist()
        size = self.settings.batch_size
        pool = size * _POOL_BATCHES
        groups: list[list[int]] = []
        for start in range(0, len(order), pool):
            by_length = sorted(
                order[start : start + pool], key=lambda index: len(self.examples[index].piece)
            )
            groups += [by_length[at : at + size] for at in range(0, len(by_length), size)]
        return _LazySteps(self, [groups[index] for index in rng.permutation(len(groups))])

    def step(self, positions: Sequence[int]) -> _Step:
        examples = [self.examples[position] for position in positions]
        batch = pad([example.piece for example in examples], self.pad_id)
        tags = np.full((len(examples), batch.n_words), -100, dtype=np.int64)
        subjects = [
            (row, place) for row, example in enumerate(examples) for place in example.subjects
        ]
        n_relations = examples[0].objects.shape[2]
        words = np.zeros((len(subjects), batch.n_words), dtype=np.float32)
        objects = np.zeros((len(subjects), batch.n_words, n_relations), dtype=np.float32)
        known = np.concatenate([example.known for example in examples])
        at = 0
        for row, example in enumerate(examples):
            n_words = len(example.piece.words)
            tags[row, :n_words] = example.tags
            for place, marked in zip(example.subjects, example.objects, strict=True):
                words[at, slice(*place)] = 1.0
                objects[at, :n_words] = marked
                at += 1
        on = self.device
        return _Step(
            torch.from_numpy(batch.input_ids).to(on),
            torch.from_numpy(batch.attention_mask).to(on),
            torch.from_numpy(batch.word_of_token).to(on),
            batch.n_words,
            torch.from_numpy(batch.word_mask).to(on),
            Targets(
                tags=torch.from_numpy(tags).to(on),
                subject_piece=torch.tensor(
                    [row for row, _ in subjects], dtype=torch.long, device=on
                ),
                subject_words=torch.from_numpy(words).to(on),
                objects=torch.from_numpy(objects).to(on),
                known=torch.from_numpy(known.astype(np.float32)).to(on),
            ),
        )


class _LazySteps(Sequence[_Step]):
    """Batches made as they are asked for, so that an epoch's tensors are never all in memory."""

    def __init__(self, batches: _Batches, groups: list[list[int]]) -> None:
        self._batches = batches
        self._groups = groups

    def __len__(self) -> int:
        return len(self._groups)

    def __getitem__(self, index: int) -> _Step:  # type: ignore[override]
        return self._batches.step(self._groups[index])


def _loss(model: SubjectCentricModel, step: _Step) -> torch.Tensor:
    states = model.word_states(
        step.input_ids, step.attention_mask, step.word_of_token, step.n_words
    )
    return model.loss(states, step.word_mask, step.targets)


def _dev_f1(silver: Sequence[Document], predicted: Sequence[Document]) -> float:
    """Return the mean of strict and lenient relation F1 by offsets, against the teacher."""
    counts = [
        count_relations(silver, predicted, match=match, by="offsets")
        for match in ("strict", "lenient")
    ]
    return float(
        np.mean([precision_recall_f1(count.to_matrix().sum(axis=0))[2] for count in counts])
    )


def _n_relations(documents: Sequence[Document]) -> int:
    return sum(len(document.relations) for document in documents)


def _describe_silver(silver: Sequence[Document]) -> dict[str, object]:
    teachers = Counter(
        f"{document.meta.get('backend')}:{document.meta.get('model')}"
        if document.source == "silver"
        else str(document.source)
        for document in silver
    )
    return {
        "documents": len(silver),
        "relations": _n_relations(silver),
        "sha256": sha256_json([document.to_json() for document in silver]),
        "made_by": ", ".join(f"{name} ({count})" for name, count in sorted(teachers.items())),
    }


def _describe_training(training: Training, n_train: int, n_dev: int) -> dict[str, object]:
    return {
        "train_documents": n_train,
        "dev_documents": n_dev,
        "best_epoch": training.best_epoch,
        "best_dev_f1": round(training.best_score, 4),
        "device": training.device,
        "bf16": training.bf16,
        "seconds": round(sum(entry["seconds"] for entry in training.history), 1),
        "history": [dict(entry) for entry in training.history],
    }
