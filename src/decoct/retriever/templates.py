"""What an encoder reads of a name, and of a mention with the text around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from decoct.kb.base import Query
from decoct.text.glossary import Glossary

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

CHARS_A_TOKEN = 16  # no tokenizer makes fewer tokens of longer texts, but for a few words


class Template:
    """Turns names and mentions into tokens.

    Args:
        kind: `mention` or `mention_context`; see `EncoderSettings`.
        tokenizer: its truncation and padding are set here.
        max_tokens: of a text, special tokens included.
        glossary: puts names and mentions into the encoder's language first; None reads them as they
            are.
    """

    def __init__(
        self,
        kind: str,
        tokenizer: Tokenizer,
        max_tokens: int,
        glossary: Glossary | None = None,
    ) -> None:
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_tokens)
        self._with_context = kind == "mention_context"
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        self._glossary = glossary
        self._plain = type(tokenizer).from_str(tokenizer.to_str())
        self._plain.no_truncation()

    def encode(self, texts: Sequence[str | Query]) -> list[Encoding]:
        """Return the tokens of names (strings) and mentions (queries)."""
        return list(self._tokenizer.encode_batch([self._read(text) for text in texts]))

    def _read(self, text: str | Query) -> str | tuple[str, str]:
        if isinstance(text, str):
            return self._cut(text)
        mention = self._cut(text.text)
        if not self._with_context or not text.context:
            return mention
        return mention, self._around(text, mention)

    def _around(self, query: Query, mention: str) -> str:
        """Return as much of the text around a mention as there is room for beside the mention."""
        used = len(self._plain.encode(mention, "").ids)
        room = self._max_tokens - used
        reach = max(room, 0) * CHARS_A_TOKEN
        first, last = max(0, query.start - reach), query.end + reach
        near = clean(query.context[first:last])
        places = self._plain.encode(near, add_special_tokens=False).offsets
        start, end = query.start - first, query.end - first
        inside = [number for number, place in enumerate(places) if place[1] > start]
        begin = inside[0] if inside else len(places)
        stop = next((n for n in range(begin, len(places)) if places[n][0] >= end), len(places))
        spare = room - (stop - begin)
        if spare < 0:  # the mention in its place does not fit again
            return ""
        left = min(begin, max(spare // 2, spare - (len(places) - stop)))
        chosen = places[begin - left : stop + spare - left]
        return near[chosen[0][0] : chosen[-1][1]] if chosen else ""

    def _cut(self, text: str) -> str:
        short = clean(text[: self._max_tokens * CHARS_A_TOKEN])
        return self._glossary.gloss(short) if self._glossary else short


def clean(text: str) -> str:
    """Return a text that UTF-8 has a form for: lone surrogates become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
