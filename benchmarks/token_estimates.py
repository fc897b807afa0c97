"""Estimated tokens against what real calls were billed.

python benchmarks/token_estimates.py --teachers ../shared/data/ade/teacher
"""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path
from typing import Any

from decoct.tasks.base import Prompt
from decoct.teacher.base import Request
from decoct.teacher.tokens import n_tokens, request_tokens


def main() -> None:
    """Print a row for each kind of call."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--teachers", type=Path, required=True)
    folder: Path = parser.parse_args().teachers
    system = (folder / "gpt-4.prompt.txt").read_text(encoding="utf-8")
    framing = request_tokens(Request("", "", "ade", Prompt(system, ""), {}))
    print("| calls | n | error of the sum | mean absolute error of a call |")
    print("|---|---|---|---|")
    for name in ("gpt-4-1106-json", "o1-2024-12-17"):
        calls = read(folder, name)
        guessed = [framing + n_tokens(call["text"]) for call in calls]
        show(f"{name}, prompts", guessed, [call["usage"]["prompt_tokens"] for call in calls])
    for name, field in (
        ("gpt-4-1106-json", "content"),
        ("gpt-4-1106-function", "function_arguments"),
    ):
        # a few went on with white space to the limit, and not all of that was kept
        calls = [
            call
            for call in read(folder, name)
            if call["finish_reason"] == "stop" and call["usage"]["completion_tokens"] < 400
        ]
        guessed = [n_tokens(call[field]) for call in calls]
        show(f"{name}, answers", guessed, [call["usage"]["completion_tokens"] for call in calls])


def read(folder: Path, name: str) -> list[dict[str, Any]]:
    """Read recorded calls."""
    with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as handle:
        return [json.loads(line) for line in handle]


def show(what: str, guessed: list[int], billed: list[int]) -> None:
    """Print one row."""
    total = sum(guessed) / sum(billed) - 1
    each = sum(abs(g / b - 1) for g, b in zip(guessed, billed, strict=True)) / len(billed)
    print(f"| {what} | {len(billed):,} | {total:+.1%} | {each:.1%} |")


if __name__ == "__main__":
    main()
