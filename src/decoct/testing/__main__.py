"""A misbehaving server run by hand: its base URL is the first line that it prints."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from decoct.testing.batch_lines import BatchBehavior
from decoct.testing.handlers import ade, from_file
from decoct.testing.server import FakeOpenAI


def _mix(text: str) -> float | Mapping[str, float]:
    if "=" not in text:
        return float(text)
    parts = (part.partition("=") for part in text.split(","))
    return {name.strip(): float(share) for name, _, share in parts}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m decoct.testing", description=__doc__)
    add = parser.add_argument
    add("--port", type=int, default=0, help="where to listen on 127.0.0.1 (default: any)")
    add("--latency-ms", type=float, default=0, help="how long every answer takes at least")
    add("--jitter-ms", type=float, default=0, help="up to so much more, at random")
    add("--mix", type=_mix, help="share of faulty answers: 0.3, or throttled=0.1,transient=0.2")
    add("--hang-s", type=float, default=5, help="how late a hanging answer of the mix is")
    add("--seed", type=int, default=0, help="of all that is random")
    add("--rpm", type=float, help="requests a minute; more get 429")
    add("--tpm", type=float, help="prompts' tokens (words) a minute; more get 429")
    add("--limit-window-s", type=float, default=60, help="time over which these are enforced")
    add("--polls", type=int, default=3, help="the look at which a batch is done")
    add("--answer", type=Path, metavar="FILE", help="JSONL of text and content to answer from")
    add("--journal", type=Path, metavar="FILE", help="gets one JSON line for each whole answer")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until interrupted or terminated, then print the counts as one line of JSON."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        server = FakeOpenAI(
            from_file(given.answer) if given.answer else ade,
            port=given.port,
            mix=given.mix,
            hang_s=given.hang_s,
            seed=given.seed,
            latency_s=given.latency_ms / 1000,
            jitter_s=given.jitter_ms / 1000,
            requests_per_minute=given.rpm,
            tokens_per_minute=given.tpm,
            limit_window_s=given.limit_window_s,
            record=False,
            journal=given.journal,
            batch=BatchBehavior(n_polls=given.polls),
        )
    except (ValueError, KeyError, OSError) as error:
        parser.error(str(error))
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with server:
        _say(server.base_url)
        stopped.wait()
    counts = server.counts
    _say(json.dumps({**asdict(counts.total), "faults": dict(counts.faults)}))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
