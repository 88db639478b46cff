"""Messages out of a stream of bytes (RFC 3261 §18.3), keep-alives told apart (RFC 5626 §4.4.1)."""

from __future__ import annotations

import re

from siptg.sip.errors import ProtocolError
from siptg.sip.parser import LIMITS, Limits

LONGEST_HEAD = 32_768
_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:\s*(\S*)[ \t]*\r?$", re.I | re.M)
_FIRST = re.compile(rb"SIP/2\.0 |[A-Za-z0-9\-.!%*_+`'~]{1,64} [^\r\n]+ SIP/\d", re.I)
PING, PONG = b"\r\n\r\n", b"\r\n"


class Framer:
    """`feed` takes what came and gives whole messages. Its work is linear in the bytes, whatever
    their cut; ProtocolError where no message can follow any more: the stream is then to be closed.
    """

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.pings = 0
        """Keep-alives that want a pong; whoever answers them takes them off."""
        self.pongs = 0
        self._limits = limits
        self._buffer = bytearray()
        self._searched = 0
        self._size: int | None = None
        self._half_a_ping = False

    @property
    def busy(self) -> bool:
        """A message has begun and is not complete."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        self._buffer += data
        found = []
        while (size := self._next()) is not None and len(self._buffer) >= size:
            found.append(bytes(self._buffer[:size]))
            self._cut(size)
        return found

    def _next(self) -> int | None:
        """Bytes of the message at hand; None while its head is not complete."""
        if self._size is not None:
            return self._size
        self._skip_line_ends()
        buffer = self._buffer
        if buffer and not 0x20 < buffer[0] < 0x7F and buffer[0] != 0x0D:
            raise ProtocolError("not SIP")  # TLS where none is expected, or worse
        end = buffer.find(b"\r\n\r\n", max(0, self._searched - 3))
        if end < 0:
            first_seen = self._searched
            self._searched = len(buffer)
            if len(buffer) > LONGEST_HEAD:
                raise ProtocolError(f"a head of more than {LONGEST_HEAD} bytes", 513)
            if len(buffer) > 128 >= first_seen and b"\n" in buffer and not _FIRST.match(buffer):
                raise ProtocolError("not SIP")
            return None
        if end > LONGEST_HEAD:
            raise ProtocolError(f"a head of more than {LONGEST_HEAD} bytes", 513)
        head = bytes(buffer[:end])
        if not _FIRST.match(head):
            raise ProtocolError("not SIP")
        lengths = set(_LENGTH.findall(head + b"\r"))
        if len(lengths) != 1:
            raise ProtocolError("no Content-Length" if not lengths else "two Content-Lengths")
        digits = lengths.pop()
        if not digits.isdigit() or len(digits) > 9:
            raise ProtocolError(f"bad Content-Length {digits[:20]!r}")
        size = end + 4 + int(digits)
        if size > self._limits.size:
            raise ProtocolError(f"{size} bytes, {self._limits.size} at most", 513)
        self._size = size
        return size

    def _skip_line_ends(self) -> None:
        buffer = self._buffer
        while buffer and buffer[0] in b"\r\n":
            if buffer[:4] == PING:
                self.pings += 1
                self._cut(4)
                self._half_a_ping = False
            elif buffer[:2] == PONG:
                if self._half_a_ping:
                    self.pings, self.pongs = self.pings + 1, self.pongs - 1
                else:
                    self.pongs += 1
                self._half_a_ping = not self._half_a_ping and bytes(buffer[2:]) in (b"", b"\r")
                self._cut(2)
            elif buffer[:1] == b"\r" and len(buffer) == 1:
                return  # the rest of it is on its way
            else:
                self._cut(1)
        if buffer:
            self._half_a_ping = False

    def _cut(self, size: int) -> None:
        del self._buffer[:size]
        self._searched, self._size = 0, None
