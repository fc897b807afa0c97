"""Thousands of calls to a server that fails three times in ten: none lost, none twice.

    python benchmarks/teacher_faults.py [--calls 20000] [--mix 0.3] [--seed 1]

Every kind of fault that `decoct.testing` has is dealt. In the end each document is labelled or
refused with a reason, and the log, the server's count and the summary agree.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from _teacher import label, run, server, write_documents


def main() -> int:
    """Run it and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--mix", default="0.3")
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = write_documents(folder / "docs.jsonl", given.calls)
        journal, out = folder / "journal", folder / "silver.jsonl"
        config = folder / "label.toml"
        config.write_text("backoff_s = 0.2\n[options]\ntimeout_s = 3\n")
        started = time.monotonic()
        with server(
            folder, given.calls, journal=journal, mix=given.mix, seed=given.seed, latency_ms=20
        ) as url:
            flags = ("--concurrency", str(given.concurrency), "--config", str(config))
            made, cpu_s, peak_mib = run(label(source, out, url, *flags))
        seconds = time.monotonic() - started
        ids = [json.loads(line)["id"] for line in out.read_text().splitlines()]
        db = sqlite3.connect(folder / "teacher.sqlite")
        states = dict(db.execute("SELECT state, COUNT(*) FROM calls GROUP BY state"))
        attempts = dict(db.execute("SELECT outcome, COUNT(*) FROM attempts GROUP BY outcome"))
        refused = dict(db.execute("SELECT refusal, COUNT(*) FROM calls GROUP BY refusal"))
        db.close()
        answers = Counter(json.loads(line)["prompt"] for line in journal.read_text().splitlines())
    refusals = made["refusals"]
    n_refused = sum(refusals.values())
    print(f"documents: {given.calls}; labelled {made['n_silver']}, refused {n_refused} {refusals}")
    print(f"calls by state: {states}; attempts: {attempts}; refusals in the log: {refused}")
    print(f"failed attempts by what was said: {made['cost']['failures']}")
    print(
        f"whole answers by the server: {sum(answers.values())}, prompts answered more than once: "
        f"{sum(n > 1 for n in answers.values())}"
    )
    print(
        f"{seconds:.0f} s, {given.calls / seconds:.0f} documents a second, {cpu_s:.0f} s of "
        f"processor, peak {peak_mib:.0f} MiB"
    )
    in_order = ids == sorted(ids, key=lambda id_: int(id_[1:])) and len(ids) == len(set(ids))
    whole = made["n_silver"] + n_refused == given.calls == made["n_documents"]
    print(
        f"none lost: {whole and len(ids) == made['n_silver']}; none twice, in order: {in_order}; "
        f"each refusal has a reason: {all(refusals)}"
    )
    return 0 if whole and in_order and len(ids) == made["n_silver"] and all(refusals) else 1


if __name__ == "__main__":
    sys.exit(main())
