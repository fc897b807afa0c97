"""What a student is made of and how it is trained; read without torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from decoct.config import Settings
from decoct.records import Probability
from decoct.registry import Shelf, nearest
from decoct.student.silver import SilverSettings
from decoct.tasks.base import RelationType
from decoct.training.settings import TrainingSettings

HEADS = Shelf("decoct.student.heads", noun="head")  # here, since its contract needs torch
Combination = Literal["concat_product", "concat", "add", "gated"]


class StudentSettings(TrainingSettings):
    """Training settings and the student's own.

    Attributes:
        encoder: `embedded`, a local folder or a hub id.
        head: what finds subjects and their objects, a name on the shelf `student/heads`.
        combination: how the head `subject_centric` puts a word h and its subject s together:
            `concat` W[h; s], `concat_product` W[h; s; h*s], `add` W(h + s), `gated`
            W(h * sigmoid(V s)).
        unit: what is read at once: each `sentence` by itself, or the `document`, as far as it fits
            the window. `auto` takes sentences where most of the silver documents are one: a student
            that has never seen two at once finds next to nothing in a paragraph.
        max_tokens: the window; a longer text is cut into windows, none of it is dropped.
        dropout: in the heads.
        dev_share: share of the silver documents kept for early stopping; gold is never used for it.
        subject_threshold: 0.5 takes the likeliest spans, less takes more of them: the odds of words
            to be outside are multiplied by threshold / (1 - threshold). Where it is not given, the
            task says it.
        object_threshold: the same for objects.
        calibrate: give out relation confidences at the temperature that fits silver's dev part, so
            that they say how often the teacher agrees. What is found stays the same, and so does
            the order, but for ties of rounding; the confidences of spans are left as they are.
        tune_threshold: leave out relations that are less sure than what gave the best F1 on
            silver's dev part, and object spans that no other relation has.
        relation_threshold: the same with a number of one's own; 0 leaves nothing out. Either is
            compared with the confidences that are given out, the calibrated ones where there are.
        silver: what is done to silver before it is learnt from.
    """

    encoder: str = "embedded"
    head: str = "subject_centric"
    combination: Combination = "concat_product"
    unit: Literal["auto", "sentence", "document"] = "auto"
    max_tokens: Annotated[int, Field(ge=16)] = 256
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    dev_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    subject_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    object_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    calibrate: bool = True
    tune_threshold: bool = False
    relation_threshold: Annotated[float, Field(ge=0, lt=1)] = 0.0
    silver: SilverSettings = SilverSettings()

    @field_validator("head")
    @classmethod
    def _check_head(cls, name: str) -> str:
        names = HEADS.names()
        if name not in names:
            raise ValueError(f"no such head{nearest(name, names)}; there are: {', '.join(names)}")
        return name

    @model_validator(mode="after")
    def _check_thresholds(self) -> Self:
        if self.tune_threshold and self.relation_threshold:
            raise ValueError(
                f"relation_threshold {self.relation_threshold} and tune_threshold exclude one "
                "another; leave one of them out"
            )
        return self


class RelationCalibration(Settings):
    """How a student's relation confidences relate to silver that it did not learn from.

    A relation is right here where silver has one that overlaps it (lenient, by offsets). The errors
    after are measured on the relations that the temperature was fitted to.

    Attributes:
        temperature: makes the confidences fit best; above 1 the student was too sure.
        threshold: keeping relations from this confidence on gives the best F1; one of those that
            are given out, and so at the temperature if the settings said `calibrate`.
        n_relations: predicted relations that all this is told by.
        ece_before: expected calibration error, 0 to 1, of the network's own confidences.
        ece_after: the same at the temperature.
        brier_before: mean squared error, 0 to 1, of the network's own confidences.
        brier_after: the same at the temperature.
    """

    temperature: Annotated[float, Field(gt=0)]
    threshold: Probability
    n_relations: Annotated[int, Field(ge=1)]
    ece_before: Probability
    ece_after: Probability
    brier_before: Probability
    brier_after: Probability


class StudentCard(Settings):
    """What a student folder says of itself, under `decoct` in `config.json`.

    Attributes:
        task: the task's name.
        tagged: labels of the spans that are found by themselves, in the order of the tagger's
            outputs.
        relation_types: in the order of the object head's outputs.
        exclusive: whether a character is in one tagged span at most.
        settings: what it was trained with.
        training: device, epochs, dev scores, seconds.
        silver: the silver data: documents, relations, hash, teachers.
        versions: of decoct and its libraries.
        calibration: of its relation confidences; None where silver's dev part had too few relations
            to tell, and of students from before there was one.
    """

    task: str
    tagged: Annotated[tuple[str, ...], Field(min_length=1)]
    relation_types: tuple[RelationType, ...] = ()
    exclusive: bool = True
    settings: StudentSettings
    training: dict[str, object] = Field(default_factory=dict)
    silver: dict[str, object] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    calibration: RelationCalibration | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_first_form(cls, data: Any) -> Any:  # noqa: ANN401 (whatever the file holds)
        """Take the form of students with one kind of subjects, which was the first."""
        if not isinstance(data, dict) or "subject_label" not in data:
            return data
        left = {key: value for key, value in data.items() if key not in _FIRST_FORM}
        subject, labels, objects = (data.get(key) for key in _FIRST_FORM)
        if not isinstance(labels, Sequence) or not isinstance(objects, Sequence):
            return data
        if not labels or len(labels) != len(objects):
            return data  # whose keys are then refused
        kinds = [(label, subject, target) for label, target in zip(labels, objects, strict=True)]
        return {**left, "tagged": [subject], "relation_types": kinds}

    @property
    def labels(self) -> frozenset[str]:
        """The labels of all spans."""
        return frozenset((*self.tagged, *(kind.object for kind in self.relation_types)))

    @property
    def subject_labels(self) -> frozenset[str]:
        """The labels of the spans that relations start from."""
        return frozenset(kind.subject for kind in self.relation_types)


_FIRST_FORM = ("subject_label", "relation_labels", "object_labels")
