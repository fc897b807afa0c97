"""What a student is made of and how it is trained; read without torch."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from decoct.config import Settings
from decoct.registry import Shelf, nearest
from decoct.student.silver import SilverSettings
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
        max_tokens: the window; a longer document is cut into windows, none of it is dropped.
        dropout: in the heads.
        dev_share: share of the silver documents kept for early stopping; gold is never used for it.
        subject_threshold: a word with this probability is in a subject.
        object_threshold: a word with this probability is in an object.
        object_bridge: a gap of a word or two in an object is closed where each has this much.
        silver: what is done to silver before it is learnt from.
    """

    encoder: str = "embedded"
    head: str = "subject_centric"
    combination: Combination = "concat_product"
    max_tokens: Annotated[int, Field(ge=16)] = 256
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    dev_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    subject_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    object_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    object_bridge: Annotated[float, Field(gt=0, le=1)] = 0.1
    silver: SilverSettings = SilverSettings()

    @field_validator("head")
    @classmethod
    def _check_head(cls, name: str) -> str:
        names = HEADS.names()
        if name not in names:
            raise ValueError(f"no such head{nearest(name, names)}; there are: {', '.join(names)}")
        return name


class StudentCard(Settings):
    """What a student folder says of itself, under `decoct` in `config.json`.

    Attributes:
        task: the task's name.
        subject_label: label of subject spans.
        relation_labels: relation types, in the order of the object head's outputs.
        object_labels: label of the object spans of each relation type, in the same order.
        settings: what it was trained with.
        training: device, epochs, dev scores, seconds.
        silver: the silver data: documents, relations, hash, teachers.
        versions: of decoct and its libraries.
    """

    task: str
    subject_label: str
    relation_labels: tuple[str, ...]
    object_labels: tuple[str, ...]
    settings: StudentSettings
    training: dict[str, object] = Field(default_factory=dict)
    silver: dict[str, object] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.relation_labels or len(self.relation_labels) != len(self.object_labels):
            raise ValueError("relation_labels and object_labels must be as many, and not none")
        return self
