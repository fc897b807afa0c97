"""Training a student on silver documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from decoct.encoder.files import hash_weights
from decoct.encoder.load import load_encoder, window_tokens
from decoct.errors import ConfigError
from decoct.evaluation.counts import count_relations, count_spans
from decoct.evaluation.scores import precision_recall_f1
from decoct.progress import Progress, Silent
from decoct.records import Document
from decoct.store import sha256_json, versions
from decoct.student.batches import Batches
from decoct.student.calibrate import MIN_RELATIONS, calibrate, uncalibrated
from decoct.student.card_facts import describe_silver, describe_training
from decoct.student.examples import make_examples, split_dev
from decoct.student.heads.base import get_head
from decoct.student.settings import RelationCalibration, StudentCard, StudentSettings
from decoct.student.silver import prepare
from decoct.student.student import make_tokenizer
from decoct.student.torch_student import TorchStudent, make_reader
from decoct.tasks.base import SpanTask, subject_labels
from decoct.text.sentences import split_sentences
from decoct.training.device import choose_device
from decoct.training.loop import Job, Training, train

_MOSTLY = 0.8


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

    student: TorchStudent
    training: Training
    n_train: int
    n_dev: int
    unexpressed: Mapping[str, int]


def fit(
    silver: Sequence[Document],
    task: SpanTask,
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
        ConfigError: there is too little to learn from, or the head can't do the task.
        ArtifactError: the encoder can't be loaded.
    """
    settings = settings or StudentSettings()
    progress = progress or Silent()
    _check_silver(silver, task)
    if "subject_threshold" not in settings.model_fields_set:
        settings = settings.model_copy(update={"subject_threshold": task.threshold})
    if not task.relation_types:
        settings = settings.model_copy(update={"head": "token"})
    elif settings.head == "token":
        raise ConfigError(
            f"head 'token' finds no relations, and task {task.name} has some; "
            "take subject_centric, or unconditioned"
        )
    device = choose_device(settings.device)
    torch.manual_seed(settings.seed)
    encoder, tokenizer = load_encoder(settings.encoder)
    if settings.freeze_embeddings:
        encoder.get_input_embeddings().requires_grad_(False)
    head = get_head(settings.head)
    room = window_tokens(encoder, settings.max_tokens + head.extra_tokens) - head.extra_tokens
    unit = _natural_unit(silver) if settings.unit == "auto" else settings.unit
    settings = settings.model_copy(update={"max_tokens": room, "unit": unit})
    card = StudentCard(
        task=task.name,
        tagged=tuple(task.tagged),
        relation_types=tuple(task.relation_types),
        exclusive=task.exclusive,
        settings=settings,
        silver=describe_silver(
            silver,
            {
                "relations": sum(len(document.relations) for document in silver),
                "spans": sum(len(document.spans) for document in silver),
            },
        ),
        versions=versions(),
    )
    train_part, dev_part = split_dev(silver, settings.dev_share, settings.seed)
    dev_texts = {document.text for document in dev_part}
    extra = [document for document in extra if document.text not in dev_texts]
    prepared = prepare(train_part, task, settings.silver)
    words = make_tokenizer(tokenizer, card)
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
        dev_score=lambda: _dev_f1(dev_part, list(reader.read(dev_part)), task),
        # with the encoder as loaded: a folder or hub id may hold other weights tomorrow; without
        # what is done to confidences, which training does not see
        fingerprint=sha256_json(
            [raw.model_dump(mode="json"), hash_weights(encoder), *map(Document.to_json, extra)]
        ),
    )
    training = train(job, settings, progress, checkpoints)
    found = calibrate(dev_part, list(reader.read(dev_part)), given_out=settings.calibrate)
    if task.relation_types:
        progress.note(_describe_calibration(found))
    card = card.model_copy(
        update={
            "training": describe_training(
                training,
                len(train_part),
                len(dev_part),
                score="best_dev_f1",
                more={"extra_documents": len(extra)},
            ),
            "calibration": found,
        }
    )
    student = TorchStudent(model, tokenizer, card, settings.device)
    return Fit(student, training, len(train_part), len(dev_part), dict(examples.unexpressed))


def _natural_unit(silver: Sequence[Document]) -> Literal["sentence", "document"]:
    """Return `sentence` where most documents are one sentence."""
    n_single = sum(len(split_sentences(document.text)) < 2 for document in silver)
    return "sentence" if n_single >= _MOSTLY * len(silver) else "document"


def _check_silver(silver: Sequence[Document], task: SpanTask) -> None:
    """Refuse silver that holds too little of what the task is about.

    Raises:
        ConfigError: fewer than two texts, or none with a relation; without a span, where the task
            has no relations.
    """
    labels = {kind.label for kind in task.relation_types}
    if labels:
        n = sum(one.label in labels for document in silver for one in document.relations)
    else:
        n = sum(one.label in task.tagged for document in silver for one in document.spans)
    if len({document.text for document in silver}) < 2 or not n:
        raise ConfigError(
            f"{len(silver)} silver documents with {n} {'relations' if labels else 'spans'} of "
            f"task {task.name} are too few to learn from"
        )


def _dev_f1(silver: Sequence[Document], predicted: Sequence[Document], task: SpanTask) -> float:
    """Return the mean of strict and lenient F1 by offsets, against the teacher.

    That of relations, of spans where the task has no relations, and of both where it asks for
    spans besides.
    """
    counters = [count_relations] if task.relation_types else [count_spans]
    if task.relation_types and set(task.tagged) - set(subject_labels(task)):
        counters.append(count_spans)
    counts = [
        count(silver, predicted, match=match, by="offsets")
        for count in counters
        for match in ("strict", "lenient")
    ]
    return float(
        np.mean([precision_recall_f1(count.to_matrix().sum(axis=0))[2] for count in counts])
    )


def _describe_calibration(found: RelationCalibration | None) -> str:
    if found is None:
        return f"not calibrated: fewer than {MIN_RELATIONS} relations found in the dev part"
    return (
        f"calibrated by {found.n_relations} relations of the dev part: temperature "
        f"{found.temperature:.2f}, ECE {100 * found.ece_before:.1f} -> {100 * found.ece_after:.1f}"
    )
