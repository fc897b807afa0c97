"""A plan: what a run will send, cost and take."""

import json
from datetime import date

import pytest

from decoct.teacher.plan import Plan, estimate
from decoct.teacher.prices import FREE, Price

PRICE = Price(
    input_usd=0.25, output_usd=2, batch_factor=0.5, as_of=date(2026, 7, 9), source="price page"
)
FIGURES = {
    "n_documents": 1200,
    "n_cached": 300,
    "n_calls": 900,
    "prompt_tokens": 270_000,
    "answer_tokens": 90.0,
    "price": PRICE,
    "concurrency": 8,
    "latency_s": 1.6,
}


def plan(**changes: object) -> Plan:
    return estimate(**(FIGURES | changes))  # type: ignore[arg-type]


def test_money() -> None:
    assert plan().completion_tokens == 81_000
    assert plan().usd == pytest.approx(0.27 * 0.25 + 0.081 * 2)
    assert plan(batch=True).usd == pytest.approx(plan().usd / 2)
    assert plan(price=None).usd is None
    assert plan(price=FREE).usd == 0


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({}, 180),
        ({"requests_per_minute": 600}, 180),
        ({"requests_per_minute": 60}, 900),
        ({"tokens_per_minute": 35_100}, 600),
        ({"tokens_per_minute": 35_100, "requests_per_minute": 60}, 900),
        ({"concurrency": 4}, 360),
        ({"n_calls": 3}, 1.6),
        ({"n_calls": 1, "concurrency": 100}, 1.6),
        ({"n_calls": 0, "prompt_tokens": 0}, 0),
        ({"n_calls": 0, "prompt_tokens": 0, "latency_s": None, "batch": True}, 0),
        ({"latency_s": 0.0}, 0),
        ({"latency_s": 0.0, "requests_per_minute": 60}, 900),
        ({"latency_s": None, "requests_per_minute": 60}, None),
        ({"batch": True}, None),
    ],
)
def test_time(changes: dict[str, object], seconds: float | None) -> None:
    made = plan(**changes).seconds
    assert made == (seconds if seconds is None else pytest.approx(seconds))


def test_as_people_read_it() -> None:
    assert list(plan(assumptions=["90 tokens an answer, as 312 in the log"]).lines()) == [
        "documents  1,200, 300 of them answered in the log",
        "requests   900",
        "tokens     270,000 to send, 81,000 to come back",
        "cost       $0.23: $0.25 in, $2 out for a million tokens (price page, 2026-07-09)",
        "time       about 3 min",
        "assumed    90 tokens an answer, as 312 in the log",
    ]
    waiting = list(plan(batch=True).lines())
    assert waiting[3].endswith("(price page, 2026-07-09), times 0.5 as a batch")
    assert waiting[4] == "time       within 24 h, as a batch"
    unknown = list(plan(price=None, latency_s=None).lines())
    assert unknown[3:] == [
        "cost       unknown: no price for this model; give it with --prices FILE.toml",
        "time       unknown",
    ]
    assert list(plan(price=FREE).lines())[3] == "cost       free (local endpoint)"


@pytest.mark.parametrize(
    ("latency_s", "shown"),
    [(0.1, "11 s"), (0.79, "89 s"), (1.6, "3 min"), (60, "1.9 h"), (3600, "4.7 days")],
)
def test_times_as_people_read_them(latency_s: float, shown: str) -> None:
    assert list(plan(latency_s=latency_s).lines())[4] == f"time       about {shown}"


def test_as_json() -> None:
    made = plan(assumptions=("90 tokens an answer",))
    assert json.loads(json.dumps(made.to_dict())) == {
        "n_documents": 1200,
        "n_calls": 900,
        "n_cached": 300,
        "prompt_tokens": 270_000,
        "completion_tokens": 81_000,
        "usd": 0.2295,
        "seconds": 180.0,
        "price": {
            "input_usd": 0.25,
            "output_usd": 2.0,
            "source": "price page",
            "as_of": "2026-07-09",
        },
        "batch": False,
        "assumptions": ["90 tokens an answer"],
    }
    assert plan(price=FREE).to_dict()["price"]["source"] == "local endpoint"
    nothing = plan(price=None, latency_s=None).to_dict()
    assert nothing["price"] is nothing["usd"] is nothing["seconds"] is None


def test_a_dearer_write_to_the_cache_is_told() -> None:
    dear = PRICE.model_copy(update={"cache_write_usd": 0.5})
    assert plan(price=dear).usd == pytest.approx(0.27 * 0.5 + 0.081 * 2)
    assert "cache" in plan(price=dear).assumptions[-1]
    assert plan().assumptions == ()
