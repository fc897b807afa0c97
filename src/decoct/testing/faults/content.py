"""Faults in what the model says: the HTTP answer is whole, and its content is not as hoped."""

from __future__ import annotations

from decoct.testing.faults.base import Fault


def wrong_schema() -> Fault:
    """Return content that is JSON, of another schema than asked for."""
    return Fault(rewrite=lambda content: '{"summary": "The text was read."}', name="wrong_schema")


def broken_answer(text: str = '{"drugs": ["') -> Fault:
    """Return content that is not valid JSON."""
    return Fault(rewrite=lambda content: text, name="broken_answer")


def extra_prose() -> Fault:
    """Return the right answer in a code fence, with words around it."""
    return Fault(
        rewrite=lambda content: f"Sure, here it is:\n\n```json\n{content}\n```\n\nAnything else?",
        name="extra_prose",
    )


def empty_choices() -> Fault:
    """Return an answer without a choice."""
    return Fault(answer_patch={"choices": []}, name="empty_choices")


def finish(reason: str) -> Fault:
    """Return an answer that ends for another reason than `stop`, such as `length`."""
    return Fault(patch={"finish_reason": reason}, name=f"finish_{reason}")


def content_filter() -> Fault:
    """Return an answer that a filter has emptied."""
    empty = {"content": None}
    patch = {"finish_reason": "content_filter"}
    return Fault(patch=patch, message_patch=empty, name="content_filter")


def refusal(words: str = "I can't help with that.") -> Fault:
    """Return an answer whose `refusal` is set."""
    return Fault(message_patch={"refusal": words, "content": None}, name="refusal")


def no_usage() -> Fault:
    """Return an answer that does not say what it is billed for."""
    return Fault(answer_patch={"usage": None}, name="no_usage")
