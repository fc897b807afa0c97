"""The question that a causal language model is asked: a mention, a list, and a letter to answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from decoct.errors import ConfigError
from decoct.reranker.base import Lookup, Question
from decoct.reranker.letters import NONE, Letters, encode, find_letters
from decoct.reranker.tables import entity_of
from decoct.reranker.text import cut_middle, names_to_show, one_spaced, surroundings

_ANSWER = "Answer:"


@dataclass(frozen=True, slots=True)
class Amount:
    """How much of everything is shown.

    Attributes:
        mention_chars: of the mention.
        context_chars: around it.
        name_chars: of each name.
        n_aliases: names beside the preferred one.
        definition_chars: of a definition.
    """

    mention_chars: int = 400
    context_chars: int = 600
    name_chars: int = 200
    n_aliases: int = 3
    definition_chars: int = 200

    def less(self) -> list[Amount]:
        """Return smaller amounts, each with less of what is missed least."""
        steps = [
            {"definition_chars": 80, "context_chars": 300},
            {"definition_chars": 0, "context_chars": 200},
            {"n_aliases": 1, "context_chars": 100},
            {"n_aliases": 0, "context_chars": 0, "mention_chars": 200, "name_chars": 100},
            {"mention_chars": 80, "name_chars": 40},
            {"mention_chars": 40, "name_chars": 20},
        ]
        found, now = [], self
        for step in steps:
            now = replace(now, **{key: min(most, getattr(now, key)) for key, most in step.items()})
            found.append(now)
        return found


class ChoicePrompt:
    """Renders questions for a tokenizer, cut to its budget.

    The texts are values on lines of their own, with no line end in them: no text can pass for
    another option.

    Args:
        tokenizer: of transformers; its chat template is used where there is one.
        instruction: the first line.
        amount: how much is shown where there is room.
        max_tokens: the most tokens of a prompt.
        chat: whether to use the chat template at all.
    """

    def __init__(
        self,
        tokenizer: Any,  # noqa: ANN401
        instruction: str,
        amount: Amount,
        max_tokens: int,
        chat: bool = True,
    ) -> None:
        self.tokenizer = tokenizer
        self.instruction = one_spaced(instruction)
        self.amounts = (amount, *amount.less())
        self.max_tokens = max_tokens
        self.chat = chat and bool(getattr(tokenizer, "chat_template", None))
        self.letters = self._find_letters()

    def token_ids(self, question: Question, order: Sequence[int], lookup: Lookup) -> list[int]:
        """Return the tokens of a prompt that fits.

        Args:
            question: what is asked.
            order: places of the candidates, as they are to be listed.
            lookup: gives names and definitions.

        Raises:
            ConfigError: even with the least of everything it does not fit.
        """
        n_tokens = 0
        for amount in self.amounts:
            ids = self._encode(self.text(question, order, lookup, amount))
            n_tokens = len(ids)
            if n_tokens <= self.max_tokens:
                return ids
        raise ConfigError(
            f"{len(order)} candidates take {n_tokens} tokens, more than max_tokens = "
            f"{self.max_tokens}; give more, or retrieve fewer"
        )

    def text(
        self,
        question: Question,
        order: Sequence[int],
        lookup: Lookup,
        amount: Amount | None = None,
    ) -> str:
        """Return a prompt as it is sent, chat template included."""
        return self._wrap(
            "\n".join(self._lines(question, order, lookup, amount or self.amounts[0]))
        )

    def _lines(
        self, question: Question, order: Sequence[int], lookup: Lookup, amount: Amount
    ) -> list[str]:
        self.letters.check(len(order))
        left, mention, right = surroundings(question.query, amount.context_chars)
        mention = cut_middle(mention, amount.mention_chars)
        lines = [self.instruction, f"Mention: {mention}"]
        if left or right:
            lines.append(f"Context: {left} [{mention}] {right}")
        for name, at in zip(self.letters.names, order, strict=False):
            lines.append(f"{name}. {_shown(question, at, lookup, amount)}")
        return [*lines, f"{NONE}. none of these"]

    def _wrap(self, text: str) -> str:
        if not self.chat:
            return f"{text}\n{_ANSWER}"
        wrapped: str = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": text}],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=False,
        )
        return wrapped

    def _encode(self, text: str) -> list[int]:
        ids = encode(self.tokenizer, text)
        bos = self.tokenizer.bos_token_id
        if self.chat or bos is None or self.tokenizer("a")["input_ids"][:1] != [bos]:
            return ids
        return [bos, *ids]

    def _find_letters(self) -> Letters:
        ending = self._wrap("")[-40:] if self.chat else _ANSWER
        return find_letters(self.tokenizer, ending, ("", " ") if self.chat else (" ", ""))


def _shown(question: Question, at: int, lookup: Lookup, amount: Amount) -> str:
    candidate = question.candidates[at]
    entity = entity_of(candidate, lookup)
    names = names_to_show(question.query.text, candidate, entity, amount.n_aliases)
    shown = "; ".join(cut_middle(one_spaced(name), amount.name_chars) for name in names)
    if amount.definition_chars and entity.definition:
        return f"{shown} ({cut_middle(one_spaced(entity.definition), amount.definition_chars)})"
    return shown
