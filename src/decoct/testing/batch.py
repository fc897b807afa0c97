"""The Batch endpoint: a file of requests goes through its states, and leaves two files."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from decoct.testing.batch_lines import BatchBehavior, read_input
from decoct.testing.batch_work import Line, Worker
from decoct.testing.faults import status
from decoct.testing.files import Files, Made, no_such
from decoct.testing.manner import Manner

_ENDPOINTS = ("/v1/chat/completions", "/chat/completions")  # the second is Azure's
_WINDOW_S = 24 * 60 * 60
_FINAL = frozenset({"completed", "failed", "expired", "cancelled"})
_DATED = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")


@dataclass
class _Batch:
    """One batch: what is shown of it, and what is to be done."""

    shown: dict[str, Any]
    behavior: BatchBehavior
    lines: list[Line]
    invalid: list[dict[str, Any]]
    n_polled: int = 0
    at_work: bool = False

    @property
    def state(self) -> str:
        return str(self.shown["status"])

    def becomes(self, state: str) -> None:
        """Set the state, and its date."""
        if state != self.state:
            self.shown["status"] = state
            self.shown[f"{state}_at"] = int(time.time())

    def count(self, completed: int, failed: int) -> None:
        """Set how many requests are done."""
        total = len(self.lines)
        self.shown["request_counts"] = _counts(total, completed, failed)


class Batches:
    """All batches of a server."""

    def __init__(self, manner: Manner, files: Files, worker: Worker) -> None:
        self._manner = manner
        self._files = files
        self._worker = worker
        self._batches: dict[str, _Batch] = {}

    def create(self, body: Mapping[str, Any]) -> Made:
        """Take a batch down; what is wrong with its file comes out when it is looked at."""
        input_id = str(body.get("input_file_id"))
        content = self._files.content(input_id)
        if content is None:
            return no_such("File", input_id)
        if body.get("endpoint") not in _ENDPOINTS:
            return status(400, message="Invalid value: endpoint", param="endpoint")
        if body.get("completion_window") != "24h":
            return status(400, message="Invalid value: 24h only", param="completion_window")
        batch_id = f"batch_{len(self._batches) + 1:06d}"
        behavior = self._manner.batch
        lines, invalid = read_input(content, body["endpoint"], behavior)
        batch = _Batch(_shown(batch_id, body), behavior, lines, invalid)
        self._batches[batch_id] = batch
        return dict(batch.shown)

    async def get(self, batch_id: str) -> Made:
        """Look at a batch, which takes it a step further."""
        batch = self._batches.get(batch_id)
        if batch is None:
            return no_such("Batch", batch_id)
        if batch.state not in _FINAL and not batch.at_work:
            batch.n_polled += 1
            await self._step(batch)
        return dict(batch.shown)

    def list(self, after: str | None, limit: int) -> Made:
        """Show batches, newest first, without taking them further."""
        ids = [*reversed(self._batches)]
        if after is not None:
            if after not in self._batches:
                return no_such("Batch", after)
            ids = ids[ids.index(after) + 1 :]
        page = ids[:limit]
        return {
            "object": "list",
            "data": [dict(self._batches[batch_id].shown) for batch_id in page],
            "first_id": page[0] if page else None,
            "last_id": page[-1] if page else None,
            "has_more": len(ids) > len(page),
        }

    def cancel(self, batch_id: str) -> Made:
        """Stop a batch; what it has done by now is kept."""
        batch = self._batches.get(batch_id)
        if batch is None:
            return no_such("Batch", batch_id)
        if batch.state in _FINAL or batch.at_work:
            return status(409, message=f"Cannot cancel a batch with status '{batch.state}'.")
        batch.becomes("cancelling")
        return dict(batch.shown)

    async def _step(self, batch: _Batch) -> None:
        n_left = batch.behavior.n_polls - batch.n_polled
        if batch.invalid:
            batch.shown["errors"] = {"object": "list", "data": batch.invalid}
            batch.becomes("failed")
        elif batch.state == "cancelling":
            await self._finish(batch, batch.shown["request_counts"]["completed"], "cancelled")
        elif n_left <= 0:
            last = "expired" if batch.behavior.expiring else "completed"
            await self._finish(batch, len(batch.lines), last)
        elif n_left == 1 and batch.n_polled > 1:
            batch.becomes("finalizing")
        elif n_left < 3 or batch.n_polled > 1:
            batch.becomes("in_progress")
            batch.count(len(batch.lines) * batch.n_polled // batch.behavior.n_polls, 0)

    async def _finish(self, batch: _Batch, n_done: int, state: str) -> None:
        batch.at_work = True
        batch_id, shown = batch.shown["id"], batch.shown
        output, errors = await self._worker.work(batch_id, batch.lines, n_done, batch.behavior)
        if output:
            content = self._worker.write(batch_id, output, batch.behavior)
            shown["output_file_id"] = self._add(f"{batch_id}_output.jsonl", content)
        if errors:
            content = self._worker.write(batch_id, errors, BatchBehavior())
            shown["error_file_id"] = self._add(f"{batch_id}_error.jsonl", content)
        batch.count(len(output), len(errors))
        batch.becomes(state)
        batch.at_work = False

    def _add(self, name: str, content: bytes) -> str:
        return str(self._files.add(content, name, "batch_output")["id"])


def _counts(total: int, completed: int, failed: int) -> dict[str, int]:
    return {"total": total, "completed": completed, "failed": failed}


def _shown(batch_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a new batch as OpenAI shows it."""
    now = int(time.time())
    return {
        "id": batch_id,
        "object": "batch",
        "endpoint": body["endpoint"],
        "errors": None,
        "input_file_id": body["input_file_id"],
        "completion_window": body["completion_window"],
        "status": "validating",
        "output_file_id": None,
        "error_file_id": None,
        "created_at": now,
        "expires_at": now + _WINDOW_S,
        **{f"{state}_at": None for state in _DATED},
        "request_counts": _counts(0, 0, 0),
        "metadata": body.get("metadata"),
    }
