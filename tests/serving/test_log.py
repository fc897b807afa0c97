"""The log: in order, whole, and never in the way."""

import io
import json
import os

import pytest

from decoct.serving.log import LineLog
from fakes.servers import eventually


def test_lines_are_written_in_order_and_all_when_it_is_closed():
    out = io.StringIO()
    log = LineLog(out)
    for number in range(3000):
        log(str(number))
    log.close()
    assert out.getvalue().split() == [str(number) for number in range(3000)]


def test_a_reader_that_stops_holds_up_nobody_and_is_told_what_it_lost():
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as out, os.fdopen(reading) as pipe:
        log = LineLog(out)
        line = json.dumps({"pad": "p" * 200})
        for _ in range(15_000):
            log(line)
        n_found = n_lost = 0
        while n_found + n_lost < 15_000:
            read = json.loads(pipe.readline())
            n_found += "pad" in read
            n_lost += read.get("lines", 0)
        assert n_found + n_lost == 15_000
        assert n_lost
        log("more")
        assert pipe.readline() == "more\n"
        log.close()


@pytest.mark.slow
def test_a_closed_stream_ends_the_log_and_not_the_server():
    out = io.StringIO()
    log = LineLog(out)
    out.close()
    for _ in range(20_000):
        log("line")
    eventually(lambda: not log._thread.is_alive())
    log.close()
