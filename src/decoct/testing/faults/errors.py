"""Faults that are an HTTP error or another answer than asked for, as endpoints word them."""

from __future__ import annotations

from decoct.testing.faults.base import Fault

_SLOW_DOWN = {
    "error": {
        "message": "Rate limit reached",
        "type": "requests",
        "param": None,
        "code": "rate_limit_exceeded",
    }
}


def status(http_status: int, /, **error: str | None) -> Fault:
    """Return a plain HTTP error, with OpenAI's `message`, `type`, `param` and `code` if given."""
    body = {"error": {"message": "no", "type": "error", **error}}
    return Fault(http_status, body, name=str(http_status))


def throttled(retry_after: str | None = "1") -> Fault:
    """Return a 429 that says how long to wait.

    Args:
        retry_after: the header's value, seconds or a date; None leaves it out.
    """
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Fault(429, _SLOW_DOWN, headers, name="throttled")


def throttled_until(seconds: float) -> Fault:
    """Return a 429 whose `Retry-After` is the date (whole seconds) so long after the answer."""
    return Fault(429, _SLOW_DOWN, retry_at_s=seconds, name="throttled_until")


def throttled_ms(milliseconds: float) -> Fault:
    """Return a 429 that says how long to wait in `retry-after-ms`, as Azure does."""
    return Fault(429, _SLOW_DOWN, {"retry-after-ms": f"{milliseconds:g}"}, name="throttled_ms")


def redirect(url: str) -> Fault:
    """Return a 307 to another place."""
    return Fault(307, b"", {"Location": url}, name="redirect")


def garbage() -> Fault:
    """Return a 200 that is a web page."""
    page = b"<html>welcome to the hotel's wifi</html>"
    return Fault(body=page, headers={"Content-Type": "text/html"}, name="garbage")


def truncated_json() -> Fault:
    """Return a 200, whole by its length, whose JSON stops half-way."""
    return Fault(body=b'{"choices": [{"message": {"content": "{', name="truncated_json")
