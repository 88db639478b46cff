"""Servers by their URIs."""

from __future__ import annotations

import pytest

from siptg.telegram.media.servers import relay_server


@pytest.mark.parametrize(
    ("uri", "host", "port", "transport"),
    [
        ("turn:turn.example.com", "turn.example.com", 3478, "udp"),
        ("turn:192.0.2.1:80?transport=tcp", "192.0.2.1", 80, "tcp"),
        ("turns:turn.example.com", "turn.example.com", 5349, "tls"),
        ("turns:[2001:db8::1]:443?transport=tcp", "2001:db8::1", 443, "tls"),
    ],
)
def test_turn(uri: str, host: str, port: int, transport: str) -> None:
    server = relay_server(uri, "u", "p")
    assert (server.host, server.port, server.transport) == (host, port, transport)
    assert server.turn and not server.stun


def test_stun_wants_no_password() -> None:
    server = relay_server("stun:stun.example.com:19302")
    assert (server.host, server.port, server.stun, server.turn) == (
        "stun.example.com",
        19302,
        True,
        False,
    )


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("turn.example.com", "expected, not"),
        ("http://turn.example.com", "expected, not"),
        ("turn:turn.example.com:99999", "a port from 1 to 65535"),
        ("turns:turn.example.com?transport=udp", "DTLS is not spoken"),
        ("stun:stun.example.com?transport=tcp", "no transport"),
    ],
)
def test_what_is_wrong_is_said(uri: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        relay_server(uri, "u", "p")


def test_turn_without_a_password_is_refused() -> None:
    with pytest.raises(ValueError, match="username and password"):
        relay_server("turn:turn.example.com")


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(relay_server("turn:turn.example.com", "u", "secret"))
