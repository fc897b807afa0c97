"""The dry run: what it foretells is what a run then sends, and it sends and writes nothing."""

import asyncio
import random
import sqlite3
from contextlib import aclosing, closing
from datetime import date

import pytest

from decoct.errors import ConfigError, RefusedError, TransientError, WaitingError
from decoct.records import Document
from decoct.tasks.ade import plugin as ade
from decoct.teacher.ask import Asking
from decoct.teacher.backends.scripted import ScriptedBackend
from decoct.teacher.base import Completion, Deferred, Tally, Usage
from decoct.teacher.cache import CallLog
from decoct.teacher.outcome import Outcome
from decoct.teacher.plan import Plan
from decoct.teacher.planning import plan_questions, price_of
from decoct.teacher.prices import FREE
from decoct.teacher.settings import AskSettings
from decoct.teacher.tokens import n_tokens, request_tokens
from fakes.slow_teacher import NOTHING, RASH, SlowTeacher, documents, pack_of, texts_of
from fakes.virtual_time import run

EXAMPLES = "".join(
    f'{{"text": "{drug} did harm.", "answer": {{"drugs": ["{drug}"], "events": []}}}}\n'
    for drug in ("Gold", "Iron", "Zinc")
)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log.sqlite"


def plan(stream, backend, log, **settings) -> Plan:
    return plan_questions(stream, ade, backend, AskSettings(**settings), log)


def ask_all(stream, backend, log, stop_after_s=None, **settings) -> list[Outcome]:
    found = []

    async def go():
        with CallLog(log) as calls:
            asking = Asking(ade, backend, calls, AskSettings(**settings))
            async with aclosing(asking.outcomes(stream)) as outcomes:
                async with asyncio.timeout(stop_after_s):
                    async for outcome in outcomes:
                        found.append(outcome)

    run(go(), collect=False)
    return found


def rows(log) -> list[tuple]:
    with closing(sqlite3.connect(log)) as db:
        return db.execute("SELECT * FROM calls ORDER BY id").fetchall()


class Poor(SlowTeacher):
    """Is refused, not answered, cut short and beside the point as often as it is of use."""

    def __init__(self, seed: int) -> None:
        draw = random.Random(seed)

        def answer(request):
            replies = [RASH, RASH, "no JSON", TransientError("HTTP 500"), RefusedError("refusal")]
            if not request.pack:
                return draw.choice(replies)
            items = [draw.choice([NOTHING, None, '{"events": 1}']) for _ in texts_of(request)]
            return draw.choice([*replies[3:], pack_of(items), "cut sh", pack_of(items)])

        super().__init__(answer, lambda _: draw.random(), {"temperature": 1})


@pytest.mark.parametrize("seed", range(40))
def test_a_run_sends_what_was_foretold(log, tmp_path, seed):
    """Whatever is in the log, whoever is asked twice, however they travel."""
    draw = random.Random(seed)
    settings = {
        "pack": draw.choice([1, 1, 2, 5]),
        "samples": draw.choice([1, 1, 3]),
        "max_reasks": draw.randint(0, 2),
        "concurrency": draw.randint(1, 5),
        "max_attempts": 1,
    }
    if draw.random() < 0.5:
        examples = tmp_path / "examples.jsonl"
        examples.write_text(EXAMPLES)
        settings |= {
            "examples": examples,
            "n_examples": 2,
            "pick": draw.choice(["static", "nearest"]),
        }
    texts = [f"gold {n} and iron" for n in range(draw.randint(1, 25))]
    stream = documents(*(draw.choice(texts) for _ in range(draw.randint(1, 40))))
    if seed % 4:  # else there is no log yet
        try:
            earlier = draw.sample(stream, draw.randint(0, len(stream)))
            ask_all(earlier, Poor(seed), log, draw.choice([None, 0.5, 2]), **settings)
        except TimeoutError:
            pass
    teacher = SlowTeacher(parameters={"temperature": 1})
    before = rows(log) if log.is_file() else None
    told = plan(iter(stream), teacher, log, **settings)
    assert (rows(log) if log.is_file() else None) == before
    assert teacher.requests == []
    found = ask_all(stream, teacher, log, **settings)
    assert told.n_documents == len(found) == len(stream)
    assert told.n_calls == teacher.asked
    assert told.n_cached == sum(outcome.cached for outcome in found)
    assert told.prompt_tokens == sum(request_tokens(request) for request in teacher.requests)
    after = plan(stream, teacher, log, **settings)
    assert (after.n_calls, after.n_cached, after.prompt_tokens) == (0, len(stream), 0)
    assert (after.usd, after.seconds, after.assumptions) == (0, 0, ())


