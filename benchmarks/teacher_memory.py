"""Peak memory of `decoct label` for few and for many documents.

python benchmarks/teacher_memory.py [--few 2000] [--many 200000]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _teacher import label, run, server, write_documents


def main() -> int:
    """Measure both, each in a process of its own, and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--few", type=int, default=2000)
    parser.add_argument("--many", type=int, default=200_000)
    parser.add_argument("--one", type=int, help="measure this many only")
    given = parser.parse_args()
    if given.one:
        return measure(given.one)
    peaks = []
    for n_documents in (given.few, given.many):
        command = [sys.executable, __file__, "--one", str(n_documents)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        print(told, end="")
        peaks.append(float(told.split("peak ")[1].split()[0]))
    print(f"difference: {peaks[1] - peaks[0]:.0f} MiB")
    return 0 if peaks[1] - peaks[0] < 100 else 1


def measure(n_documents: int) -> int:
    """Label so many documents, then again from the log."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = write_documents(folder / "docs.jsonl", n_documents)
        out = folder / "silver.jsonl"
        with server(folder, n_documents) as url:
            for turn in ("asked", "from the log"):
                started = time.monotonic()
                made, _, peak_mib = run(label(source, out, url, "--concurrency", "64"))
                print(
                    f"{n_documents} documents {turn}: {made['n_silver']} labelled, "
                    f"{time.monotonic() - started:.0f} s, peak {peak_mib:.0f} MiB"
                )
                assert made["n_silver"] == n_documents
    return 0


if __name__ == "__main__":
    sys.exit(main())
