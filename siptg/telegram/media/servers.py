"""Servers that help two ends to a path: STUN, TURN, and Telegram's own reflectors."""

from __future__ import annotations

import attrs


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


@attrs.frozen
class Reflector:
    """A relay of Telegram's own kind (design: §6.2 of the wire protocol)."""

    id: int
    host: str
    port: int
    tag: bytes = attrs.field(repr=False)
    """16 bytes; the first 12 name the call."""
    tcp: bool
