"""Calls a second at 200 ms latency: decoct's engine, and the plain `openai` client under asyncio.

    python benchmarks/teacher_throughput.py [--calls 6400] [--concurrency 64]

Both in this run, against the same server, each in a process of its own on one core, the server on
another. decoct also validates, grounds, logs every attempt and writes silver; the plain client only
collects answers. It needs `pip install openai`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _teacher import environment, server, text_of, write_documents


def main() -> int:
    """Run both, and print what they reached of the ideal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=6400)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency-ms", type=float, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--client", choices=("decoct", "openai"))
    parser.add_argument("--base-url")
    given = parser.parse_args()
    if given.client:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        client = ask_decoct if given.client == "decoct" else ask_openai
        seconds = client(given.calls, given.concurrency, given.base_url)
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(json.dumps({"seconds": seconds, "cpu_s": used.ru_utime + used.ru_stime}))
        return 0
    ideal = given.concurrency / (given.latency_ms / 1000)
    print(f"ideal: {ideal:.0f} calls a second")
    reached = []
    with (
        tempfile.TemporaryDirectory() as name,
        server(Path(name), given.calls, latency_ms=given.latency_ms) as url,
    ):
        for client in ("decoct", "openai") * given.rounds:
            found = measure(client, given.calls, given.concurrency, url)
            rate = given.calls / found["seconds"]
            if client == "decoct":
                reached.append(rate / ideal)
            print(
                f"{client:7} {rate:6.1f} calls a second, {rate / ideal:.3f} of the ideal, "
                f"{1000 * found['cpu_s'] / given.calls:.2f} ms of processor a call"
            )
    median = sorted(reached)[len(reached) // 2]
    print(f"decoct, median of {given.rounds}: {median:.3f} of the ideal")
    return 0 if median >= 0.9 else 1


def measure(client: str, n_calls: int, concurrency: int, url: str) -> dict[str, float]:
    """Run one client in a process of its own."""
    command = [sys.executable, __file__, "--client", client, "--base-url", url]
    command += ["--calls", str(n_calls), "--concurrency", str(concurrency)]
    told = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=environment()
    ).stdout
    return dict(json.loads(told))


def ask_decoct(n_calls: int, concurrency: int, url: str) -> float:
    """Label so many documents; return seconds."""
    import decoct.teacher.backends.openai  # noqa: F401 (as the other client's: not timed)
    from decoct.recipes.label import label_file

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = write_documents(folder / "docs.jsonl", n_calls)
        started = time.monotonic()
        made = label_file(
            source,
            folder / "silver.jsonl",
            "ade",
            "openai:fake",
            base_url=url,
            concurrency=concurrency,
        )
        assert made.n_silver == n_calls
        return time.monotonic() - started


def ask_openai(n_calls: int, concurrency: int, url: str) -> float:
    """Ask the same with the plain client; return seconds."""
    from openai import AsyncOpenAI

    from decoct.tasks.base import get_task

    task = get_task("ade")
    schema = {"name": "ade", "strict": False, "schema": dict(task.schema)}

    async def go() -> int:
        gate = asyncio.Semaphore(concurrency)
        async with AsyncOpenAI(base_url=url, api_key="none") as client:

            async def one(number: int) -> str:
                prompt = task.prompt(text_of(number))
                async with gate:
                    answer = await client.chat.completions.create(
                        model="fake",
                        messages=[
                            {"role": "system", "content": prompt.system},
                            {"role": "user", "content": prompt.user},
                        ],
                        temperature=0,
                        max_tokens=4096,
                        response_format={"type": "json_schema", "json_schema": schema},
                    )
                    return answer.choices[0].message.content or ""

            return sum(map(bool, await asyncio.gather(*map(one, range(n_calls)))))

    started = time.monotonic()
    assert asyncio.run(go()) == n_calls
    return time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main())
