"""Letters that options are called by, each of one token, so that one position says it all."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from decoct.errors import ConfigError

NONE = "0"
_LETTERS = string.ascii_uppercase + string.ascii_lowercase


@dataclass(frozen=True, slots=True)
class Letters:
    """What the options of a list are called, and the tokens of that.

    Attributes:
        names: of candidates, in order.
        ids: their tokens.
        none_id: token of `NONE`.
        joint: what stands between the prompt and the answer: nothing, or a space.
    """

    names: tuple[str, ...]
    ids: tuple[int, ...]
    none_id: int
    joint: str

    def token_ids(self, n_candidates: int) -> list[int]:
        """Return the tokens of that many candidates, and last that of `NONE`.

        Raises:
            ConfigError: there are not as many letters.
        """
        self.check(n_candidates)
        return [*self.ids[:n_candidates], self.none_id]

    def check(self, n_candidates: int) -> None:
        """Refuse a list that is too long.

        Raises:
            ConfigError: there are not as many letters.
        """
        if n_candidates > len(self.ids):
            raise ConfigError(
                f"{n_candidates} candidates are too many for this language model, which has "
                f"{len(self.ids)} letters of one token; retrieve fewer"
            )


def find_letters(tokenizer: Any, ending: str, joints: Sequence[str]) -> Letters:  # noqa: ANN401
    """Find the letters that are one token each after a prompt.

    Args:
        tokenizer: of transformers.
        ending: how every prompt ends.
        joints: what may stand between prompt and answer, the most natural first.

    Raises:
        ConfigError: there are fewer than two, or none for `NONE`.
    """
    found = [_try(tokenizer, ending, joint) for joint in joints]
    best = max(found, key=lambda letters: len(letters.ids) if letters else 0)
    if best is None or len(best.ids) < 2:
        raise ConfigError(
            "this language model's tokenizer has no single tokens for letters; take another model"
        )
    return best


def encode(tokenizer: Any, text: str) -> list[int]:  # noqa: ANN401
    """Return a text's tokens, without special ones that are not in it."""
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _try(tokenizer: Any, ending: str, joint: str) -> Letters | None:  # noqa: ANN401
    before = encode(tokenizer, ending)

    def token(name: str) -> int | None:
        ids = encode(tokenizer, f"{ending}{joint}{name}")
        known = ids[:-1] == before and ids[-1] != tokenizer.unk_token_id
        return ids[-1] if known else None

    none_id = token(NONE)
    tokens = {name: token(name) for name in _LETTERS}
    good = {name: id_ for name, id_ in tokens.items() if id_ is not None and id_ != none_id}
    if none_id is None or len(set(good.values())) < len(good):
        return None
    return Letters(tuple(good), tuple(good.values()), none_id, joint)
