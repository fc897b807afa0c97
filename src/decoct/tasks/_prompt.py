"""A task's prompt: one jinja2 file with a block `system` and a block `user`.

The file sees `texts`, `examples`, `nearest` and `packed` (see `decoct.tasks.base.Task.prompt`), and
what else its task tells it. A text is a value, never a template: braces in it stay what they are.
The filter `json` writes a value on one line, so that a text written by it can hold neither a line
like `[2]` nor one like `Answer:`, and no text can pass for the frame that it stands in.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any

from decoct.errors import ConfigError
from decoct.tasks.base import Example, Prompt

if TYPE_CHECKING:
    from jinja2 import Template

# what ends a line for some readers and is no control character for JSON
_LINE_ENDS = {ord(char): f"\\u{ord(char):04x}" for char in "\x85\u2028\u2029"}


class PromptFile:
    """A prompt's jinja2 file, compiled when first rendered.

    Args:
        source: the file, a path or a package's resource.
    """

    def __init__(self, source: Traversable) -> None:
        self._source = source

    def render(
        self,
        texts: Sequence[str],
        examples: Sequence[Example] = (),
        nearest: Sequence[Example] = (),
        packed: bool = False,
        **more: object,
    ) -> Prompt:
        """Render both blocks: `system` without white space at its ends, `user` as it is.

        Raises:
            ConfigError: the file is no sound template, or lacks a block.
            ValueError: not one text, where they are not packed.
        """
        if not texts or (len(texts) > 1 and not packed):
            raise ValueError(f"{len(texts)} texts for one prompt; several need packed=True")
        values = {
            "texts": texts,
            "examples": examples,
            "nearest": nearest,
            "packed": packed,
            **more,
        }
        return Prompt(
            system=self._block("system", values).strip(), user=self._block("user", values)
        )

    def _block(self, name: str, values: dict[str, Any]) -> str:
        from jinja2 import TemplateError

        block = self._template.blocks.get(name)
        if block is None:
            raise ConfigError(
                f"{self._source}: has no block {name!r}; a prompt has system and user"
            )
        try:
            return "".join(block(self._template.new_context(values)))
        except TemplateError as error:
            raise ConfigError(f"{self._source}: block {name!r}: {error.message}") from None

    @cached_property
    def _template(self) -> Template:
        from jinja2 import StrictUndefined, TemplateSyntaxError
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        environment = ImmutableSandboxedEnvironment(
            undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
        )
        environment.filters["json"] = one_json_line
        try:
            return environment.from_string(self._source.read_text(encoding="utf-8"))
        except TemplateSyntaxError as error:
            raise ConfigError(f"{self._source}:{error.lineno}: {error.message}") from None


def one_json_line(value: object) -> str:
    """Return a value as JSON without anything in it that ends a line for any reader."""
    return json.dumps(value, ensure_ascii=False, default=dict).translate(_LINE_ENDS)
