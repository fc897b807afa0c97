"""No network, the same examples each time, and where the real data is."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# tiny models run many times faster on one thread than on threads that wait for each other
os.environ.setdefault("OMP_NUM_THREADS", "1")
# no hub is asked, which without a network takes it half a minute to find out
os.environ.setdefault("HF_HUB_OFFLINE", "1")

settings.register_profile("decoct", derandomize=True, max_examples=40, deadline=None, database=None)
settings.load_profile("decoct")

REPOSITORY = Path(__file__).parent.parent
LOOPBACK = ("127.", "::1", "localhost")


class NetworkBlockedError(Exception):
    """A test tried to reach something other than loopback."""


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    """Block every connection that leaves this machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        yield


def _guarded(connect):
    def guard(self: socket.socket, address):
        is_inet = self.family in (socket.AF_INET, socket.AF_INET6)
        if is_inet and not str(address[0]).startswith(LOOPBACK):
            raise NetworkBlockedError(f"a test wanted to reach {address!r}; only loopback is open")
        return connect(self, address)

    return guard


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of the real data: `DECOCT_SHARED`, or `shared` beside the repository."""
    named = os.environ.get("DECOCT_SHARED")
    path = Path(named) if named else REPOSITORY.parent / "shared"
    if not (path / "data").is_dir():
        pytest.skip(f"{path} holds no data; set DECOCT_SHARED to the folder that does")
    return path
