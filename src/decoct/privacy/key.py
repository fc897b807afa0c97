"""The secret that surrogates are drawn with: the same key makes the same ones, nobody else can.

Source: HMAC (RFC 2104) with SHA-256. Parts are joined with their lengths, so that no two lists of
parts are one message.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from decoct.errors import ConfigError

VARIABLE = "DECOCT_DEID_KEY"
MIN_BYTES = 16
T = TypeVar("T")


class Key:
    """A secret key, which no message and no repr shows.

    Args:
        secret: at least `MIN_BYTES` bytes.
        is_random: whether it was made for this run.

    Raises:
        ConfigError: the secret is too short.
    """

    __slots__ = ("_secret", "is_random")

    def __init__(self, secret: bytes, *, is_random: bool = False) -> None:
        if len(secret) < MIN_BYTES:
            raise ConfigError(
                f"the de-identification key has {len(secret)} bytes, {MIN_BYTES} are the least; "
                "make one with: openssl rand -hex 32"
            )
        self._secret = secret
        self.is_random = is_random

    @classmethod
    def of(cls, key: Key | str | bytes | None) -> Key:
        """Return a key of whatever was given; None makes a random one.

        Raises:
            ConfigError: it is too short.
        """
        if isinstance(key, Key):
            return key
        if key is None:
            return cls(secrets.token_bytes(32), is_random=True)
        return cls(key.encode("utf-8") if isinstance(key, str) else key)

    @classmethod
    def read(cls, file: Path | None) -> Key:
        """Return the key in a file, else that of the environment, else a random one.

        White space around it does not count.

        Raises:
            ConfigError: it can't be read, others may read it too, or it is too short.
        """
        if file is not None:
            return cls(_read_private(file))
        return cls.of(os.environ.get(VARIABLE, "").strip() or None)

    def derive(self, *parts: str) -> Key:
        """Return a key of its own for a purpose, such as a patient."""
        return Key(self._digest(parts))

    def number(self, *parts: str) -> int:
        """Return the number below 2**256 that belongs to these parts."""
        return int.from_bytes(self._digest(parts), "big")

    def pick(self, choices: Sequence[T], *parts: str) -> T:
        """Return the one of `choices` that belongs to these parts."""
        return choices[self.number(*parts) % len(choices)]

    def hex(self, *parts: str, n_chars: int = 16) -> str:
        """Return hex digits that belong to these parts and tell nothing of the key."""
        return self._digest(parts).hex()[:n_chars]

    def _digest(self, parts: Sequence[str]) -> bytes:
        message = b"".join(
            len(raw).to_bytes(8, "big") + raw
            for raw in (part.encode("utf-8", "surrogatepass") for part in parts)
        )
        return hmac.digest(self._secret, message, hashlib.sha256)

    def __repr__(self) -> str:
        return "Key(***)"


def _read_private(file: Path) -> bytes:
    """Read a file that nobody else may read, its permissions checked on the very file."""
    try:
        with file.open("rb") as handle:
            mode = os.fstat(handle.fileno()).st_mode
            if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ConfigError(
                    f"--key-file {file}: others may read it (mode {stat.S_IMODE(mode):o}); "
                    f"chmod 600 {file}"
                )
            return handle.read().strip()
    except OSError as error:
        raise ConfigError(f"--key-file {file}: can't be read: {error.strerror}") from None
