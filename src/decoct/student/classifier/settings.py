"""What a classifier is made of and how it is trained; read without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from decoct.config import Settings
from decoct.encoder.load import CONFIG
from decoct.errors import StoreError
from decoct.records import Probability
from decoct.store import read_json
from decoct.training.settings import TrainingSettings

KIND: Literal["classifier"] = "classifier"
Confidence = Literal["ignore", "weigh", "soft"]
Doubt = Literal["keep", "weigh", "drop"]
Order = Literal["given", "likest"]
WindowPooling = Literal["attention", "mean", "max"]


class ClassifierSettings(TrainingSettings):
    """Training settings and the classifier's own.

    Attributes:
        encoder: `embedded`, a local folder or a hub id.
        pooling: what stands for a window: the `mean` of its tokens, or the `first`.
        window_pooling: what stands for a text of several windows: their mean by learnt `attention`,
            their plain `mean`, or the class score of the window that gives most, `max`.
        max_tokens: the window. A text that does not fit is cut into windows, none of it is dropped;
            of a pair each window of the second text is read with the first one.
        overlap: share of a window that the next one repeats.
        order: how the second text of a pair is read: as `given`, or the lines that are most like
            the first text before the others (`likest`), each with the heading above it.
        max_windows: the most windows of a document that are read, the first ones; 0 for all. What
            is left out is counted and said.
        train_windows: the most windows of a document in a step of training: the first one, and
            others drawn anew in each epoch; 0 for all.
        overlap_features: of a pair, tell the head how many of the first text's words and numbers
            the second one has.
        markers: strings that become tokens of their own, with an embedding that is learnt, such as
            `@GENE$`; None for all of this form that the texts have, an empty list for none.
        dropout: on what stands for a text.
        dev_share: share of the silver documents kept for early stopping; gold is never used for it.
        confidence: what is made of the confidence that silver gives a label. `ignore`: nothing.
            `weigh`: a document counts as much. `soft`: it is the probability that is learnt, and
            the rest goes to the other classes; where `meta["probabilities"]` has one for each
            class, those are learnt.
        label_smoothing: share of each target that is spread over all classes.
        balance: let each class count the same, however many documents silver has of it.
        calibrate: give out probabilities at the temperature that fits silver's dev part.
        threshold: how probable the positive class has to be to be taken; None takes the likeliest.
        tune_threshold: take the threshold that gave the best F1 on silver's dev part.
        doubt: what is done about a label that classifiers contradict which did not learn from the
            document. `keep`: nothing. `weigh`: it counts as much as they believe it, and at least
            `min_weight`. `drop`: nothing is learnt from it.
        doubt_folds: how many such classifiers.
        min_weight: the least that a document is weighed down to.
    """

    encoder: str = "embedded"
    pooling: Literal["mean", "first"] = "mean"
    window_pooling: WindowPooling = "attention"
    max_tokens: Annotated[int, Field(ge=16)] = 256
    overlap: Annotated[float, Field(ge=0, le=0.5)] = 0.25
    order: Order = "given"
    max_windows: Annotated[int, Field(ge=0)] = 0
    train_windows: Annotated[int, Field(ge=0)] = 4
    overlap_features: bool = False
    markers: tuple[str, ...] | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    dev_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    confidence: Confidence = "weigh"
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    balance: bool = False
    calibrate: bool = True
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    tune_threshold: bool = False
    doubt: Doubt = "keep"
    doubt_folds: Annotated[int, Field(ge=2)] = 5
    min_weight: Probability = 0.2

    @model_validator(mode="after")
    def _check_thresholds(self) -> Self:
        if self.tune_threshold and self.threshold is not None:
            raise ValueError(
                f"threshold {self.threshold} and tune_threshold exclude one another; leave one of "
                "them out"
            )
        if any(not marker.strip() for marker in self.markers or ()):
            raise ValueError("markers must not be blank")
        return self


class LabelCalibration(Settings):
    """How a classifier's confidences relate to silver that it did not learn from.

    A label is right here where silver has the same. The errors after are measured on the documents
    that the temperature was fitted to.

    Attributes:
        temperature: makes the probabilities fit best; above 1 the classifier was too sure.
        threshold: taking the positive class from this probability on gives the best F1; of the
            probabilities that are given out. None where the task has no positive class.
        n_documents: what all this is told by.
        ece_before: expected calibration error, 0 to 1, of the network's own confidences.
        ece_after: the same at the temperature.
        brier_before: mean squared error, 0 to 1, of the network's own confidences.
        brier_after: the same at the temperature.
    """

    temperature: Annotated[float, Field(gt=0)]
    threshold: Probability | None = None
    n_documents: Annotated[int, Field(ge=1)]
    ece_before: Probability
    ece_after: Probability
    brier_before: Probability
    brier_after: Probability


class ClassifierCard(Settings):
    """What a classifier's folder says of itself, under `decoct` in `config.json`.

    Attributes:
        kind: tells it from a student of spans and relations, whose card has none.
        task: the task's name.
        labels: the classes, in the order of the network's outputs.
        positive: the class that precision, recall and F1 are of, if the task has one.
        second: where the second text of a pair stands in a document's `meta`; None for one text.
        markers: strings that are tokens of their own.
        settings: what it was trained with.
        training: device, epochs, dev scores, seconds.
        silver: the silver data: documents, labels, hash, teachers.
        versions: of decoct and its libraries.
        calibration: of its confidences; None where silver's dev part was too small to tell.
    """

    kind: Literal["classifier"] = KIND
    task: str
    labels: tuple[str, ...]
    positive: str | None = None
    second: str | None = None
    markers: tuple[str, ...] = ()
    settings: ClassifierSettings
    training: dict[str, object] = Field(default_factory=dict)
    silver: dict[str, object] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    calibration: LabelCalibration | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.labels)) < 2 or len(set(self.labels)) < len(self.labels):
            raise ValueError("labels must be two or more, each once")
        if self.positive is not None and self.positive not in self.labels:
            raise ValueError(f"positive {self.positive!r} is none of the labels")
        return self


def is_classifier(folder: Path) -> bool:
    """Whether a student's folder holds a classifier; False where nothing can be told."""
    try:
        return bool(read_json(folder / CONFIG)["decoct"]["kind"] == KIND)
    except (StoreError, KeyError, TypeError):
        return False
