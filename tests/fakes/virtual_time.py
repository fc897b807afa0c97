"""An event loop in which no time is lost: its clock jumps to whatever is due next."""

from __future__ import annotations

import asyncio
import gc
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class StuckError(Exception):
    """Everybody waits, and nothing will ever happen."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Sleeps take no time, and a deadlock is an error at once."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.now


class _Selector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._of = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise StuckError
        self._of.now += timeout
        return super().select(0)


def run(work: Coroutine[Any, Any, T], *, collect: bool = True) -> T:
    """Run it in virtual time; nothing may be left running, and no error unheard.

    Args:
        work: what to run.
        collect: look for errors that nobody has asked for, which takes some milliseconds.
    """
    noise: list[dict[str, Any]] = []
    left: set[asyncio.Task[Any]] = set()

    async def watched() -> T:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: noise.append(context))
        try:
            return await work
        finally:
            left.update(asyncio.all_tasks() - {asyncio.current_task()})

    gc.freeze()  # what is there already need not be looked through
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        try:
            return runner.run(watched())
        finally:
            if collect:
                gc.collect()
            gc.unfreeze()
            assert not noise, noise
            assert not left, f"{len(left)} tasks are left running, {next(iter(left))} for one"
