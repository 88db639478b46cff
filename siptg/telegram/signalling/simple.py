"""Simple framing of signalling messages: versions 4.0.x and 7.0.0. Pure.

A packet is `seq (u32) ‖ text`, nothing acknowledges it. So each packet goes out several times, the
same to the last byte: the other end knows a packet that it had by its counter (design: §3 of the
wire protocol). An answer to one message does not prove that the others came, so each is repeated
after 1, 2 and 4 seconds whatever comes; and as long as nothing at all came of the other end, every
8 seconds after that, for as long as calls wait for their media.
"""

from __future__ import annotations

import struct
from collections import Counter

import attrs

from siptg.telegram.signalling.cipher import SignallingCipher
from siptg.telegram.signalling.memory import Memory
from siptg.telegram.signalling.zipped import unzipped, zipped

REPEATS = (1.0, 2.0, 4.0)
"""Seconds from one sending of a packet to the next, whatever comes."""
UNHEARD_REPEATS = (8.0, 8.0, 8.0)
"""… and further ones while nothing came of the other end."""
GAPS = REPEATS + UNHEARD_REPEATS
MOST_REPEATED = 64
"""Packets that wait for another sending; more are sent once."""
LARGEST_PLAIN, LARGEST_OUT = 8 * 1024, 16 * 1024
"""Bytes: a longer text is zipped; a longer packet would not be read."""
SETUP = b'"InitialSetup"'
_SEQ = struct.Struct(">I")


@attrs.define
class _Repeated:
    packet: bytes
    due: float
    is_setup: bool
    times: int = 0


@attrs.define(eq=False)
class SimpleFraming:
    """After each call send `outgoing()` and wake at `deadline()` for `tick`."""

    cipher: SignallingCipher
    counters: Counter[str] = attrs.field(factory=Counter)
    _counter: int = 0
    _repeated: list[_Repeated] = attrs.field(factory=list)
    """Oldest first."""
    _heard: bool = False
    _seen: Memory = attrs.field(factory=Memory)
    _ready: list[bytes] = attrs.field(factory=list)

    def post(self, text: bytes, now: float) -> None:
        """Send a message now and some more times."""
        body = text if len(text) <= LARGEST_PLAIN else zipped(text)
        if len(body) + 20 > LARGEST_OUT:
            self.counters["too_long"] += 1
            return
        self._counter += 1
        packet = self.cipher.seal(_SEQ.pack(self._counter) + body)
        self._ready.append(packet)
        is_setup = SETUP in text[:64]
        if is_setup:
            # a browser takes each for the newest: an old one would undo an ICE restart
            self._repeated = [waiting for waiting in self._repeated if not waiting.is_setup]
        if len(self._repeated) < MOST_REPEATED:
            self._repeated.append(_Repeated(packet, now + GAPS[0], is_setup))
        else:
            self.counters["unrepeated"] += 1

    def receive(self, packet: bytes, now: float) -> list[bytes]:
        """The message of a packet; none where it came before or cannot be read."""
        body = self.cipher.open(packet)
        if body is None:
            self.counters["undecryptable"] += 1
            return []
        # by the whole body, not by its counter: in which order a counter's bytes stand, and
        # whether it counts, differs between clients
        if not self._seen.add(packet[:16]):
            self.counters["repeated"] += 1
            return []
        self._heard = True
        text = unzipped(body[_SEQ.size :])
        if text is None:
            self.counters["bad_gzip"] += 1
            return []
        text = text.strip(b" \0")  # one client pads to a multiple of four
        return [text] if text else []

    def tick(self, now: float) -> None:
        for waiting in self._repeated:
            if waiting.due <= now and not self._is_done(waiting):
                self._ready.append(waiting.packet)
                waiting.times += 1
                waiting.due = now + (*GAPS, 0.0)[waiting.times]
        self._repeated = [waiting for waiting in self._repeated if not self._is_done(waiting)]

    def outgoing(self) -> list[bytes]:
        """Sealed packets, in the order to send them."""
        ready, self._ready = self._ready, []
        return ready

    def deadline(self) -> float | None:
        return min((w.due for w in self._repeated if not self._is_done(w)), default=None)

    def _is_done(self, waiting: _Repeated) -> bool:
        return waiting.times >= len(REPEATS if self._heard else GAPS)
