r"""How fast a server answers, beside the engine alone, and whether it lasts among bad clients.

    python benchmarks/serving.py --student work/students/int8 --docs sentences.jsonl
    python benchmarks/serving.py --student work/students/int8 --docs sentences.jsonl --soak 600

The server is `decoct serve`, clients are a process of their own, and all are on one machine.
Beside each number of clients stands how many sentences a second the engine makes of the same
sentences in the same run, as `decoct extract` does without reading and writing, before and after.
A request holds `--per-request` sentences. Tables are Markdown.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import math
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CLIENTS = (1, 8, 64)
_ACCEPTED = "a good request"  # has its answer, or a 503
_GONE = "hung up"
_SAMPLE_S = 1.0


def main() -> None:
    """Measure, or soak."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--student", type=Path, required=True)
    parser.add_argument("--docs", type=Path, required=True, help="any format that decoct reads")
    parser.add_argument("--seconds", type=float, default=20, help="for each number of clients")
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    parser.add_argument("--per-request", type=int, nargs="+", default=(1, 16))
    parser.add_argument("--max-docs", type=int, default=2000)
    parser.add_argument("--soak", type=float, metavar="SECONDS", help="load with bad requests")
    parser.add_argument("--serve", nargs=argparse.REMAINDER, default=[], help="flags of the server")
    parser.add_argument("--of-port", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.of_port is not None:  # the process of the clients
        work = _soak_clients if arguments.soak else _load_clients
        json.dump(asyncio.run(work(arguments)), sys.stdout)
        return
    failed = _soak(arguments) if arguments.soak else _measure(arguments)
    sys.exit(failed)


def _texts(arguments: argparse.Namespace) -> list[str]:
    import decoct

    documents = itertools.islice(decoct.read(arguments.docs), arguments.max_docs)
    return [document.text for document in documents]


# the server


class _Server:
    """`decoct serve` as a process; a context manager.

    Attributes:
        port: where it listens.
        rss: (seconds since it began, MiB) once a second.
        log: what it wrote, if it is kept.
    """

    def __init__(self, arguments: argparse.Namespace, *, keep_log: bool) -> None:
        flags = ["serve", "--student", str(arguments.student), "--port", "0", *arguments.serve]
        command = [str(Path(sys.executable).parent / "decoct"), *flags]
        self.rss: list[tuple[float, float]] = []
        self.log: list[str] = []
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        line = self._process.stderr.readline()
        if "listening at" not in line:
            sys.exit(f"the server did not start: {line}")
        self.port = int(line.rpartition(":")[2])
        self._started = time.monotonic()
        for work in (lambda: self._drain(keep_log), self._sample):
            threading.Thread(target=work, daemon=True).start()

    def end(self) -> int:
        """Send SIGTERM and return the exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)

    def _drain(self, keep: bool) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if keep:
                self.log.append(line)

    def _sample(self) -> None:
        path = Path(f"/proc/{self._process.pid}/statm")
        while self._process.poll() is None:
            try:
                pages = int(path.read_text().split()[1])
            except (OSError, IndexError):
                return
            mib = pages * os.sysconf("SC_PAGESIZE") / 2**20
            self.rss.append((time.monotonic() - self._started, mib))
            time.sleep(_SAMPLE_S)


def _in_clients(arguments: argparse.Namespace, port: int, **changes: Any) -> Any:  # noqa: ANN401
    """Run this file's clients in a process of their own."""
    command = [sys.executable, __file__, "--of-port", str(port)]
    values = {**vars(arguments), **changes}
    for name in ("student", "docs", "seconds", "max_docs", "soak", "clients", "per_request"):
        value = values[name]
        if value is not None:
            flat = value if isinstance(value, list | tuple) else [value]
            command += [f"--{name.replace('_', '-')}", *map(str, flat)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


# how fast


def _measure(arguments: argparse.Namespace) -> int:
    engine = _engine(arguments)
    rows = []
    for per_request in arguments.per_request:
        for n_clients in arguments.clients:
            server = _Server(arguments, keep_log=False)
            changes = {"clients": [n_clients], "per_request": [per_request]}
            found = _in_clients(arguments, server.port, **changes)
            code = server.end()
            assert code == 0, f"the server ended with {code}"
            rows.append((per_request, n_clients, found))
    engine = max(engine, _engine(arguments))
    print(
        "| sentences a request | clients | p50 ms | p99 ms | sentences a second | to the engine |"
    )
    print("|---|---|---|---|---|---|")
    for per_request, n_clients, found in rows:
        print(
            f"| {per_request} | {n_clients} | {found['p50_ms']:.1f} | {found['p99_ms']:.1f} "
            f"| {found['rate']:.0f} | {found['rate'] / engine:.2f} |"
        )
    print(
        f"\nengine alone: {engine:.0f} sentences a second; {os.cpu_count()} cores, clients on them"
    )
    return 0


def _engine(arguments: argparse.Namespace) -> float:
    """Return the sentences a second of the engine alone, in a process of its own."""
    code = (
        "import sys, time, itertools, decoct\n"
        "student = decoct.Student.from_pretrained(sys.argv[1])\n"
        "documents = list(itertools.islice(decoct.read(sys.argv[2]), int(sys.argv[3])))\n"
        "rates = []\n"
        "for _ in range(3):\n"
        "    started = time.perf_counter()\n"
        "    for _ in student.extract(documents): pass\n"
        "    rates.append(len(documents) / (time.perf_counter() - started))\n"
        "print(max(rates))\n"
    )
    flags = [str(arguments.student), str(arguments.docs), str(arguments.max_docs)]
    done = subprocess.run(
        [sys.executable, "-c", code, *flags], check=True, stdout=subprocess.PIPE, text=True
    )
    return float(done.stdout)


async def _load_clients(arguments: argparse.Namespace) -> dict[str, float]:
    """Send sentences from a number of connections, and measure after a warm-up."""
    texts, per_request = _texts(arguments), arguments.per_request[0]
    groups = [texts[at : at + per_request] for at in range(0, len(texts), per_request)]
    random.Random(0).shuffle(groups)
    requests = itertools.cycle([(_good(group), len(group)) for group in groups])
    warm_s = min(3.0, arguments.seconds / 4)
    begins = time.perf_counter() + warm_s
    ends = begins + arguments.seconds
    seconds: list[float] = []
    n_done = 0

    async def client() -> None:
        nonlocal n_done
        connection = await _Connection.open(arguments.of_port)
        while (started := time.perf_counter()) < ends:
            request, n = next(requests)
            status, _ = await connection.ask(request)
            assert status == 200, status
            now = time.perf_counter()
            if started >= begins and now <= ends:
                seconds.append(now - started)
            if begins <= now <= ends:
                n_done += n
        connection.close()

    await asyncio.gather(*(client() for _ in range(arguments.clients[0])))
    cuts = statistics.quantiles(seconds, n=100) if len(seconds) > 1 else [math.nan] * 99
    rate = n_done / arguments.seconds
    return {"p50_ms": cuts[49] * 1000, "p99_ms": cuts[98] * 1000, "rate": rate}


class _Connection:
    """A connection that asks and reads answers, with as little work as there can be."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> _Connection:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=2**20))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        self.writer.write(request)
        await self.writer.drain()
        return await self.answer()

    async def answer(self) -> tuple[int, bytes]:
        """Return status and body, whose length must be declared or which is chunked."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head[9:12])
        if b"transfer-encoding: chunked" in head:
            return status, await self._chunks()
        length = int(head.partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
        return status, await self.reader.readexactly(length)

    async def _chunks(self) -> bytes:
        parts = []
        while n := int(await self.reader.readline(), 16):
            parts.append(await self.reader.readexactly(n + 2))
        await self.reader.readline()
        return b"".join(part[:-2] for part in parts)

    def close(self) -> None:
        self.writer.close()


def _request(
    body: bytes,
    path: str = "/v1/extract",
    kind: str = "application/json",
    method: str = "POST",
    length: int | None = None,
) -> bytes:
    n = len(body) if length is None else length
    head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\n"
    return f"{head}content-length: {n}\r\n\r\n".encode() + body


def _good(texts: list[str]) -> bytes:
    return _request(json.dumps({"documents": texts}).encode())


# how long


def _soak(arguments: argparse.Namespace) -> int:
    server = _Server(arguments, keep_log=True)
    found = _in_clients(arguments, server.port, clients=[max(arguments.clients)])
    code = server.end()
    half = server.rss[len(server.rss) // 2 :]
    slope = _slope(half) * 60
    texts = _texts(arguments)
    quoted = sum(any(text in line for text in texts[:200]) for line in server.log)
    logged = Counter(
        str(json.loads(line).get("status", line)) for line in server.log if line[0] == "{"
    )
    print("| what was sent | " + " | ".join(("answers", "statuses")) + " |\n|---|---|---|")
    for kind, statuses in sorted(found["by_kind"].items()):
        shown = ", ".join(f"{n} x {status}" for status, n in sorted(statuses.items()))
        print(f"| {kind} | {sum(statuses.values())} | {shown} |")
    n_bad = sum(
        n
        for statuses in found["by_kind"].values()
        for status, n in statuses.items()
        if status.startswith("5") and status != "503"
    )
    print(f"\nseconds: {arguments.soak:.0f}; sentences answered: {found['n_sentences']}")
    print(f"good requests without their answer: {found['n_lost']}")
    print(f"answers 5xx but 503: {n_bad}; of the log's: {_faults(logged)}")
    print(f"log lines: {len(server.log)}, of them with a text: {quoted}")
    print(
        f"resident memory: {server.rss[0][1]:.0f} MiB at first, {server.rss[-1][1]:.0f} at last, "
        f"at most {max(mib for _, mib in server.rss):.0f}; "
        f"{slope:+.2f} MiB a minute in the second half"
    )
    print(f"exit code after SIGTERM: {code}")
    return int(bool(n_bad or found["n_lost"] or quoted or code or _faults(logged)))


def _faults(logged: Counter[str]) -> int:
    return sum(n for status, n in logged.items() if status[0] == "5" and status != "503")


def _slope(points: list[tuple[float, float]]) -> float:
    """Return the slope of the line of least squares."""
    if len(points) < 2:
        return math.nan
    return statistics.linear_regression(*zip(*points, strict=True)).slope


@dataclass
class _Tally:
    """What became of requests."""

    by_kind: dict[str, Counter[str]] = field(default_factory=dict)
    n_lost: int = 0
    n_sentences: int = 0

    def add(self, kind: str, status: object) -> None:
        self.by_kind.setdefault(kind, Counter())[str(status)] += 1


async def _soak_clients(arguments: argparse.Namespace) -> dict[str, Any]:
    """Keep the server under full load, a third of the clients behaving badly."""
    texts, tally = _texts(arguments), _Tally()
    ends = time.monotonic() + arguments.soak
    n = arguments.clients[0]

    async def client(number: int) -> None:
        rng = random.Random(number)
        is_good = number % 3 > 0
        while time.monotonic() < ends:
            if is_good:
                await _ask_well(arguments.of_port, rng, texts, tally, ends)
            else:
                await _ask_badly(arguments.of_port, rng, texts, tally)

    await asyncio.gather(*(client(number) for number in range(n)))
    return {"by_kind": tally.by_kind, "n_lost": tally.n_lost, "n_sentences": tally.n_sentences}


async def _ask_well(
    port: int, rng: random.Random, texts: list[str], tally: _Tally, ends: float
) -> None:
    """Ask good questions on one connection; each must have its whole answer, or a 503."""
    connection = await _Connection.open(port)
    for _ in range(rng.randint(1, 200)):
        if time.monotonic() > ends:
            break
        some = rng.choices(texts, k=rng.choice((1, 1, 1, 4, 16, 100)))
        is_lines = rng.random() < 0.2
        if is_lines:
            body = b"".join(json.dumps({"text": text}).encode() + b"\n" for text in some)
            request = _request(body, kind="application/x-ndjson")
        else:
            request = _good(some)
        try:
            status, answer = await connection.ask(request)
        except (OSError, asyncio.IncompleteReadError):
            tally.n_lost += 1
            tally.add(_ACCEPTED, "no answer")
            break
        tally.add(_ACCEPTED, status)
        if status == 200:
            found = (
                [json.loads(line) for line in answer.splitlines()]
                if is_lines
                else json.loads(answer)["documents"]
            )
            tally.n_lost += [one.get("text") for one in found] != some
            tally.n_sentences += len(found)
        elif status == 503:
            await asyncio.sleep(rng.random())
        else:
            tally.n_lost += 1
            break
    connection.close()


async def _ask_badly(port: int, rng: random.Random, texts: list[str], tally: _Tally) -> None:
    """Misbehave in one of many ways; whatever comes back, the next one does it again."""
    kind, ask = rng.choice(_BAD)
    try:
        connection = await _Connection.open(port)
        try:
            status = await asyncio.wait_for(ask(connection, rng, texts), 60)
        finally:
            connection.close()
    except (OSError, asyncio.IncompleteReadError):
        status = "closed"
    except TimeoutError:
        status = "no answer in 60 s"
    tally.add(kind, status)
    await asyncio.sleep(rng.random() * 0.05)


async def _broken_json(connection: _Connection, rng: random.Random, texts: list[str]) -> int:
    body = json.dumps({"text": rng.choice(texts)}).encode()
    return (await connection.ask(_request(body[: rng.randrange(len(body))])))[0]


async def _wrong_types(connection: _Connection, rng: random.Random, texts: list[str]) -> int:
    value = rng.choice([None, 3, [], {}, {"text": 1}, [1], [{"id": "", "text": "a"}], True])
    field_ = rng.choice(["text", "documents", "given_subjects", "link", "nonsuch"])
    return (await connection.ask(_request(json.dumps({field_: value}).encode())))[0]


async def _bad_spans(connection: _Connection, rng: random.Random, texts: list[str]) -> int:
    text = rng.choice(texts)
    span = {"id": "s", "start": rng.randint(-2, 400), "end": rng.randint(-2, 400)}
    spans = [{**span, "label": "Drug", "text": text[:5] or "a"}] * rng.randint(1, 2)
    body = {"documents": [{"text": text, "spans": spans}], "given_subjects": True}
    return (await connection.ask(_request(json.dumps(body).encode())))[0]


async def _huge_body(connection: _Connection, rng: random.Random, texts: list[str]) -> int:
    size = rng.choice((5, 20)) * 2**20
    connection.writer.write(_request(b"", length=size))
    for _ in range(size // 2**16):
        connection.writer.write(b"a" * 2**16)
        await connection.writer.drain()
    return (await connection.answer())[0]


async def _too_many(connection: _Connection, rng: random.Random, texts: list[str]) -> int:
    body = {"documents": ["a"] * 1001} if rng.random() < 0.5 else {"text": "a" * 100_001}
    return (await connection.ask(_request(json.dumps(body).encode())))[0]


async def _slow_body(connection: _Connection, rng: random.Random, texts: list[str]) -> int:
    connection.writer.write(_request(b"", length=1000))
    for _ in range(rng.randint(1, 30)):
        connection.writer.write(b"a")
        await connection.writer.drain()
        await asyncio.sleep(0.1)
    return (await connection.answer())[0]


async def _gone_in_body(connection: _Connection, rng: random.Random, texts: list[str]) -> str:
    connection.writer.write(_good(rng.choices(texts, k=50))[: -rng.randint(1, 1000)])
    await connection.writer.drain()
    return _GONE


async def _gone_before_answer(connection: _Connection, rng: random.Random, texts: list[str]) -> str:
    connection.writer.write(_good(rng.choices(texts, k=rng.choice((1, 50)))))
    await connection.writer.drain()
    await asyncio.sleep(rng.random() * 0.2)
    return _GONE


async def _gone_in_answer(connection: _Connection, rng: random.Random, texts: list[str]) -> str:
    body = b"".join(json.dumps(text).encode() + b"\n" for text in rng.choices(texts, k=100))
    connection.writer.write(_request(body, kind="application/x-ndjson"))
    await connection.reader.readuntil(b"\r\n\r\n")
    await connection.reader.read(rng.randint(1, 5000))
    connection.writer.transport.abort()
    return _GONE


async def _bad_lines(connection: _Connection, rng: random.Random, texts: list[str]) -> int:
    good = [json.dumps({"text": text}).encode() for text in rng.choices(texts, k=20)]
    bad = [rng.randbytes(rng.randint(1, 50)).replace(b"\n", b"") for _ in range(10)]
    lines = [*good, *bad]
    rng.shuffle(lines)
    body = b"\n".join(lines)
    return (await connection.ask(_request(body, kind="application/x-ndjson")))[0]


async def _no_such_path(connection: _Connection, rng: random.Random, texts: list[str]) -> int:
    path = rng.choice(["/v1/extrct", "/../etc/passwd", "/%00", "/v1/extract/", "/" + "a" * 2000])
    return (await connection.ask(_request(b"{}", path=path)))[0]


async def _wrong_method(connection: _Connection, rng: random.Random, texts: list[str]) -> int:
    method = rng.choice(["GET", "PUT", "DELETE", "PATCH"])
    return (await connection.ask(_request(b"{}", method=method)))[0]


async def _wrong_kind(connection: _Connection, rng: random.Random, texts: list[str]) -> int:
    kind = rng.choice(["text/plain", "application/xml", ""])
    return (await connection.ask(_request(b"{}", kind=kind)))[0]


async def _no_http(connection: _Connection, rng: random.Random, texts: list[str]) -> int:
    connection.writer.write(rng.randbytes(rng.randint(20, 500)) + b"\r\n\r\n")
    return (await connection.answer())[0]


_BAD: list[tuple[str, Any]] = [
    ("broken JSON", _broken_json),
    ("wrong types", _wrong_types),
    ("wrong spans", _bad_spans),
    ("a huge body", _huge_body),
    ("too many, too long", _too_many),
    ("a slow body", _slow_body),
    ("gone in the body", _gone_in_body),
    ("gone before the answer", _gone_before_answer),
    ("gone in the answer", _gone_in_answer),
    ("lines, some bad", _bad_lines),
    ("no such path", _no_such_path),
    ("wrong method", _wrong_method),
    ("wrong content type", _wrong_kind),
    ("no HTTP", _no_http),
]


if __name__ == "__main__":
    main()
