"""Working off a batch's requests: each gets an answer, an error, or nothing at all."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

from decoct.testing.batch_lines import BatchBehavior
from decoct.testing.chat import Chat, malformed
from decoct.testing.faults import status
from decoct.testing.ledger import Ledger, prompt_hash
from decoct.testing.manner import Manner
from decoct.testing.mix import draw
from decoct.testing.trouble import Trouble

EXPIRED = "This request could not be executed before the completion window expired."
CANCELLED = "This batch was cancelled before this request was executed."
_BREATH = 200  # requests between which others get a turn

Line = dict[str, Any]


class Worker:
    """What works off batches.

    The ledger counts a line as received and answered when it is worked off. Standing faults apply
    to lines; those in the queue and those of the mix do not.
    """

    def __init__(self, manner: Manner, chat: Chat, trouble: Trouble, ledger: Ledger) -> None:
        self._manner = manner
        self._chat = chat
        self._trouble = trouble
        self._ledger = ledger
        self._n_requests = 0

    async def work(
        self, batch_id: str, lines: Sequence[Line], n_done: int, behavior: BatchBehavior
    ) -> tuple[list[Line], list[Line]]:
        """Return the lines of the output file and those of the error file.

        Args:
            batch_id: part of what decides which of them fail.
            lines: the requests.
            n_done: only the first so many are worked off, the others are cancelled.
            behavior: what goes wrong.
        """
        output: list[Line] = []
        errors: list[Line] = []
        for position, line in enumerate(lines):
            if position % _BREATH == 0:
                await asyncio.sleep(0)
            fate = draw(self._manner.seed, batch_id, position)
            code = behavior.statuses[len(errors) % len(behavior.statuses)]
            made = (
                await self._one(line, fate, behavior, code)
                if position < n_done
                else self._line(line, None, {"code": "batch_cancelled", "message": CANCELLED})
            )
            if made is not None:
                response = made["response"]
                fine = response is not None and response["status_code"] == 200
                (output if fine else errors).append(made)
        return output, errors

    def write(self, batch_id: str, lines: Sequence[Line], behavior: BatchBehavior) -> bytes:
        """Return an output file, with what the behavior asks for done to its lines."""
        rng = random.Random(f"{self._manner.seed}/{batch_id}")
        texts = [json.dumps(line) for line in lines]
        texts += rng.sample(texts, min(behavior.n_duplicated, len(texts)))
        for _ in range(behavior.n_not_json):
            texts.insert(rng.randint(0, len(texts)), '{"id": "batch_req_')
        if behavior.shuffled:
            rng.shuffle(texts)
        return "".join(f"{text}\n" for text in texts).encode("ascii")

    async def _one(self, line: Line, fate: float, how: BatchBehavior, code: int) -> Line | None:
        if fate < how.missing:
            return None
        if fate < how.missing + how.expiring:
            return self._line(line, None, {"code": "batch_expired", "message": EXPIRED})
        if fate < how.missing + how.expiring + how.failing:
            return self._answered(line, code, status(code).body)
        return self._answered(line, *await self._answer(line["body"]))

    async def _answer(self, body: Mapping[str, Any]) -> tuple[int, object]:
        fault = malformed(body) or self._trouble.complaint(body) or self._trouble.always()
        prompt = prompt_hash(body.get("messages") or [])
        self._ledger.received(prompt)
        whole = fault.status == 200 and fault.body is None
        sent = await self._chat.answer(body, fault) if whole else fault.body
        self._ledger.ended(prompt, whole=whole, fault=fault.name)
        return fault.status, sent

    def _answered(self, line: Line, code: int, body: object) -> Line:
        request_id = f"req_{self._n_requests + 1}"
        response = {"status_code": code, "request_id": request_id, "body": body}
        return self._line(line, response, None)

    def _line(self, line: Line, response: object, error: object) -> Line:
        self._n_requests += 1
        return {
            "id": f"batch_req_{self._n_requests}",
            "custom_id": line["custom_id"],
            "response": response,
            "error": error,
        }
