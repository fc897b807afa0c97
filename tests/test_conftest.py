"""The tests themselves reach nothing but loopback."""

import socket

import pytest


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("example.org", 80)])
@pytest.mark.parametrize("name", ["connect", "connect_ex"])
def test_the_network_is_blocked(address, name):
    with (
        socket.socket() as mine,
        pytest.raises(Exception, match="only loopback is open"),
    ):
        getattr(mine, name)(address)


def test_loopback_is_open():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
