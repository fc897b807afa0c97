"""A real HTTP server on loopback that speaks OpenAI's protocol, well or badly on demand."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from decoct.testing.batch import Batches
from decoct.testing.batch_lines import BatchBehavior
from decoct.testing.batch_work import Worker
from decoct.testing.chat import Chat
from decoct.testing.endpoints import Endpoints
from decoct.testing.faults import Fault
from decoct.testing.files import Files
from decoct.testing.gate import Gate
from decoct.testing.ledger import Count, Ledger, prompt_hash
from decoct.testing.listener import HOST, Listener
from decoct.testing.manner import Handler, Manner, Messages
from decoct.testing.mix import Mix
from decoct.testing.recorded import Recorded
from decoct.testing.service import Service
from decoct.testing.trouble import Trouble


class FakeOpenAI(Manner):
    """The server; a context manager, in a thread of its own.

    What it answers and how it misbehaves are its attributes, see `Manner`; usage's tokens are
    words, what stands between white space. What a request gets at random depends on the seed, its
    messages and how often they came before, not on the order of requests.

    Args:
        handler: messages -> the content of the answer. What it raises cuts the connection, and is
            raised again when the server stops.
        port: 0 for any that is free.
        faults: the first ones.
        standing: those in force for good.
        mix: probability of random faults for each chat request, by name; see `Mix`.
        hang_s: how late a `hang` of the mix is.
        seed: another one, other draws.
        latency_s: see `Manner`, and likewise what is not named here.
        requests_per_minute: chat requests beyond it get a 429 with `Retry-After`.
        tokens_per_minute: prompts' tokens beyond it likewise.
        limit_window_s: time over which these are enforced: 600 a minute is 10 within any second
            where this is 1.
        api_key: whoever does not show it gets a 401.
        record: keep `requests`; without it, memory stays flat.
        journal: file that gets one JSON line for each whole answer, at once; see `Ledger`.

    Attributes:
        requests: what has come, in order, whatever became of it.

    Raises:
        OSError: on entering: the port is taken, or the journal can't be written.

    Example:
        >>> import httpx
        >>> from decoct.testing import FakeOpenAI, faults
        >>> body = {"model": "m", "messages": [{"role": "user", "content": "Rash."}]}
        >>> with FakeOpenAI(lambda messages: '{"relations": []}') as server:
        ...     server.faults += [faults.throttled("0"), faults.status(503)]
        ...     url = f"{server.base_url}/chat/completions"
        ...     [httpx.post(url, json=body, trust_env=False).status_code for _ in range(3)]
        [429, 503, 200]
        >>> server.answered, server.failed, len(server.requests)
        (1, 2, 3)
    """

    def __init__(
        self,
        handler: Handler = lambda messages: "{}",
        *,
        port: int = 0,
        faults: Iterable[Fault] = (),
        standing: Iterable[Fault] = (),
        mix: float | Mapping[str, float] | None = None,
        hang_s: float = 5.0,
        seed: int = 0,
        latency_s: float = 0.0,
        jitter_s: float = 0.0,
        cached_tokens: int = 0,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        limit_window_s: float = 60.0,
        api_key: str | None = None,
        record: bool = True,
        journal: Path | None = None,
        batch: BatchBehavior | None = None,
    ) -> None:
        super().__init__(
            handler,
            deque(faults),
            list(standing),
            Mix(mix, seed, hang_s),
            seed,
            latency_s,
            jitter_s,
            cached_tokens,
            batch or BatchBehavior(),
        )
        self._ledger = Ledger(journal)
        self._trouble = Trouble(self)
        chat, files = Chat(self), Files()
        batches = Batches(self, files, Worker(self, chat, self._trouble, self._ledger))
        self._service = Service(
            self,
            Gate(api_key, requests_per_minute, tokens_per_minute, limit_window_s),
            self._trouble,
            self._ledger,
            Endpoints(chat, files, batches),
            record,
        )
        self._listener = Listener(self._service.serve, port)

    def __enter__(self) -> Self:
        self._ledger.open()
        self._service.start()
        try:
            self._listener.start(refuse_s=self._trouble.start())
        except OSError:
            self._ledger.close()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.stop()
        self._ledger.close()
        for error in self._listener.errors[:1]:
            if exc is None:
                raise error
            exc.add_note(f"the fake server's handler failed: {error!r}")

    @property
    def port(self) -> int:
        """Where it listens, or did."""
        return self._listener.port

    @property
    def base_url(self) -> str:
        """What a client is told."""
        return f"http://{HOST}:{self.port}/v1"

    @property
    def azure_url(self) -> str:
        """What a client of Azure is told: its paths are `/openai/deployments/...`."""
        return f"http://{HOST}:{self.port}"

    @property
    def requests(self) -> list[Recorded]:
        """What has come, in order; empty where it is not recorded."""
        return self._service.requests

    @property
    def counts(self) -> Ledger:
        """How often each prompt came, was answered and failed, and which faults were dealt."""
        self._listener.settle()
        return self._ledger

    @property
    def received(self) -> int:
        """Chat requests that came."""
        return self.counts.total.received

    @property
    def answered(self) -> int:
        """Chat requests that got a whole answer (see `ledger.Count`)."""
        return self.counts.total.answered

    @property
    def failed(self) -> int:
        """Chat requests that ended without a whole answer."""
        return self.counts.total.failed

    def count(self, messages: Messages) -> Count:
        """Return how often one prompt came, was answered and failed."""
        return self.counts.prompts.get(prompt_hash(messages), Count())
