"""Faults of the connection: late, cut off, or of another length than it says."""

from __future__ import annotations

from decoct.testing.faults.base import Fault


def hang(seconds: float) -> Fault:
    """Return an answer that comes so many seconds late."""
    return Fault(hang_s=seconds, name="hang")


def reset() -> Fault:
    """Return a connection cut (RST) without an answer."""
    return Fault(reset=True, name="reset")


def cut_stream() -> Fault:
    """Return the headers and half of the body, then the end of the connection."""
    return Fault(cut=True, name="cut_stream")


def wrong_length(off: int = 100) -> Fault:
    """Return an answer whose `Content-Length` is not its body's.

    Args:
        off: above 0, more bytes are announced than come, and the connection is closed; below 0,
            the last bytes are left over on a connection that stays open.
    """
    return Fault(length_off=off, name="wrong_length" if off > 0 else "short_length")
