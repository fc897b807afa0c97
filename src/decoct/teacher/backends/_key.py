"""The key of an endpoint: out of the environment, or a file that nobody else may read."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from decoct.errors import ConfigError


def read_key(variable: str, file: Path | None, needed: bool) -> str:
    """Return the key, or an empty string where there is none and none is needed.

    Args:
        variable: name of the environment variable that holds it.
        file: a file that holds it; it wins.
        needed: whether the endpoint is one that wants a key.

    Raises:
        ConfigError: there is none, it is no key, or the file can be read by others.
    """
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", variable):
        raise ConfigError("api_key_env: give the variable's name, in capitals, not the key")
    key = _read_file(file) if file else os.environ.get(variable, "").strip()
    where = f"api_key_file {file}" if file else f"the environment variable {variable}"
    if not key and (needed or file):
        way_out = "holds no key" if file else "is not set"
        raise ConfigError(f"no key: {where} {way_out}")
    if key and not re.fullmatch(r"[!-~]+", key):
        raise ConfigError(f"{where} holds characters no key has")
    return key


def _read_file(file: Path) -> str:
    """Read a key file, its permissions checked on the very file that is read."""
    try:
        with open(file, "rb", opener=_at_once) as handle:
            found = os.fstat(handle.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise ConfigError(f"api_key_file {file}: not a regular file")
            if os.name == "posix":
                _check_private(file, found)
            return handle.read(4096).decode("ascii").strip()
    except OSError as error:
        raise ConfigError(f"api_key_file {file}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"api_key_file {file}: holds characters no key has") from None


def _at_once(path: str, flags: int) -> int:
    """Open a file without waiting for a writer, as a named pipe would have it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_private(file: Path, found: os.stat_result) -> None:
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(
            f"api_key_file {file}: others may read it (mode {stat.S_IMODE(found.st_mode):o}); "
            f"chmod 600 {file}"
        )
    if found.st_uid not in (os.geteuid(), 0):
        raise ConfigError(f"api_key_file {file}: belongs to another user")
