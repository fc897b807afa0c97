"""Chat completions: a request's body in, the protocol's answer out."""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping
from typing import Any

from decoct.testing.faults import Fault, status
from decoct.testing.manner import Body, Manner, Messages


def n_words(messages: Messages) -> int:
    """Return the words of a prompt, cut at white space: what this server bills as tokens."""
    return sum(len(text.split()) for message in messages for text in _texts(message))


def _texts(message: Mapping[str, Any]) -> list[str]:
    content = message.get("content")
    parts = content if isinstance(content, list) else [{"text": content}]
    texts = (part.get("text") for part in parts if isinstance(part, dict))
    return [text for text in texts if isinstance(text, str)]


def malformed(body: object) -> Fault | None:
    """Return the 400 of a body that is no chat request."""
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        return status(400, message="you must provide a model parameter", param="model")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return status(400, message="messages: expected a list", param="messages")
    if not all(isinstance(message, dict) and "role" in message for message in messages):
        return status(400, message="messages: each has a role and a content", param="messages")
    if body.get("stream"):
        return status(400, message="this server does not stream", param="stream")
    return None


class Chat:
    """What answers."""

    def __init__(self, manner: Manner) -> None:
        self._manner = manner
        self._n_answers = 0

    async def answer(self, body: Body, fault: Fault) -> dict[str, Any]:
        """Return the protocol's answer, with the fault's patches laid over it."""
        made = self._manner.handler(body["messages"])
        content = await made if inspect.isawaitable(made) else made
        if fault.rewrite is not None:
            content = fault.rewrite(content)
        message = {"role": "assistant", "content": content, "refusal": None, **fault.message_patch}
        choice = {"index": 0, "message": message, "finish_reason": "stop", **fault.patch}
        self._n_answers += 1
        return {
            "id": f"chatcmpl-{self._n_answers}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": f"{body['model']}-2025",
            "choices": [choice],
            "usage": self._usage(body["messages"], content),
            **fault.answer_patch,
        }

    def _usage(self, messages: Messages, content: str) -> dict[str, Any]:
        n_prompt, n_completion = n_words(messages), len(content.split())
        usage: dict[str, Any] = {
            "prompt_tokens": n_prompt,
            "completion_tokens": n_completion,
            "total_tokens": n_prompt + n_completion,
        }
        if self._manner.cached_tokens:
            cached = min(self._manner.cached_tokens, n_prompt)
            usage["prompt_tokens_details"] = {"cached_tokens": cached}
        return usage
