"""How the server listens, and how much it takes at a time."""

from __future__ import annotations

import hmac
import ipaddress
import os
from functools import lru_cache
from hashlib import sha256
from typing import Annotated, Self

from pydantic import Field, model_validator

from decoct.config import Settings
from decoct.errors import ConfigError

KEY_VARIABLE = "DECOCT_SERVE_KEY"
MIN_KEY_BYTES = 16
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]


class ServeSettings(Settings):
    """How the server listens, and how much it takes at a time.

    Attributes:
        host: the address to listen at.
        port: likewise; 0 for any that is free.
        without_key: whether it may listen at an address that others reach, and ask for no key.
        max_body_bytes: the most that a request's body may have; of NDJSON, a line.
        max_documents: the most documents, or mentions, of a request; of NDJSON there may be more.
        max_chars: the most characters of a text.
        max_waiting: documents that wait or are worked on; what comes beyond it gets a 503.
        max_waiting_chars: their characters.
        max_held_bytes: of all bodies that are being read or answered.
        max_requests: that are open at the same time.
        stream_window: documents of one NDJSON request that are under way.
        batch_documents: documents of a batch. Small ones are the fastest on a cpu, as less of them
            is padding; give 64 or more to a GPU.
        batch_chars: characters of a batch, unless it is a single document.
        body_timeout_s: how long a body may take; of NDJSON, a part of it.
        send_timeout_s: how long a client may leave what it is sent unread.
        drain_s: after SIGTERM, how long new work is still taken while `/ready` says no.
        grace_s: after that, how long what was accepted may take.
        access_log: whether a line is written for each request.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    without_key: bool = False
    max_body_bytes: Count = 4 * 2**20
    max_documents: Count = 1000
    max_chars: Count = 100_000
    max_waiting: Count = 2000
    max_waiting_chars: Count = 20_000_000
    max_held_bytes: Count = 128 * 2**20
    max_requests: Count = 1000
    stream_window: Annotated[int, Field(ge=3)] = 256
    batch_documents: Count = 8
    batch_chars: Count = 16_000
    body_timeout_s: Seconds = 20.0
    send_timeout_s: Seconds = 60.0
    drain_s: Annotated[float, Field(ge=0)] = 0.0
    grace_s: Seconds = 30.0
    access_log: bool = True

    @model_validator(mode="after")
    def _check_room(self) -> Self:
        if self.max_waiting < self.max_documents:
            raise ValueError("max_waiting: must be at least max_documents, or none would fit")
        if self.max_waiting_chars < self.max_body_bytes:
            raise ValueError("max_waiting_chars: must be at least max_body_bytes")
        if self.max_held_bytes < self.max_body_bytes:
            raise ValueError("max_held_bytes: must be at least max_body_bytes")
        return self

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    def check_exposed(self, key: ServeKey | None) -> None:
        """See that nobody else can use the server by accident.

        Raises:
            ConfigError: others can reach it, and it asks for no key.
        """
        if key is None and not self.is_loopback and not self.without_key:
            raise ConfigError(
                f"--host {self.host}: others can reach it and there is no key; set {KEY_VARIABLE}, "
                "or say --without-key"
            )


class ServeKey:
    """The key that a client must show, which no message and no repr shows.

    Args:
        secret: at least `MIN_KEY_BYTES` bytes in UTF-8.

    Raises:
        ConfigError: it is too short.
    """

    __slots__ = ("_digest",)

    def __init__(self, secret: str) -> None:
        raw = secret.encode("utf-8", "surrogateescape")
        if len(raw) < MIN_KEY_BYTES:
            raise ConfigError(
                f"{KEY_VARIABLE} has {len(raw)} bytes, {MIN_KEY_BYTES} are the least; "
                "make one with: openssl rand -hex 32"
            )
        self._digest = sha256(raw).digest()

    @classmethod
    def from_environment(cls) -> ServeKey | None:
        """Return the key that the environment has, or None; white space around it does not count.

        Raises:
            ConfigError: it is too short.
        """
        secret = os.environ.get(KEY_VARIABLE, "").strip()
        return cls(secret) if secret else None

    def fits(self, authorization: bytes) -> bool:
        """Whether a header `Authorization` shows the key; it takes as long whatever it holds."""
        scheme, _, shown = authorization.partition(b" ")
        same = hmac.compare_digest(sha256(shown.strip()).digest(), self._digest)
        return same and scheme.lower() == b"bearer"

    def __repr__(self) -> str:
        return "ServeKey(***)"


def is_loopback(host: str) -> bool:
    """Whether an address, or `localhost`, is of this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


@lru_cache(maxsize=64)
def is_safe_host(header: bytes) -> bool:
    """Whether a header `Host` names an address or `localhost`.

    A page of somebody else's, whose name was made to point at this machine, has its name there.
    """
    name = header.decode("latin-1")
    name = name[: name.index("]") + 1] if name.startswith("[") and "]" in name else name
    name = name if name.startswith("[") else name.partition(":")[0]
    try:
        return bool(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        return name.lower() == "localhost" or name == ""
