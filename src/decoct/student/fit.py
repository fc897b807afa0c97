"""Training a student on silver documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from decoct.encoder.load import load_encoder, window_tokens
from decoct.errors import ConfigError
from decoct.evaluation.counts import count_relations
from decoct.evaluation.scores import precision_recall_f1
from decoct.inference.tokenize import WordTokenizer
from decoct.progress import Progress, Silent
from decoct.records import Document
from decoct.store import sha256_json, versions
from decoct.student.batches import Batches
from decoct.student.calibrate import MIN_RELATIONS, calibrate, uncalibrated
from decoct.student.examples import make_examples, split_dev
from decoct.student.heads.base import get_head
from decoct.student.settings import RelationCalibration, StudentCard, StudentSettings
from decoct.student.silver import prepare
from decoct.student.student import Student, hash_weights, make_reader
from decoct.tasks.base import RelationTask
from decoct.training.device import choose_device
from decoct.training.loop import Job, Training, train


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


def fit(
    silver: Sequence[Document],
    task: RelationTask,
    settings: StudentSettings | None = None,
    *,
    extra: Sequence[Document] = (),
    progress: Progress | None = None,
    checkpoints: Path | None = None,
) -> Fit:
    """Train a student on silver documents, stopping early on a part of them that is kept apart.

    By the same part its relation confidences are calibrated; it sees no other documents.

    Args:
        silver: documents with the task's spans and relations; ones without any are learnt from too.
        task: gives the labels.
        settings: encoder and training; None for the defaults.
        extra: learnt from as they are and never in the dev part; one whose text is there is left
            out. Such as documents that a student labelled.
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
    head = get_head(settings.head)
    room = window_tokens(encoder, settings.max_tokens + head.extra_tokens) - head.extra_tokens
    settings = settings.model_copy(update={"max_tokens": room})
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
    dev_texts = {document.text for document in dev_part}
    extra = [document for document in extra if document.text not in dev_texts]
    prepared = prepare(train_part, task, settings.silver)
    words = WordTokenizer(tokenizer, settings.max_tokens)
    examples = make_examples([*prepared.documents, *extra], words, card)
    if not examples.items:
        raise ConfigError(
            f"{len(train_part)} silver texts without a word are too few to learn from"
        )
    model = head(encoder, card)
    raw = uncalibrated(card)
    reader = make_reader(model, tokenizer, raw, device)
    batches = Batches(examples.items, settings, reader.pad_id, device)
    job = Job(
        model=model,
        head_names=head.head_names,
        n_batches=batches.n_batches,
        batches=batches.epoch,
        loss=lambda step: model.loss(step.inputs, step.targets),
        dev_score=lambda: _dev_f1(dev_part, list(reader.read(dev_part))),
        # with the encoder as loaded: a folder or hub id may hold other weights tomorrow; without
        # what is done to confidences, which training does not see
        fingerprint=sha256_json(
            [raw.model_dump(mode="json"), hash_weights(encoder), *map(Document.to_json, extra)]
        ),
    )
    training = train(job, settings, progress, checkpoints)
    found = calibrate(dev_part, list(reader.read(dev_part)), given_out=settings.calibrate)
    progress.note(_describe_calibration(found))
    card = card.model_copy(
        update={
            "training": _describe_training(training, len(train_part), len(dev_part), len(extra)),
            "calibration": found,
        }
    )
    student = Student(model, tokenizer, card, settings.device)
    return Fit(student, training, len(train_part), len(dev_part), dict(examples.unexpressed))


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


def _describe_training(
    training: Training, n_train: int, n_dev: int, n_extra: int
) -> dict[str, object]:
    return {
        "train_documents": n_train,
        "dev_documents": n_dev,
        **({"extra_documents": n_extra} if n_extra else {}),
        "best_epoch": training.best_epoch,
        "best_dev_f1": round(training.best_score, 4),
        "device": training.device,
        "bf16": training.bf16,
        "seconds": round(sum(entry["seconds"] for entry in training.history), 1),
        "history": [dict(entry) for entry in training.history],
    }


def _describe_calibration(found: RelationCalibration | None) -> str:
    if found is None:
        return f"not calibrated: fewer than {MIN_RELATIONS} relations found in the dev part"
    return (
        f"calibrated by {found.n_relations} relations of the dev part: temperature "
        f"{found.temperature:.2f}, ECE {100 * found.ece_before:.1f} -> {100 * found.ece_after:.1f}"
    )
