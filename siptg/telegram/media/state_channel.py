"""The data channel that carries MediaState: one, number 0, labelled "data" (RFC 8831, RFC 8832;
design: §5 of the wire protocol). What the other end sends beside is counted and bounded.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections import Counter
from collections.abc import Callable
from typing import Any

from siptg.telegram.signalling.chunks import are_sound
from siptg.telegram.signalling.gate import Gate
from siptg.telegram.signalling.sctp import LARGEST_PACKET, STREAM, Association, run

log = logging.getLogger(__name__)

CONTROL, TEXT, BINARY = 50, 51, 53
"""Payload protocols (RFC 8831 §8)."""
ACK, OPEN = 2, 3
"""Messages of control (RFC 8832 §8.2)."""
LABEL = b"data"
LARGEST_TEXT = 16 * 1024
MOST_TRIES = 40
"""Times that an association is asked for, some half a minute: there are ends without."""


class StateChannel:
    """`say` a text once `on_open` was called. Nothing of it raises, whatever comes.

    To aiortc's DTLS transport it is what takes its data.
    """

    def __init__(
        self,
        *,
        caller: bool,
        client: bool,
        send: Callable[[bytes], None],
        counters: Counter[str],
        announced: bool = True,
    ) -> None:
        """`client` of DTLS; `send` takes an SCTP packet. `counters` are those of the call.
        `announced` in band by the caller; otherwise both ends take for granted that it is there.
        """
        self._announced = announced
        self.on_open: Callable[[], None] = lambda: None
        self.on_text: Callable[[bytes], None] = lambda text: None
        self._caller, self._counters = caller, counters
        self._gate = Gate()
        self._open = False
        self._association = _Association(
            "client" if client else "server", send, self._receive, self._stands, counters
        )

    def start(self) -> None:
        self._association.begin()

    def say(self, text: bytes) -> None:
        association = self._association
        if self._open and association.takes_more:
            run(association._send(STREAM, TEXT, text))

    def close(self) -> None:
        self._association.close()

    async def _handle_data(self, packet: bytes) -> None:
        """An SCTP packet, decrypted."""
        counters = self._counters
        if not self._gate.lets(asyncio.get_running_loop().time()):
            counters["channel_flooded"] += 1
        elif len(packet) > LARGEST_PACKET or not are_sound(packet):
            counters["channel_malformed"] += 1
        else:
            try:
                run(self._association._handle_data(packet))
            except Exception as error:
                # whatever a packet leads aiortc to; the association stays as it was
                counters["channel_malformed"] += 1
                log.debug("! an SCTP packet that cannot be used: %r", error)

    def _stands(self) -> None:
        if not self._announced:
            self._opened()
        elif self._caller:
            name = struct.pack(">BBHIHH", OPEN, 0, 0, 0, len(LABEL), 0) + LABEL
            run(self._association._send(STREAM, CONTROL, name))
            # what follows is in order behind it: the answer need not be waited for (RFC 8832 §6)
            self._opened()

    def _opened(self) -> None:
        if not self._open:
            self._open = True
            self.on_open()

    def _receive(self, kind: int, data: bytes) -> None:
        if kind == CONTROL and data[:1] == bytes((OPEN,)) and not self._caller:
            run(self._association._send(STREAM, CONTROL, bytes((ACK,))))
            self._opened()
        elif kind in (TEXT, BINARY) and len(data) <= LARGEST_TEXT:
            self.on_text(data)
        elif kind != CONTROL:
            self._counters["channel_malformed"] += 1


class _Association(Association):
    """Signalling's, for one stream as well; it ends trying where the other end has none."""

    def __init__(
        self,
        role: str,
        send: Callable[[bytes], None],
        told: Callable[[int, bytes], None],
        stands: Callable[[], None],
        counters: Counter[str],
    ) -> None:
        super().__init__(role, send, lambda data: None, counters)
        self._tell, self._tell_stands = told, stands
        self._tries = 0

    def begin(self) -> None:
        run(self.start(None, 5000))

    async def _receive(self, stream_id: int, pp_id: int, data: bytes) -> None:
        self._tell(pp_id, data)

    def _set_state(self, state: Any) -> None:
        new = state != self._association_state
        super()._set_state(state)
        if new and self.stands:
            self._tell_stands()

    def _t1_expired(self) -> None:
        self._tries += 1
        if self._tries < MOST_TRIES:
            super()._t1_expired()
