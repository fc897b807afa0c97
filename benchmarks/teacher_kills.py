"""Kill `decoct label` again and again; every answer in the log stays, none is asked twice.

    python benchmarks/teacher_kills.py [--kills 100] [--documents 2000] [--seed 1]

A server of its own process writes down every answer that it has handed over whole. A run is killed
by SIGKILL at a random moment, the log is looked into, and the next run is started, so many times;
then one run goes to the end. Another one, never disturbed, has a log of its own. Answers that were
under way at a kill can't be kept by anybody: the server counts them, and they are told apart.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _teacher import environment, label, run, server, sha256, write_documents


def logged(log: Path) -> set[str]:
    """Return the documents whose answers are in a log."""
    if not log.is_file():
        return set()
    db = sqlite3.connect(f"file:{log}?mode=ro", uri=True)
    try:
        rows = db.execute("SELECT document_id FROM calls WHERE state = 'answered'").fetchall()
    except sqlite3.OperationalError:
        return set()  # killed before its tables were made
    finally:
        db.close()
    return {row[0] for row in rows}


def handed_over(journal: Path) -> list[str]:
    """Return the prompts that were answered, in order."""
    if not journal.is_file():
        return []
    return [json.loads(line)["prompt"] for line in journal.read_text().splitlines()]


def main() -> int:
    """Run it and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--latency-ms", type=float, default=250)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    draw = random.Random(given.seed)
    flags = ("--concurrency", str(given.concurrency))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = write_documents(folder / "docs.jsonl", given.documents)
        journal, out, log = folder / "journal", folder / "silver.jsonl", folder / "teacher.sqlite"
        n_lost = n_twice = n_dropped = n_done = 0
        with server(
            folder,
            given.documents,
            journal=journal,
            latency_ms=given.latency_ms,
            jitter_ms=given.latency_ms / 2,
        ) as url:
            command = label(source, out, url, *flags)
            before: set[str] = set()
            for _ in range(given.kills):
                n_sent = len(handed_over(journal))
                process = subprocess.Popen(
                    command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
                )
                with process:
                    time.sleep(draw.uniform(0.05, 2.2))
                    n_done += process.poll() is not None
                    process.kill()
                time.sleep(given.latency_ms * 2 / 1000)  # what was under way ends
                after = logged(log)
                n_dropped += len(before - after)
                n_lost += len(handed_over(journal)) - n_sent - len(after - before)
                before = after
            made, _, _ = run(command)
            prompts = handed_over(journal)
            n_twice = len(prompts) - len(set(prompts))
        calm = folder / "calm"
        calm.mkdir()
        with server(folder, given.documents) as url:
            run(label(source, calm / "silver.jsonl", url, *flags))
        same = sha256(out) == sha256(calm / "silver.jsonl")
        print(f"kills: {given.kills}, of them after the run's end: {n_done}")
        print(f"documents: {given.documents}, labelled: {made['n_silver']}")
        print(f"answers that were in the log and are not any more: {n_dropped}")
        print(f"answers handed over by the server and not in the log after a kill: {n_lost}")
        print(f"answered twice: {n_twice} (each was under way at a kill: {n_twice <= n_lost})")
        print(f"silver is byte for byte that of an undisturbed run: {same}")
        print(f"leftover files: {sorted(path.name for path in folder.glob('.*'))}")
    good = same and not n_dropped and n_twice <= n_lost and made["n_silver"] == given.documents
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
