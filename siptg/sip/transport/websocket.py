"""SIP in WebSocket frames, both ends (RFC 7118, RFC 6455 by wsproto)."""

from __future__ import annotations

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Pong,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from siptg.sip.errors import ProtocolError
from siptg.sip.parser import LIMITS, Limits

SUBPROTOCOL = "sip"


class WebSocketCodec:
    """One message a frame. Without the subprotocol `sip` there is no connection (RFC 7118 §5)."""

    def __init__(self, server: str | None = None, limits: Limits = LIMITS) -> None:
        """`server` is the host we connect to; None where they connect to us."""
        self.ready = self.closed = False
        self.pongs = 0
        self._limits = limits
        kind = ConnectionType.CLIENT if server is not None else ConnectionType.SERVER
        self._connection = WSConnection(kind)
        self._out = b""
        self._part = b""
        if server is not None:
            asked = Request(host=server, target="/", subprotocols=[SUBPROTOCOL])
            self._out = self._connection.send(asked)

    @property
    def busy(self) -> bool:
        return not self.ready or bool(self._part)

    def feed(self, data: bytes) -> list[bytes]:
        found: list[bytes] = []
        try:
            self._connection.receive_data(data)
            for event in self._connection.events():
                self._take(event, found)
        except (RemoteProtocolError, LocalProtocolError) as error:
            raise ProtocolError(f"not WebSocket: {error}") from None
        return found

    def _take(self, event: object, found: list[bytes]) -> None:
        connection = self._connection
        match event:
            case Request(subprotocols=offered):
                if SUBPROTOCOL not in offered:
                    refusal = RejectConnection(status_code=400, headers=[(b"content-length", b"0")])
                    self._out += connection.send(refusal)
                    raise ProtocolError("a WebSocket without the subprotocol sip")
                self._out += connection.send(AcceptConnection(subprotocol=SUBPROTOCOL))
                self.ready = True
            case AcceptConnection(subprotocol=chosen):
                if chosen != SUBPROTOCOL:
                    raise ProtocolError("a WebSocket without the subprotocol sip")
                self.ready = True
            case RejectConnection(status_code=status):
                raise ProtocolError(f"the WebSocket was refused with {status}")
            case RejectData():
                pass
            case TextMessage(data=text):
                self._gather(text.encode("utf-8", "surrogateescape"), event, found)
            case BytesMessage(data=some):
                self._gather(bytes(some), event, found)
            case Ping():
                self._out += connection.send(event.response())
            case Pong():
                self.pongs += 1
            case CloseConnection():
                self._out += connection.send(event.response())
                self.closed = True

    def _gather(self, data: bytes, event: TextMessage | BytesMessage, found: list[bytes]) -> None:
        self._part += data
        if len(self._part) > self._limits.size:
            raise ProtocolError(f"more than {self._limits.size} bytes", 513)
        if event.message_finished:
            found.append(self._part)
            self._part = b""

    def wrap(self, message: bytes) -> bytes:
        try:
            return self._connection.send(TextMessage(data=message.decode("utf-8")))
        except UnicodeDecodeError:
            return self._connection.send(BytesMessage(data=message))

    def ping(self) -> bytes:
        return self._connection.send(Ping())

    def outgoing(self) -> bytes:
        out, self._out = self._out, b""
        return out
