"""What comes of one document's answers: one alone, several by vote, too few of use."""

import asyncio
import json

import pytest

from decoct.records import Document
from decoct.tasks.ade import plugin as ade
from decoct.teacher.base import Tally, Usage
from decoct.teacher.budget import Budget
from decoct.teacher.grounding import ground
from decoct.teacher.outcome import OPEN, Outcome, Reading, conclude
from decoct.teacher.summary import LabelSummary
from fakes.slow_teacher import DOLLAR_A_TOKEN

TEXT = "Gold: rash and fever."
DOCUMENT = Document(id="d", text=TEXT, source="gold", label="x", meta={"pmid": "1", "model": "old"})


def reading(*effects: str, drugs=("gold",), drug="gold", **more) -> Reading:
    events = [{"drug": drug, "effect": effect} for effect in effects]
    answer = ade.parse(json.dumps({"drugs": list(drugs), "events": events}))
    more = {"meta": {"model": "m", "prompt_hash": "h"}, "usage": Usage(5, 2, 1), **more}
    return Reading(ground(ade, TEXT, answer), **more)


def refused(reason="truncated", **more) -> Reading:
    return Reading(None, reason, f"{reason} it is", **{"usage": Usage(5, 1), **more})


def pairs(outcome: Outcome) -> list[tuple[str, str]]:
    return [(subject.text, target.text) for _, subject, target in outcome.silver.pairs("ADE")]


def test_one_answer():
    outcome = conclude(DOCUMENT, "openai", [reading("rash", "cough", cached=True)], 0.5)
    assert pairs(outcome) == [("Gold", "rash")]
    silver = outcome.silver
    assert (silver.id, silver.text, silver.source, silver.label) == ("d", TEXT, "silver", None)
    assert silver.meta == {
        "pmid": "1",
        "backend": "openai",
        "model": "m",
        "prompt_hash": "h",
        "confidence": None,
        "ungrounded": [
            {"label": "ADE", "subject": "gold", "object": "cough", "reason": "object_not_in_text"}
        ],
    }
    assert all(part.confidence is None for part in (*silver.spans, *silver.relations))
    assert outcome.ungrounded == ("object_not_in_text",)
    assert (outcome.cached, outcome.usage, outcome.refusal) == (True, Usage(5, 2, 1), None)


def test_one_refusal():
    outcome = conclude(DOCUMENT, "openai", [refused()], 0.5)
    assert outcome == Outcome("d", refusal="truncated", detail="truncated it is", usage=Usage(5, 1))


def test_several_answers_are_put_to_the_vote():
    samples = [
        reading("rash", drugs=("gold", "iron", "tin"), cached=True),
        reading("rash", "fever", "cough", drugs=("gold", "iron", "zinc"), cached=True),
        reading("rash", "fever", "cough"),
        reading("rash", "cough", drug="lead"),
    ]
    outcome = conclude(DOCUMENT, "openai", samples, 0.5)
    assert pairs(outcome) == [("Gold", "rash"), ("Gold", "fever")]
    silver = outcome.silver
    assert {span.text: span.confidence for span in silver.spans} == {
        "Gold": 1,
        "rash": 0.75,
        "fever": 0.5,
    }
    assert [relation.confidence for relation in silver.relations] == [0.75, 0.5]
    assert silver.meta["confidence"] == 0.5  # two of four have exactly these relations
    assert outcome.ungrounded == ("object_not_in_text",)  # gold and cough, twice
    assert outcome.lost_subjects == 1  # iron, twice
    assert outcome.n_outvoted == 4  # tin, zinc, lead with rash, lead with cough
    assert not outcome.cached
    assert outcome.usage == Usage(20, 8, 4)
    strict = conclude(DOCUMENT, "openai", samples, 0.75)
    assert pairs(strict) == [("Gold", "rash")]


def test_half_of_the_answers_have_to_be_of_use():
    half = conclude(DOCUMENT, "openai", [refused(), reading("rash")], 0.5)
    assert pairs(half) == [("Gold", "rash")]
    assert half.silver.meta["confidence"] == 1  # the share of those that are of use
    assert half.usage == Usage(10, 3, 1)
    fewer = conclude(DOCUMENT, "openai", [reading("rash"), refused(), refused("empty")], 0.5)
    assert (fewer.silver, fewer.refusal, fewer.detail) == (None, "truncated", "truncated it is")
    assert fewer.usage == Usage(15, 4, 1)
    assert conclude(DOCUMENT, "openai", [refused(), refused("empty")], 0.5).silver is None


@pytest.mark.parametrize("reason", sorted(OPEN))
def test_a_refusal_that_may_be_lifted_is_told_first(reason):
    outcome = conclude(DOCUMENT, "openai", [refused(), refused(reason), reading("rash")], 0.5)
    assert (outcome.refusal, outcome.detail) == (reason, f"{reason} it is")


def test_the_summary_adds_up():
    async def spend(budget, usage):
        async with budget.hold(1000, 1000) as held:
            held.spend(usage)

    summary = LabelSummary()
    for outcome in [
        conclude(DOCUMENT, "openai", [reading("rash", "cough", drugs=("gold", "iron"))], 0.5),
        conclude(DOCUMENT, "openai", [reading("rash", cached=True)], 0.5),
        conclude(DOCUMENT, "openai", [refused()], 0.5),
    ]:
        summary.add(outcome)
    budget = Budget(None, DOLLAR_A_TOKEN)
    asyncio.run(spend(budget, Usage(10, 3)))
    tally = Tally(2, Usage(10, 3, 1))
    tally.failures["HTTP 500"] += 4
    summary.close(tally, budget)
    assert (summary.n_documents, summary.n_silver, summary.n_relations) == (3, 2, 2)
    assert (summary.n_cached, summary.n_lost_subjects) == (1, 1)
    assert summary.refusals == {"truncated": 1}
    assert summary.ungrounded == {"object_not_in_text": 1}
    assert (summary.prompt_tokens, summary.completion_tokens) == (15, 5)
    assert summary.cost.n_calls == 2
    assert summary.cost.usd == 13
    assert summary.log_usd == 7  # the document out of the log: 5 and 2 tokens
    assert json.loads(json.dumps(summary.to_dict()))["cost"]["failures"] == {"HTTP 500": 4}
    unpriced = LabelSummary()
    unpriced.close(Tally(), Budget(None, None))
    assert (unpriced.cost.usd, unpriced.log_usd) == (None, None)
