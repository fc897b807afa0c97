"""Training a classifier on silver documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import torch

from decoct.encoder.files import hash_weights
from decoct.encoder.load import load_encoder, pad_id_of, window_tokens
from decoct.errors import ConfigError
from decoct.progress import Progress, Silent
from decoct.records import Document
from decoct.store import sha256_json, versions
from decoct.student.card_facts import describe_silver, describe_training, listed
from decoct.student.classifier.calibrate import MIN_DOCUMENTS, calibrate
from decoct.student.classifier.doubt import doubt_labels
from decoct.student.classifier.examples import Batches, keep_labelled, make_examples
from decoct.student.classifier.markers import add_markers, find_markers
from decoct.student.classifier.network import ClassifierNetwork, label_loss
from decoct.student.classifier.predict import LabelReader
from decoct.student.classifier.settings import ClassifierCard, ClassifierSettings, LabelCalibration
from decoct.student.classifier.split import split_labelled
from decoct.student.classifier.torch_classifier import TorchClassifier, make_reader
from decoct.student.classifier.windows import Reading
from decoct.tasks.base import LabelTask
from decoct.training.device import choose_device
from decoct.training.loop import Job, Training, train

_COUNTED = {  # a corpus's counts, and what the card calls them
    "in_windows": "documents_in_windows",
    "cut": "first_texts_cut",
    "left_out": "windows_left_out",
}


@dataclass(frozen=True, slots=True)
class LabelFit:
    """A trained classifier and how it went.

    Attributes:
        student: with the weights of the best epoch.
        training: epochs, scores, device.
        n_train: silver documents learnt from.
        n_dev: silver documents kept for early stopping.
        unexpressed: silver documents that have `no_label` or an `other_label`, by that.
        watched: what the dev score is.
    """

    student: TorchClassifier
    training: Training
    n_train: int
    n_dev: int
    unexpressed: Mapping[str, int]
    watched: str = "probability"


def distil_labels(
    silver: Sequence[Document],
    task: LabelTask,
    settings: ClassifierSettings | None = None,
    *,
    progress: Progress | None = None,
    checkpoints: Path | None = None,
) -> LabelFit:
    """Train a classifier with every step that its settings switch on; see `fit_labels`."""
    settings, progress = settings or ClassifierSettings(), progress or Silent()
    if settings.doubt != "keep":
        judged, _ = keep_labelled(silver, task.labels)

        numbers = count(1)

        def fit_and_predict(learnt: list[Document], asked: list[Document]) -> list[Document]:
            number = next(numbers)
            progress.note(f"doubt: {number} of {settings.doubt_folds} judges {len(asked)}")
            folder = checkpoints / f"doubt-{number}" if checkpoints else None
            fitted = fit_labels(learnt, task, settings, progress=progress, checkpoints=folder)
            return list(fitted.student.extract(asked))

        silver = doubt_labels(judged, settings, fit_and_predict, progress)
    return fit_labels(silver, task, settings, progress=progress, checkpoints=checkpoints)


def fit_labels(
    silver: Sequence[Document],
    task: LabelTask,
    settings: ClassifierSettings | None = None,
    *,
    progress: Progress | None = None,
    checkpoints: Path | None = None,
) -> LabelFit:
    """Train a classifier on silver documents, stopping early on a part that is kept apart.

    By the same part it is calibrated; it sees no other documents. What is watched is the mean
    probability of silver's label there, which moves less by chance than the share that is right.

    Args:
        silver: documents with one of the task's labels; those without are left out and counted.
        task: gives the labels.
        settings: encoder and training; None for the defaults.
        progress: shown each epoch.
        checkpoints: folder for resuming; None keeps none.

    Raises:
        ConfigError: fewer than two labelled texts, or of one label alone.
        ArtifactError: the encoder can't be loaded.
    """
    settings, progress = settings or ClassifierSettings(), progress or Silent()
    labelled, left_out = keep_labelled(silver, task.labels)
    _check_enough(labelled, len(silver), task)
    device = choose_device(settings.device)
    torch.manual_seed(settings.seed)
    encoder, tokenizer = load_encoder(settings.encoder)
    if settings.freeze_embeddings:
        encoder.get_input_embeddings().requires_grad_(False)
    room = window_tokens(encoder, settings.max_tokens)
    settings = settings.model_copy(update={"max_tokens": room})
    card = ClassifierCard(
        task=task.name,
        labels=tuple(task.labels),
        positive=task.positive,
        second=task.second,
        markers=find_markers(labelled) if settings.markers is None else settings.markers,
        settings=settings,
        silver=describe_silver(
            labelled, {"labels": listed(Counter(str(document.label) for document in labelled))}
        ),
        versions=versions(),
    )
    before = hash_weights(encoder)
    network = ClassifierNetwork(encoder, card, add_markers(encoder, tokenizer, card.markers))
    reader = make_reader(network, tokenizer, card, device)
    train_part, dev_part = split_labelled(labelled, settings.dev_share, settings.seed)
    examples = make_examples(train_part, reader.tokenizer, card)
    dev_readings = [reader.tokenizer.read(document) for document in dev_part]
    _say(examples.counts, progress)
    batches = Batches(examples.items, settings, pad_id_of(encoder), device)
    job = Job(
        model=network,
        head_names=ClassifierNetwork.head_names,
        n_batches=batches.n_batches,
        batches=batches.epoch,
        loss=lambda step: label_loss(
            network(step.batch, step.owners, step.features), step.targets, step.weights
        ),
        dev_score=lambda: _mean_prob(reader, dev_readings, dev_part),
        # with the encoder as loaded: a folder or hub id may hold other weights tomorrow
        fingerprint=sha256_json([card.model_dump(mode="json"), before]),
    )
    training = train(job, settings, progress, checkpoints)
    network.sync_markers()
    dev_labels = [str(document.label) for document in dev_part]
    found = calibrate(reader.probs(dev_readings), dev_labels, card)
    progress.note(_describe_calibration(found))
    facts = describe_training(
        training,
        len(train_part),
        len(dev_part),
        score="best_dev_prob",
        more={name: examples.counts[key] for key, name in _COUNTED.items()},
    )
    card = card.model_copy(update={"training": facts, "calibration": found})
    student = TorchClassifier(network, tokenizer, card, settings.device)
    return LabelFit(student, training, len(train_part), len(dev_part), dict(+left_out))


def _check_enough(labelled: Sequence[Document], n_all: int, task: LabelTask) -> None:
    n_texts = len({document.text for document in labelled})
    found = {document.label for document in labelled}
    if n_texts < 2 or len(found) < 2:
        raise ConfigError(
            f"{n_all} silver documents with {len(found)} of the {len(task.labels)} labels of task "
            f"{task.name} ({', '.join(task.labels)}) are too few to learn from"
        )


def _mean_prob(
    reader: LabelReader, readings: Sequence[Reading], silver: Sequence[Document]
) -> float:
    """Return the mean probability that is given to silver's labels."""
    places = [reader.card.labels.index(str(document.label)) for document in silver]
    return float(np.mean(reader.probs(readings)[np.arange(len(places)), places]))


def _say(counts: Counter[str], progress: Progress) -> None:
    """Say which documents are read in windows, and of which not all is read."""
    if counts["in_windows"]:
        cut = f"; of {counts['cut']} the first text is cut too" if counts["cut"] else ""
        progress.note(f"{counts['in_windows']} documents are read in several windows{cut}")
    if counts["left_out"]:
        progress.note(f"{counts['left_out']} windows are left out, by max_windows")


def _describe_calibration(found: LabelCalibration | None) -> str:
    if found is None:
        return f"not calibrated: fewer than {MIN_DOCUMENTS} documents in the dev part"
    return (
        f"calibrated by {found.n_documents} documents of the dev part: temperature "
        f"{found.temperature:.2f}, ECE {100 * found.ece_before:.1f} -> {100 * found.ece_after:.1f}"
    )
