"""How an encoder is adapted to a domain; read without torch."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from decoct.config import Settings


class AdaptSettings(Settings):
    """How an encoder goes on being pretrained.

    Attributes:
        encoder: `embedded`, a local folder or a hub id of a masked language model.
        max_minutes: how long; the learning rate falls to zero by then.
        max_steps: how many steps instead, which gives the same result on each run.
        block_tokens: tokens of one training text, special ones included.
        batch_blocks: training texts in a step.
        mask_prob: share of the words that are hidden, all tokens of a word together.
        learning_rate: peak, for the encoder.
        head_learning_rate: peak, for the freshly initialised head that guesses words.
        warmup: share of the time over which the learning rate rises.
        weight_decay: AdamW's, not applied to biases and norms.
        max_grad_norm: gradients are clipped to this.
        shuffle_blocks: training texts that are mixed at a time.
        checkpoint_minutes: time between checkpoints.
        seed: of masks and order.
        device: `auto`, `cpu`, `cuda`...
        precision: `bf16`, `fp32`, or `auto` for bf16 where the hardware has it.
    """

    encoder: str = "embedded"
    max_minutes: Annotated[float, Field(gt=0)] | None = None
    max_steps: Annotated[int, Field(ge=1)] | None = None
    block_tokens: Annotated[int, Field(ge=16)] = 128
    batch_blocks: Annotated[int, Field(ge=1)] = 32
    mask_prob: Annotated[float, Field(gt=0, lt=1)] = 0.15
    learning_rate: Annotated[float, Field(gt=0)] = 2e-4
    head_learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.05
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    shuffle_blocks: Annotated[int, Field(ge=1)] = 4096
    checkpoint_minutes: Annotated[float, Field(gt=0)] = 5.0
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 13
    device: str = "auto"
    precision: Literal["auto", "bf16", "fp32"] = "auto"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.max_minutes is None) == (self.max_steps is None):
            raise ValueError("give max_minutes or max_steps, one of them")
        return self
