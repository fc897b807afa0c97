"""The settings of a training run; read without torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from decoct.config import Settings


class TrainingSettings(Settings):
    """How a model is trained.

    Attributes:
        seed: of initialisation, order and dropout.
        epochs: the most passes over the data.
        patience: epochs without a better dev score before stopping; 0 never stops early.
        batch_size: examples in a step.
        freeze_embeddings: leave the encoder's word embeddings as they are; half of a small
            encoder's weights, which a few thousand sentences hardly move, at a fifth of the time.
        learning_rate: peak, for the encoder.
        head_learning_rate: peak, for the freshly initialised heads.
        warmup: share of all steps over which the learning rate rises.
        weight_decay: AdamW's, not applied to biases and norms.
        max_grad_norm: gradients are clipped to this.
        device: `auto`, `cpu`, `cuda`...
        precision: `bf16`, `fp32`, or `auto` for bf16 where the hardware has it.
    """

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 13
    epochs: Annotated[int, Field(ge=1)] = 8
    patience: Annotated[int, Field(ge=0)] = 4
    batch_size: Annotated[int, Field(ge=1)] = 16
    freeze_embeddings: bool = True
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    head_learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    device: str = "auto"
    precision: Literal["auto", "bf16", "fp32"] = "auto"
