"""Servers that help two ends to a path: STUN, TURN, and Telegram's own reflectors."""

from __future__ import annotations

import ipaddress
import re

import attrs

DEFAULT_PORTS = {"stun": 3478, "turn": 3478, "turns": 5349}
_URI = re.compile(
    r"(?P<scheme>stun|turns?):(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>\d{1,5}))?"
    r"(?:\?transport=(?P<transport>udp|tcp))?"
)


def _canonical(host: str) -> str:
    """As the system writes it; Telegram writes addresses of IPv6 in full."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host


@attrs.frozen
class RelayServer:
    """A STUN or TURN server (RFC 8489, RFC 8656)."""

    host: str
    port: int
    turn: bool
    stun: bool
    username: str
    password: str = attrs.field(repr=False)
    transport: str = "udp"
    """How TURN is reached: `udp`, `tcp` or `tls`."""
    verify: bool = True
    """Whether the certificate of a TLS server is checked, against `ca_file` or the system's own."""
    ca_file: str = ""

    @property
    def name(self) -> str:
        """For the log."""
        return f"{self.host} port {self.port} ({self.transport})"


@attrs.frozen
class Reflector:
    """A relay of Telegram's own kind (design: §6.2 of the wire protocol)."""

    id: int
    host: str = attrs.field(converter=_canonical)
    port: int
    tag: bytes = attrs.field(repr=False)
    """16 bytes; the first 12 name the call."""
    tcp: bool


def relay_server(
    uri: str, username: str = "", password: str = "", *, verify: bool = True, ca_file: str = ""
) -> RelayServer:
    """A server by its URI (RFC 7064, RFC 7065): `stun:host`, `turn:host:3478?transport=tcp`,
    `turns:host:5349`. ValueError in words for the person who wrote it.
    """
    match = _URI.fullmatch(uri)
    if match is None:
        raise ValueError(
            "stun:HOST, turn:HOST:PORT, turn:HOST:PORT?transport=tcp or turns:HOST:PORT expected,"
            f" not {uri!r}"
        )
    scheme, transport = match["scheme"], match["transport"] or "udp"
    port = int(match["port"] or DEFAULT_PORTS[scheme])
    if not 0 < port <= 0xFFFF:
        raise ValueError(f"a port from 1 to 65535 expected, not {port}")
    if scheme == "stun" and match["transport"]:
        raise ValueError("stun takes no transport")
    if scheme == "turns":
        if match["transport"] == "udp":
            raise ValueError("turns goes over TCP: TURN over DTLS is not spoken")
        transport = "tls"
    turn = scheme != "stun"
    if turn and not (username and password):
        raise ValueError("a TURN server wants username and password")
    host = match["host"].strip("[]")
    return RelayServer(host, port, turn, not turn, username, password, transport, verify, ca_file)
