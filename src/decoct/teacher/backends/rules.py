"""The embedded teacher: a lexicon and causal patterns, no network, no key, no model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Self

from decoct.config import Settings, check
from decoct.errors import ConfigError, RefusedError
from decoct.teacher.annotator import RulesAnnotator
from decoct.teacher.base import Completion, Request


class RulesBackend:
    """Answers the `ade` task from word lists and cue phrases.

    A baseline, and a teacher for trying the road when there is no LLM at hand.
    """

    name = "rules"
    live = False
    private = True
    free = True
    model = "rules"

    def __init__(self) -> None:
        self._annotator = RulesAnnotator()
        self.parameters: Mapping[str, Any] = {"rules": _fingerprint()}

    @classmethod
    def from_spec(cls, argument: str, options: Mapping[str, Any]) -> Self:
        """Make it; it takes no argument.

        Raises:
            ConfigError: an argument or an option is given.
        """
        check(Settings, dict(options), "--teacher rules")
        if argument:
            raise ConfigError(f"--teacher rules takes no argument, got {argument!r}")
        return cls()

    async def complete(self, request: Request) -> Completion:
        """Annotate the request's text.

        Raises:
            RefusedError: the task is not `ade`.
        """
        if request.task != "ade":
            raise RefusedError("unsupported_task", f"rules knows 'ade' only, not {request.task!r}")
        found = self._annotator.annotate(request.text)
        answer = {
            "drugs": list(dict.fromkeys(drug.text for drug in found.drugs)),
            "events": [{"drug": drug.text, "effect": effect.text} for drug, effect in found.pairs],
        }
        return Completion(content=json.dumps(answer, ensure_ascii=False), model=self.model)

    async def aclose(self) -> None:
        """Do nothing: there is nothing to let go of."""


def _fingerprint() -> str:
    """Hash word lists and code, so that rules that have changed never hit an old answer."""
    digest = hashlib.sha256()
    teacher = files("decoct.teacher")
    folders = (teacher, teacher / "lexicon")
    sources = [file for folder in folders for file in folder.iterdir() if file.is_file()]
    for file in sorted(sources, key=lambda file: file.name):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:16]


plugin = RulesBackend
