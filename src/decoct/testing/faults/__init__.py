"""The ways in which `FakeOpenAI` misbehaves, each a small constructor of a `Fault`."""

from decoct.testing.faults.base import Fault
from decoct.testing.faults.connection import cut_stream, hang, reset, wrong_length
from decoct.testing.faults.content import (
    broken_answer,
    content_filter,
    empty_choices,
    extra_prose,
    finish,
    no_usage,
    refusal,
    wrong_schema,
)
from decoct.testing.faults.errors import (
    garbage,
    redirect,
    status,
    throttled,
    throttled_ms,
    throttled_until,
    truncated_json,
)
from decoct.testing.faults.standing import no_system_role, rejects, slow_start, takes_formats

__all__ = [
    "Fault",
    "broken_answer",
    "content_filter",
    "cut_stream",
    "empty_choices",
    "extra_prose",
    "finish",
    "garbage",
    "hang",
    "no_system_role",
    "no_usage",
    "redirect",
    "refusal",
    "rejects",
    "reset",
    "slow_start",
    "status",
    "takes_formats",
    "throttled",
    "throttled_ms",
    "throttled_until",
    "truncated_json",
    "wrong_length",
    "wrong_schema",
]
