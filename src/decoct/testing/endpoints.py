"""What the server offers: chat completions, files and batches; a request in, an answer out."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

from decoct.testing.batch import Batches
from decoct.testing.chat import Chat
from decoct.testing.faults import Fault, status
from decoct.testing.files import Files, Made
from decoct.testing.routes import Place
from decoct.testing.wire import Received, Reply

_NO_SUCH = status(404, message="no such path")


class Endpoints:
    """Everything behind the paths."""

    def __init__(self, chat: Chat, files: Files, batches: Batches) -> None:
        self._chat = chat
        self._files = files
        self._batches = batches

    async def answer(
        self, place: Place, received: Received, body: Mapping[str, Any], fault: Fault
    ) -> Made:
        """Return a JSON object, a file's bytes, or the fault that the answer is."""
        if fault.body is not None:
            return fault
        if place.kind == "chat/completions":
            return await self._chat.answer(body, fault)
        if place.kind == "files":
            return self._file(place, received)
        return await self._batch(place, received.method, body)

    def _file(self, place: Place, received: Received) -> Made:
        match received.method, place.id, place.action:
            case "POST", "", "":
                return self._files.upload(received.body, received.headers.get("content-type", ""))
            case "GET", file_id, "content" if file_id:
                content = self._files.content(file_id)
                return self._files.get(file_id) if content is None else content
            case "GET", file_id, "" if file_id:
                return self._files.get(file_id)
            case "DELETE", file_id, "" if file_id:
                return self._files.delete(file_id)
        return _NO_SUCH

    async def _batch(self, place: Place, method: str, body: Mapping[str, Any]) -> Made:
        match method, place.id, place.action:
            case "POST", "", "":
                return self._batches.create(body)
            case "GET", "", "":
                limit = place.query.get("limit", "20")
                n = int(limit) if limit.isdecimal() else 20
                return self._batches.list(place.query.get("after"), n)
            case "GET", batch_id, "" if batch_id:
                return await self._batches.get(batch_id)
            case "POST", batch_id, "cancel" if batch_id:
                return self._batches.cancel(batch_id)
        return _NO_SUCH


def is_whole(made: Made, fault: Fault) -> bool:
    """Whether it is a chat completion as an endpoint bills it, whatever it says."""
    return fault.status == 200 and isinstance(made, dict) and bool(made.get("choices"))


def to_reply(made: Made, fault: Fault) -> Reply:
    """Return the bytes to send of an answer, under the fault that was dealt."""
    answer = made if isinstance(made, Fault) else fault
    sent = answer.body if isinstance(made, Fault) else made
    data = sent if isinstance(sent, bytes) else json.dumps(sent).encode("ascii")
    kind = "octet-stream" if isinstance(sent, bytes) else "json"
    headers = {"Content-Type": f"application/{kind}"}
    if answer.retry_at_s is not None:
        headers["Retry-After"] = formatdate(time.time() + answer.retry_at_s, usegmt=True)
    return Reply(answer.status, data, {**headers, **answer.headers}, answer.cut, answer.length_off)
