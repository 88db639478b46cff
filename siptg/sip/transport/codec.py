"""How messages lie in a connection's bytes: plainly (RFC 3261 §18.3), or in WebSocket frames."""

from __future__ import annotations

from typing import Protocol

from siptg.sip.framing import PING, PONG, Framer
from siptg.sip.parser import LIMITS, Limits


class Codec(Protocol):
    """One connection's. `feed` and `outgoing` are all that touches bytes."""

    @property
    def ready(self) -> bool:
        """Messages may be sent."""
        ...

    @property
    def busy(self) -> bool:
        """Something has begun and is not complete."""
        ...

    @property
    def closed(self) -> bool:
        """The other end said that it is over."""
        ...

    @property
    def pongs(self) -> int:
        """Answers to keep-alives that came."""
        ...

    def feed(self, data: bytes) -> list[bytes]:
        """Whole messages; ProtocolError where nothing good can follow."""
        ...

    def wrap(self, message: bytes) -> bytes: ...

    def ping(self) -> bytes:
        """A keep-alive that wants an answer."""
        ...

    def outgoing(self) -> bytes:
        """What the protocol itself has to say: handshakes, pongs."""
        ...


class PlainCodec:
    """SIP over TCP and TLS."""

    ready: bool = True
    closed: bool = False

    def __init__(self, limits: Limits = LIMITS) -> None:
        self._framer = Framer(limits)

    @property
    def busy(self) -> bool:
        return self._framer.busy

    @property
    def pongs(self) -> int:
        return self._framer.pongs

    def feed(self, data: bytes) -> list[bytes]:
        return self._framer.feed(data)

    def wrap(self, message: bytes) -> bytes:
        return message

    def ping(self) -> bytes:
        return PING

    def outgoing(self) -> bytes:
        pings, self._framer.pings = self._framer.pings, 0
        return PONG * min(pings, 4)