def test_an_answer_that_did_not_fit_is_followed_up_in_the_count(log):
    """A run that was stopped before it could ask again."""
    stream = documents("one", "two", "three", "four")
    useless = {"one": "no JSON", "two": RefusedError("refusal"), "three": NOTHING}
    teacher = SlowTeacher(lambda request: useless.get(request.text, NOTHING))
    ask_all(stream[:3], teacher, log, max_reasks=0)
    assert plan(stream, teacher, log, max_reasks=0).n_calls == 1
    told = plan(stream, teacher, log, max_reasks=1)
    assert (told.n_calls, told.n_cached) == (2, 2)


def test_what_a_run_would_not_do_is_no_plan(log):
    class Public(SlowTeacher):
        private = False

    marked = [*documents("one"), Document(id="two", text="t", meta={"contains_phi": True})]
    with pytest.raises(ConfigError, match="corpus is marked contains_phi"):
        plan(documents("one"), Public(), log, contains_phi=True)
    with pytest.raises(ConfigError, match="'two' is marked contains_phi"):
        plan(marked, Public(), log)
    with pytest.raises(ConfigError, match="temperature"):
        plan(marked, SlowTeacher(parameters={"temperature": 0}), log, samples=2)
    assert plan(marked, SlowTeacher(), log).n_calls == 2
    assert not log.exists()


def test_what_waits_for_a_batch_is_not_sent_again(log):
    class Tray(SlowTeacher):
        tally, faults = Tally(), None

        def begin(self, log):
            pass

        async def settle(self, progress):
            return False

    tray = Tray(lambda _: WaitingError("batch/1.jsonl"))
    assert isinstance(tray, Deferred)
    stream = documents("one", "two", "three")
    ask_all(stream[:2], tray, log)
    told = plan(stream, tray, log)
    assert (told.n_calls, told.n_cached) == (1, 2)
    assert told.batch
    assert sum(outcome.cached for outcome in ask_all(stream, tray, log)) == 2
    assert tray.asked == 3
    assert plan(stream, SlowTeacher(), log).n_calls == 3  # who answers at once does not wait


def test_prices(tmp_path):
    teacher = SlowTeacher()
    assert price_of(teacher, None) is FREE
    teacher.free = False
    assert price_of(teacher, None) is None
    teacher.model = "gpt-4o-mini"
    assert price_of(teacher, None).output_usd == 0.6
    table = tmp_path / "prices.toml"
    table.write_text(
        '[models."gpt-4o-mini"]\ninput_usd = 1\noutput_usd = 2\nas_of = 2026-05-01\nsource = "us"\n'
    )
    assert price_of(teacher, table).output_usd == 2
    assert price_of(ScriptedBackend(lambda _: NOTHING), table) is FREE


def test_cost_and_time_by_what_earlier_answers_took(log, tmp_path):
    table = tmp_path / "prices.toml"
    table.write_text(
        '[models.scripted]\ninput_usd = 1\noutput_usd = 100\nas_of = 2026-05-01\nsource = "us"\n'
    )
    teacher = SlowTeacher(lambda _: Completion(NOTHING, "m", Usage(400, 30)))
    stream = documents(*(f"text {n}" for n in range(10)))
    asked = {"prices": table, "concurrency": 2}
    guessed = plan(stream, teacher, log, **asked)
    assert "guess" in " ".join(guessed.assumptions)
    assert guessed.completion_tokens == 10 * 60
    assert guessed.seconds == 10 * 2 / 2
    ask_all(stream[:4], teacher, log)
    told = plan(stream, teacher, log, **asked)
    assert told.assumptions[0].startswith("30 tokens and 0.0 s an answer, as 4 in the log")
    assert told.completion_tokens == 6 * 30
    assert told.usd == pytest.approx((told.prompt_tokens + 100 * 180) / 1e6)
    assert told.price.as_of == date(2026, 5, 1)
    slow = plan(stream, teacher, log, **asked, requests_per_minute=2, tokens_per_minute=10**6)
    assert slow.seconds == 180


def test_answers_are_guessed_to_be_as_long_as_the_examples(log, tmp_path):
    examples = tmp_path / "examples.jsonl"
    examples.write_text(EXAMPLES)
    answer = n_tokens('{"drugs": ["Gold"], "events": []}')
    for pack, n_calls in ((1, 4), (2, 2)):
        told = plan(documents(*"abcd"), SlowTeacher(), log, examples=examples, pack=pack)
        assert told.n_calls == n_calls
        assert told.completion_tokens == 4 * answer
        assert "as the examples" in told.assumptions[0]


def test_who_does_not_read_the_prompt_takes_no_time_and_no_money(log):
    told = plan(documents("one", "one", "two"), ScriptedBackend(lambda _: NOTHING), log)
    assert (told.n_calls, told.n_cached, told.usd, told.seconds) == (2, 1, 0, 0)
    assert told.assumptions == ()


def test_no_documents(log):
    told = plan([], SlowTeacher(), log, pack=3)
    assert (told.n_documents, told.n_calls, told.seconds) == (0, 0, 0)
