"""How often each prompt came, was answered whole, and failed; in memory and in a journal."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def prompt_hash(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return what a prompt is counted under: 16 hex digits made of its messages."""
    text = json.dumps(messages, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]


@dataclass(slots=True)
class Count:
    """How often.

    Attributes:
        received: how often it came.
        answered: answers of status 200 that hold a choice, whatever it says, and whose last byte
            was handed to the socket while the client was there; lines of a batch, when they are
            worked off. An endpoint bills these.
        failed: all else that came to an end: errors, cut connections, clients that hung up.
    """

    received: int = 0
    answered: int = 0
    failed: int = 0


class Ledger:
    """The counts of one server.

    Args:
        journal: file that gets one JSON line for each whole answer (`prompt`, `n`: how manieth
            answer to that prompt, `fault`, `at`: seconds since 1970), written at once, for another
            process to count. An existing one is gone on with.

    Attributes:
        total: over all prompts.
        prompts: for each prompt's hash.
        faults: how often each fault was dealt to a chat request, by name.
        most_at_once: the most chat requests that were in hand at one time.
    """

    def __init__(self, journal: Path | None = None) -> None:
        self.total = Count()
        self.prompts: dict[str, Count] = {}
        self.faults: Counter[str] = Counter()
        self.most_at_once = 0
        self._in_hand = 0
        self._journal = journal
        self._file: int | None = None

    def open(self) -> None:
        """Open the journal, if there is to be one."""
        if self._journal is not None:
            self._file = os.open(self._journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def close(self) -> None:
        """Close the journal."""
        if self._file is not None:
            os.close(self._file)
        self._file = None

    def received(self, prompt: str) -> int:
        """Count a request; return how often this prompt came before."""
        count = self.prompts.setdefault(prompt, Count())
        count.received += 1
        self.total.received += 1
        self._in_hand += 1
        self.most_at_once = max(self.most_at_once, self._in_hand)
        return count.received - 1

    def ended(self, prompt: str, *, whole: bool, fault: str = "") -> None:
        """Count how a request ended."""
        self._in_hand -= 1
        if fault:
            self.faults[fault] += 1
        for count in (self.prompts[prompt], self.total):
            count.answered += whole
            count.failed += not whole
        if whole and self._file is not None:
            n = self.prompts[prompt].answered
            line = {"prompt": prompt, "n": n, "fault": fault, "at": round(time.time(), 3)}
            os.write(self._file, (json.dumps(line) + "\n").encode("ascii"))
