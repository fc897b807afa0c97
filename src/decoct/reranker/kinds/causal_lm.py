"""The causal language model: it reads the whole list, and the next token says which.

Nothing is generated and nothing parsed: the logits of the options' letters, at the last position of
one forward pass, are the scores. What is learnt is a LoRA adapter; the language model is frozen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from decoct.config import Settings, check
from decoct.errors import ArtifactError
from decoct.progress import Progress, Silent
from decoct.reranker.adapter import (
    Adapter,
    add_lora,
    base_of,
    load_adapter,
    load_base,
    save_adapter,
)
from decoct.reranker.artifact import OTHER_VERSION, Card, read_config, write_config
from decoct.reranker.base import Choice, Lookup, Question
from decoct.reranker.choice_prompt import Amount, ChoicePrompt
from decoct.reranker.lessons import check_choices, describe_choices, expected_share
from decoct.reranker.letters import NONE
from decoct.reranker.listed import Epochs, fixed_order, letter_loss, list_out, score_listed
from decoct.store import versions
from decoct.training.device import autocast, choose_device, uses_bf16
from decoct.training.loop import Job, train
from decoct.training.settings import TrainingSettings


class CausalLMSettings(TrainingSettings):
    """Training settings and those of language model, adapter and prompt.

    Attributes:
        model: a local folder or a hub id of a causal language model (Qwen, Llama and the like).
        freeze_embeddings: LoRA leaves them as they are.
        rank: of the adapter; what vLLM has to be told as `--max-lora-rank`.
        alpha: the adapter counts as alpha / rank.
        lora_dropout: on what goes into the adapter.
        targets: which layers have one: `all-linear`, or names such as `q_proj`.
        gradient_checkpointing: compute states again in the backward pass, for less memory.
        instruction: the prompt's first line.
        chat: use the tokenizer's chat template, where it has one.
        max_tokens: the most tokens of a prompt; definitions, aliases and context are cut for it.
        max_aliases: names beside the preferred one that are shown.
        definition_chars: of a definition.
        context_chars: around a mention.
        shuffle: list the candidates in another order in each epoch, and in one that does not depend
            on the retriever's afterwards: what is right is to be read, not counted. Otherwise in
            the retriever's.
        orders: how many orders to average over when it is asked; each costs a pass.
    """

    model: str = "Qwen/Qwen3-0.6B"
    epochs: Annotated[int, Field(ge=1)] = 3
    patience: Annotated[int, Field(ge=0)] = 2
    batch_size: Annotated[int, Field(ge=1)] = 8
    freeze_embeddings: Literal[True] = True
    learning_rate: Annotated[float, Field(gt=0)] = 2e-4
    rank: Annotated[int, Field(ge=1)] = 16
    alpha: Annotated[int, Field(ge=1)] = 32
    lora_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05
    targets: str | tuple[str, ...] = "all-linear"
    gradient_checkpointing: bool = False
    instruction: str = "Which entry of the list does the mention mean? Answer with its letter."
    chat: bool = True
    max_tokens: Annotated[int, Field(ge=64)] = 1024
    max_aliases: Annotated[int, Field(ge=0)] = 3
    definition_chars: Annotated[int, Field(ge=0)] = 200
    context_chars: Annotated[int, Field(ge=0)] = 600
    shuffle: bool = True
    orders: Annotated[int, Field(ge=1)] = 1


class CausalLMCard(Card):
    """What the folder says of itself.

    Attributes:
        settings: what it was trained with; `settings.model` is the language model.
        letters: what candidates are called, in order, and last what none of them is called.
        letter_ids: their tokens.
        joint: what stands between prompt and letter.
    """

    settings: CausalLMSettings
    letters: tuple[str, ...]
    letter_ids: tuple[int, ...]
    joint: str


class CausalLM:
    """A language model that answers with the letter of an option.

    Saved in peft's layout, `adapter_config.json` and `adapter_model.safetensors`, so that peft and
    vLLM load it on its language model.

    Source: re-ranking by a fine-tuned open model that reads the list, as in RPDR (Ai et al. 2025,
    arXiv 2505.19722); LoRA, Hu et al. 2021 (arXiv 2106.09685). That the letters' logits are taken
    rather than text is ours to choose: the abstract does not say.
    """

    kind: ClassVar[str] = "causal_lm"
    settings_type: ClassVar[type[Settings]] = CausalLMSettings

    def __init__(
        self,
        adapter: Adapter,
        tokenizer: Any,  # noqa: ANN401 (of transformers)
        settings: CausalLMSettings,
        training: Mapping[str, Any] | None = None,
        device: str = "auto",
    ) -> None:
        self.device = choose_device(device)
        self.bf16 = uses_bf16(settings.precision, self.device)
        self.adapter = adapter.to(self.device).eval()
        self.tokenizer = tokenizer
        self.settings = settings
        self.training = dict(training or {})
        self.pad_id = int(tokenizer.pad_token_id or 0)
        amount = Amount(
            context_chars=settings.context_chars,
            n_aliases=settings.max_aliases,
            definition_chars=settings.definition_chars,
        )
        self.prompt = ChoicePrompt(
            tokenizer, settings.instruction, amount, settings.max_tokens, settings.chat
        )

    @classmethod
    def fit(
        cls,
        choices: Sequence[Choice],
        lookup: Lookup,
        settings: Mapping[str, Any],
        *,
        dev: Sequence[Choice] = (),
        progress: Progress | None = None,
    ) -> Self:
        """Learn from choices; see `Reranker.fit`."""
        wanted = check(CausalLMSettings, dict(settings), cls.kind)
        check_choices(choices)
        torch.manual_seed(wanted.seed)
        base, tokenizer = load_base(wanted.model, _dtype(wanted))
        adapter = add_lora(
            base,
            rank=wanted.rank,
            alpha=wanted.alpha,
            dropout=wanted.lora_dropout,
            targets=wanted.targets,
            gradient_checkpointing=wanted.gradient_checkpointing,
        )
        made = cls(adapter, tokenizer, wanted, device=wanted.device)
        made.training = made._train(choices, lookup, dev, progress or Silent())
        return made

    def scores(self, questions: Sequence[Question], lookup: Lookup) -> list[NDArray[np.float32]]:
        """Return log-probabilities, NIL's last; see `Reranker.scores`."""
        settings = self.settings
        totals = [np.zeros(len(one.candidates) + 1, dtype=np.float32) for one in questions]
        for turn in range(settings.orders):
            listed = [
                list_out(self.prompt, one, fixed_order(one, turn, settings.shuffle), lookup)
                for one in questions
            ]
            with torch.inference_mode(), autocast(self.device, self.bf16):
                for at, row in score_listed(self.adapter, listed, self.pad_id):
                    totals[at] += row / settings.orders
        return totals

    def save(self, folder: Path) -> None:
        """Write the adapter, the tokenizer and `config.json`.

        Raises:
            StoreError: the folder can't be written.
        """
        save_adapter(folder, self.adapter)
        self.tokenizer.save_pretrained(str(folder))
        letters = self.prompt.letters
        card = CausalLMCard(
            settings=self.settings,
            letters=(*letters.names, NONE),
            letter_ids=(*letters.ids, letters.none_id),
            joint=letters.joint,
            training=self.training,
            versions=versions(),
        )
        write_config(folder, self.kind, card)

    @classmethod
    def load(cls, folder: Path, device: str = "auto") -> Self:
        """Read it from a folder, and its language model from where it came; see `Reranker.load`."""
        card, _ = read_config(folder, cls.kind, CausalLMCard)
        base, tokenizer = load_base(base_of(folder), _dtype(card.settings, device))
        made = cls(load_adapter(folder, base), tokenizer, card.settings, card.training, device)
        letters = made.prompt.letters
        if (*letters.ids, letters.none_id) != card.letter_ids or letters.joint != card.joint:
            raise ArtifactError(
                f"{folder}: was trained on another {base_of(folder)}, whose letters were other "
                f"tokens; {OTHER_VERSION}"
            )
        return made

    def _train(
        self, choices: Sequence[Choice], lookup: Lookup, dev: Sequence[Choice], progress: Progress
    ) -> dict[str, Any]:
        asked = [choice.question for choice in dev]
        settings = self.settings
        epochs = Epochs(
            choices,
            lookup,
            self.prompt,
            batch_size=settings.batch_size,
            seed=settings.seed,
            shuffle=settings.shuffle,
        )

        def dev_score() -> float:
            return expected_share(dev, self.scores(asked, lookup))

        training = train(
            Job(
                model=self.adapter,
                head_names=(),
                n_batches=epochs.n_batches,
                batches=epochs.epoch,
                loss=lambda step: letter_loss(self.adapter, step, self.pad_id),
                dev_score=dev_score if dev else None,
                fingerprint="",
            ),
            settings,
            progress,
        )
        watched = {"best_epoch": training.best_epoch, "best_dev_share": training.best_score}
        return {
            **describe_choices(choices, dev),
            **(watched if dev else {"epochs": len(training.history)}),
            "device": training.device,
            "bf16": training.bf16,
            "seconds": round(sum(entry["seconds"] for entry in training.history), 1),
            "losses": [round(entry["loss"], 4) for entry in training.history],
        }


def _dtype(settings: CausalLMSettings, device: str | None = None) -> torch.dtype:
    """Return what the frozen weights are held in: bf16 on an accelerator that has it."""
    where = choose_device(device or settings.device)
    half = where.type != "cpu" and uses_bf16(settings.precision, where)
    return torch.bfloat16 if half else torch.float32


plugin = CausalLM
